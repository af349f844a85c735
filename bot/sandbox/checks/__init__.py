"""What real Discord refuses in a request body: its published schema, and rules beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.sandbox.checks import commands, messages, modals
from bot.sandbox.checks.spec import Spec
from bot.sandbox.errors import ApiError, Flaw
from bot.sandbox.interactions import CHOICES, DEFER, MODAL, REPLY, UPDATE
from bot.sandbox.rest import Call
from bot.sandbox.state import State

Json = dict[str, Any]
_MESSAGE = "/channels/{channel_id}/messages"
_POSTS = (_MESSAGE, "/webhooks/{webhook_id}/{webhook_token}")
_CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"


class Checks:
    """All checks of one sandbox. Hand-written rules always run; the schema when it is given."""

    def __init__(self, state: State, spec: Path | None) -> None:
        self._state = state
        self._spec = Spec(spec) if spec is not None else None

    def request(self, call: Call) -> tuple[Flaw, ...]:
        """Return what is wrong with a request.

        A malformed body counts as one flaw, so that later rules may trust its shape.
        """
        if call.method in ("GET", "DELETE"):
            return ()
        if self._spec is not None and call.body is not None:
            flaws = tuple(self._spec.request(call.method, call.template, call.body))
            if flaws:
                return flaws
        try:
            return tuple(self._rules(call))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return (Flaw((), "MALFORMED", f"{type(error).__name__}: {error}"),)

    def answer(self, method: str, template: str, data: Any) -> tuple[Flaw, ...]:
        """Return what is wrong with an answer of the loopback itself."""
        if self._spec is None:
            return ()
        return tuple(self._spec.answer(method, template, data))

    def _rules(self, call: Call) -> Iterator[Flaw]:
        if call.template == _CALLBACK:
            yield from self._callback(call)
        elif call.method == "POST" and call.template in _POSTS:
            yield from messages.check(call.json, len(call.files))
        elif call.method == "PATCH" and "/messages/" in call.template:
            yield from messages.check(call.json, len(call.files), was_v2=self._is_v2(call))
        elif call.template.endswith("/commands"):
            if call.method == "PUT":
                yield from commands.check_all(call.body or [])
            else:
                yield from commands.check(call.json)
        elif call.method == "PUT" and "/reactions/" not in call.template:
            return

    def _callback(self, call: Call) -> Iterator[Flaw]:
        kind, data = call.json["type"], call.json.get("data") or {}
        at = ("data",)
        if kind in (REPLY, UPDATE):
            was_v2 = kind == UPDATE and self._updates_v2(call)
            yield from messages.check(data, len(call.files), was_v2=was_v2, at=at)
        elif kind == MODAL:
            yield from modals.check(data)
        elif kind == CHOICES:
            yield from commands.choices(data.get("choices") or [], (*at, "choices"))
        elif kind == DEFER and set(data) - {"flags", "tts"}:
            yield Flaw(at, "MALFORMED", "a defer carries flags only")

    def _updates_v2(self, call: Call) -> bool:
        item = call.sandbox.interactions.all.get(int(call.params["interaction_id"]))
        return item is not None and item.message is not None and item.message.is_v2

    def _is_v2(self, call: Call) -> bool:
        which = call.params.get("message_id", "@original")
        if "webhook_token" in call.params:
            try:
                return call.sandbox.interactions.message_of(
                    call.params["webhook_token"], which
                ).is_v2
            except ApiError:
                pass
        found = self._state.message(int(which)) if which.isdigit() else None
        return found is not None and found.is_v2
