"""E*TRADE's API v1: our own client, OAuth 1 signatures, orders previewed and then placed."""

from engine.brokers.etrade.broker import Etrade

__all__ = ["Etrade"]
