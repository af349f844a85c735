"""Buttons and menus below cards, a file per kind of card; they hold no state."""
