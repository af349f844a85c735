"""Alpaca: shares, ETFs, options and coins, through its own library in threads of ours."""

from engine.brokers.alpaca.broker import Alpaca

__all__ = ["Alpaca"]
