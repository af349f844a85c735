"""What is held, what is wished for it, and what can be done there."""
