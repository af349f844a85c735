"""The trading desk itself: knows no Discord, no SQL, no charts."""
