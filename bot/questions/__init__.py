"""The one confirmation before something is done that costs money or cannot be taken back."""
