"""The pinned panel: what it shows, its buttons, when it is edited; and the status text."""
