"""Exits: what is wished for is done."""
