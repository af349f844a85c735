"""tastytrade: shares, options up to four legs, futures; its library for login, bodies, streams."""

from engine.brokers._wire.put_off import put_off

with put_off("pandas", "pandas_market_calendars"):
    from engine.brokers.tastytrade.broker import Tastytrade

__all__ = ["Tastytrade"]
