"""tastytrade's market data: quotes and greeks by DXLink, asked for where it is silent; chains."""

from engine.brokers._wire.put_off import put_off

with put_off("pandas", "pandas_market_calendars"):
    from engine.feeds.tastytrade.feed import Tastytrade

__all__ = ["Tastytrade"]
