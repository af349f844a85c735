"""What may be done now, and where."""
