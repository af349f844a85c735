"""What all stories use."""
