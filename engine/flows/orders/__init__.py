"""One order: sent, cancelled, looked up."""
