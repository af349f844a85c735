"""Paper trading: real quotes, imaginary money, and the reference of the Broker contract."""

from engine.brokers.paper.broker import PaperBroker
from engine.brokers.paper.settings import AlwaysOpen, Hours, MarketHours, PaperSettings

__all__ = ["AlwaysOpen", "Hours", "MarketHours", "PaperBroker", "PaperSettings"]
