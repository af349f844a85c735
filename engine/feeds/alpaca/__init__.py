"""Alpaca's quotes: shares, options, coins; streamed first, asked for where the stream is silent."""

from engine.feeds.alpaca.feed import Alpaca

__all__ = ["Alpaca"]
