"""What was decided is done; all of it at once where everything is meant."""
