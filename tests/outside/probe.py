"""An outside broker that is none: the contract around a paper exchange of its own, for wiring.

Tests put this folder beside engine/brokers. What it does is told by its Settings.
"""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import SecretStr

from engine.brokers import Adapter, Setup
from engine.brokers.paper import AlwaysOpen, PaperBroker, PaperSettings
from engine.domain.errors import BrokerAuthError, BrokerUnavailable, WrongEnvironment
from engine.feeds import QuoteBoard
from storage.memory import MemoryVault


class Probe(Adapter):
    """Refuses, hangs or works, as it is told."""

    class Settings(Adapter.Settings):
        """Its terms."""

        rest_url: str = ""
        stream_url: str = ""
        token_url: str = ""
        own_machine: bool = False
        connecting: str = "works"
        """works, hangs, down, locked_out, other_kind, breaks."""

    secrets: ClassVar[tuple[str, ...]] = ("key", "secret")
    made: ClassVar[list["Probe"]] = []

    @classmethod
    def mixed_up(cls, settings: Any, secrets: Mapping[str, SecretStr]) -> str:
        """Its live keys begin with AK."""
        is_live = secrets["key"].get_secret_value().startswith("AK")
        if is_live and settings.environment == "paper":
            return "environment: must be live with this key"
        return ""

    def __init__(self, settings: Any, setup: Setup) -> None:
        super().__init__(settings, setup)
        self.inner = PaperBroker(
            clock=setup.clock,
            board=QuoteBoard(),
            vault=MemoryVault(),
            settings=PaperSettings(start_cash_usd={a: Decimal(1000) for a in setup.accounts}),
            hours=AlwaysOpen(),
        )
        self.caps = self.inner.caps
        self.n_connects = 0
        self.connecting = settings.connecting
        Probe.made.append(self)

    async def connect(self) -> None:
        """As told."""
        self.n_connects += 1
        if self.connecting == "hangs":
            await asyncio.Event().wait()
        if self.connecting == "down":
            raise BrokerUnavailable("no connection")
        if self.connecting == "locked_out":
            key = self.setup.secrets["key"].get_secret_value()
            raise BrokerAuthError(f"{self.name} says 401 of the key {key}")
        if self.connecting == "other_kind":
            raise WrongEnvironment("configured paper, but this login is live")
        if self.connecting == "breaks":
            raise KeyError("accounts")
        await self.inner.connect()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
