"""tastytrade's market data: quotes and greeks by DXLink, asked for where it is silent; chains."""

from engine.feeds.tastytrade.feed import Tastytrade

__all__ = ["Tastytrade"]
