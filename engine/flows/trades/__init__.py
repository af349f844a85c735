"""One trade: entered, followed, changed, taken back."""
