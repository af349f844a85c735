"""Gathers the records that reports are made of: from memory, from the store, from outside."""
