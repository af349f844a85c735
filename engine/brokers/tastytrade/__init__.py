"""tastytrade: shares, options up to four legs, futures; its library for login, bodies, streams."""

from engine.brokers.tastytrade.broker import Tastytrade

__all__ = ["Tastytrade"]
