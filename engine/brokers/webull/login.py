"""The access token: made here, approved once on the phone, good for about fifteen days."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.brokers._wire.again import is_lacking
from engine.brokers._wire.figures import UNREADABLE, Unreadable
from engine.brokers._wire.http import Answer, Wire
from engine.clock import Clock
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    CredentialsRefused,
    NotOffered,
)
from engine.store import Tokens

EARLY = timedelta(days=3)
"""Renewed so long before it ends: time for a person to pick the phone up."""
_LOOK_S = 3600.0
_CODE = timedelta(minutes=5)
"""Each token that is asked for sends a code to the phone: a person has so long to enter one before
the next, as with Webull's own client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What Webull gave us; its text is a secret."""

    text: str
    expires_at: str
    is_approved: bool
    is_waiting: bool = False
    """For the code."""
    asked_at: str = ""

    def ends(self) -> datetime:
        """When it is of no more use."""
        return datetime.fromisoformat(self.expires_at)

    def is_awaited(self, now: datetime) -> bool:
        """Whether somebody may be about to enter its code."""
        asked_at = datetime.fromisoformat(self.asked_at) if self.asked_at else None
        return self.is_waiting and asked_at is not None and now - asked_at < _CODE


class Login:
    """Keeps one token alive."""

    def __init__(
        self, name: str, wire: Wire, tokens: Tokens, clock: Clock, warn: Callable[[str], None]
    ) -> None:
        """``warn``: told in a sentence when a person must act."""
        self._key, self._wire, self._tokens, self._clock = f"{name}-token", wire, tokens, clock
        self._warn = warn
        self._token: Token | None = None
        self._next: Token | None = None
        """Made ahead of the end, not yet approved."""
        self._warned_of = ""

    @property
    def text(self) -> str | None:
        """For the header; None while there is none that was approved."""
        token = self._token
        return token.text if token is not None and token.is_approved else None

    async def enter(self) -> None:
        """Have a token that works.

        Raises:
            BrokerAuthError: it waits for the phone, or the keys are wrong. BrokerUnavailable.
        """
        kept = await self._tokens.load(self._key)
        old = Token(**json.loads(kept)) if kept else None
        token = None if old is None else await self._looked_at(old)
        if token is None or not (token.is_approved or token.is_awaited(self._clock.now())):
            token = await self._made(old)
            await self._keep(token)
        self._token = token
        if not token.is_approved:
            raise BrokerAuthError(self._please())
        await self._renewed()

    async def watch(self) -> None:
        """Renew ahead of the end, until cancelled."""
        while True:
            await self._clock.sleep(_LOOK_S)
            try:
                await self._renewed()
            except (BrokerAuthError, BrokerUnavailable) as error:
                self._tell(str(error))

    async def again(self) -> None:
        """After a 401: ask what became of the token.

        Raises:
            BrokerAuthError: a person must act. BrokerUnavailable.
        """
        if self._token is None:
            raise BrokerAuthError(self._please())
        self._token = await self._checked(self._token)
        await self._keep(self._token)
        if not self._token.is_approved:
            raise BrokerAuthError(self._please())

    async def _renewed(self) -> None:
        token = self._token
        if token is None or not self._is_ending(token):
            return
        waiting = None if self._next is None else await self._checked(self._next)
        fresh = waiting or await self._made(token)
        if fresh.is_approved:
            self._token, self._next = fresh, None
            await self._keep(fresh)
        else:
            self._next = fresh
            self._tell(f"{self._please()}; the old approval ends {token.ends():%Y-%m-%d %H:%M} UTC")

    async def _made(self, old: Token | None) -> Token:
        asked = {"token": old.text} if old is not None else {}
        made = await self._ask("/auth/tokens/create", asked)
        return replace(made, asked_at=self._clock.now().isoformat())

    async def _checked(self, token: Token) -> Token:
        said = await self._ask("/auth/tokens/check", {"token": token.text})
        return replace(said, asked_at=token.asked_at)

    async def _looked_at(self, kept: Token) -> Token | None:
        """What became of it; where nobody says, an approved one counts until it ends."""
        try:
            return await self._checked(kept)
        except NotOffered:
            is_good = kept.is_approved and kept.ends() > self._clock.now()
            return kept if is_good else None

    async def _ask(self, path: str, asked: dict[str, str]) -> Token:
        answer = await self._answer(path, asked)
        if is_lacking(answer.status, answer.body) and answer.status != 403:
            what = f"{self._wire.name}: an answer about tokens without one ({answer.status})"
            raise NotOffered(what)
        if not answer.is_ok:
            said = answer.body if isinstance(answer.body, dict) else {}
            code = said.get("error_code", answer.status)
            raise BrokerAuthError(f"{self._wire.name} gives no token: {code}")
        try:
            return _read(answer.body)
        except UNREADABLE as error:
            what = f"{self._wire.name}: an answer about tokens without one"
            raise BrokerUnavailable(what) from error

    async def _answer(self, path: str, asked: dict[str, str]) -> Answer:
        """A 401 says nothing of a token here; one may be a slip, and a start would end with it."""
        with suppress(CredentialsRefused):
            return await self._wire.read("POST", path, json=asked, lane="account")
        return await self._wire.read("POST", path, json=asked, lane="account")

    async def _keep(self, token: Token) -> None:
        await self._tokens.save(self._key, json.dumps(asdict(token)))

    def _is_ending(self, token: Token) -> bool:
        return token.ends() - self._clock.now() < EARLY

    def _please(self) -> str:
        return (
            f"{self._wire.name} waits for approval on the phone: open the Webull app, Menu, "
            "Messages, OpenAPI Notifications, enter the code of the text message; it is "
            "asked for again by itself and lasts about 15 days"
        )

    def _tell(self, sentence: str) -> None:
        if sentence != self._warned_of:
            self._warned_of = sentence
            self._warn(sentence)


def _read(said: Any) -> Token:
    until = said.get("expires_at") or said.get("expires") or 0
    ends = datetime.fromtimestamp(int(until) / 1000, UTC)
    is_approved = said.get("status") == "NORMAL"
    if not said["token"]:
        raise Unreadable("no token")
    return Token(
        text=str(said["token"]),
        expires_at=ends.isoformat(),
        is_approved=is_approved,
        is_waiting=said.get("status") == "PENDING",
    )
