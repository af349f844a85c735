"""A message or a form arrives: read, and judged trade by trade."""
