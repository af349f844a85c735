"""Logins that need a person in a browser: where to send them, and what to do with what they bring.

Runs in a terminal (``tradestream broker connect``): codes and tokens never pass through Discord.
"""

from typing import Protocol, runtime_checkable

from engine.brokers import BrokerAccount


@runtime_checkable
class Consent(Protocol):
    """An adapter whose broker asks the account's owner now and then."""

    asks_for: str
    """What the person brings back from the page, in a few words."""

    async def authorize_url(self) -> str:
        """The broker's page on which the owner lets us in; good for a few minutes.

        Raises:
            BrokerAuthError, BrokerUnavailable.
        """
        ...

    async def finish(self, answer: str) -> str:
        """Trade what the person brought for tokens and keep them; says until when they last.

        Raises:
            BrokerAuthError: it was not accepted. BrokerUnavailable.
        """
        ...

    async def accounts(self) -> list[BrokerAccount]:
        """What the new tokens reach."""
        ...

    async def close(self) -> None:
        """Hang up."""
        ...
