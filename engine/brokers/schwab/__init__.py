"""Charles Schwab, heir of TD Ameritrade: schwab-py's client over our own wire.

Needs the extra ``schwab``; without it this folder can be listed and read, not used.
"""

from engine.brokers.schwab.broker import Schwab

__all__ = ["Schwab"]
