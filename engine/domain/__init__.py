"""Frozen values and state tables of the trade; nothing here does I/O."""
