"""What real Discord refuses in a request body: its published schema, and rules beyond it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.sandbox.errors import Flaw
from bot.sandbox.rest import Call
from bot.sandbox.state import State


class Checks:
    """All checks of one sandbox. Hand-written rules always run; the schema when it is given."""

    def __init__(self, state: State, spec: Path | None) -> None:
        self._state = state

    def request(self, call: Call) -> tuple[Flaw, ...]:
        """Return what is wrong with a request."""
        return ()

    def answer(self, method: str, template: str, data: Any) -> tuple[Flaw, ...]:
        """Return what is wrong with an answer of the loopback itself."""
        return ()
