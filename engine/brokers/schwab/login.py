"""Schwab's OAuth 2: an access token of 30 minutes, renewed ahead, for seven days after a consent.

Then the owner has to let us in again; a newer token in the file is picked up without a restart.
"""

import asyncio
import base64
import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import aiohttp

from engine.brokers import Tokens
from engine.brokers._wire.http import RENEWED_S, Wire
from engine.brokers._wire.kept import Kept
from engine.brokers._wire.refused import because
from engine.clock import Clock
from engine.domain.errors import BrokerAuthError, BrokerUnavailable, WrongEnvironment

LASTS = timedelta(days=7)
"""A consent is good for so long, whatever is renewed meanwhile."""
AHEAD = timedelta(minutes=5)
DOUBTED_S, EXIT_S = 30.0, 5.0
"""A refusal may be a slip of their service: it is asked once more after so long, by what takes risk
away sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a consent gave us."""

    access: str
    refresh: str
    expires_at: datetime
    made_at: datetime
    """Of the consent."""
    environment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Where tokens are asked for, the page of the consent, and where it leads back to."""

    token: str
    authorize: str
    callback: str


class Login(Kept[Token]):
    """Who we are towards Schwab."""

    def __init__(
        self,
        name: str,
        key: str,
        secret: str,
        environment: str,
        terms: Terms,
        tokens: Tokens,
        clock: Clock,
    ) -> None:
        super().__init__(name, tokens, clock, _read)
        self._key, self._secret, self._environment = key, secret, environment
        self._terms = terms
        self._state = ""
        self._refused_at = 0.0

    def headers(self) -> Mapping[str, str]:
        """The ``Authorization`` of a request."""
        return {"Authorization": f"Bearer {self.access}", "Accept": "application/json"}

    @property
    def access(self) -> str:
        """The access token; compared and sent, never shown."""
        return self._token.access if self._token is not None else ""

    def ends_at(self) -> datetime | None:
        """When the owner has to come again."""
        return None if self._token is None else self._token.made_at + LASTS

    # -- the token

    async def enter(self, wire: Wire, doubted_s: float = DOUBTED_S) -> None:
        """Before a request: hold an access token that is good for some minutes.

        Raises:
            BrokerAuthError: the owner has to let us in. BrokerUnavailable: no answer.
        """
        now = self._clock.now()
        if self._reason(now):
            await self._look(now)
        is_refused = self._dead and self._reason(now) == self._dead
        if is_refused and self._clock.monotonic() - self._refused_at >= doubted_s:
            with suppress(TimeoutError):  # nothing was sent: that is no doubt of an order
                async with asyncio.timeout(RENEWED_S):
                    await self.refresh(wire, refused=self.access)
        if reason := self._reason(now):
            remedy = f"run `tradestream broker connect {self._name}` in a terminal"
            raise BrokerAuthError(f"{self._name}: {reason}: {remedy}")
        assert self._token is not None  # noqa: S101 - there would be a reason
        if self._token.environment != self._environment:
            raise WrongEnvironment(
                f"{self._name} is set to {self._environment}, and was connected for "
                f"{self._token.environment}"
            )
        if self._token.expires_at - now <= AHEAD:
            await self._refresh_ahead(wire, now)

    def _reason(self, now: datetime) -> str:
        """Why nobody is let in; empty when all is well."""
        if self._token is None:
            return "was never connected"
        if now - self._token.made_at >= LASTS:
            return "the consent of seven days is over"
        return self._dead

    async def _refresh_ahead(self, wire: Wire, now: datetime) -> None:
        assert self._token is not None  # noqa: S101 - it is being renewed
        held, is_good = self.access, self._token.expires_at > now
        try:
            async with asyncio.timeout(RENEWED_S if is_good else None):
                await self.refresh(wire, refused=held)
        except (BrokerUnavailable, TimeoutError):
            if not is_good:
                raise  # else it is good for a little while, and asked for again

    async def refresh(self, wire: Wire, refused: str) -> None:
        """A new access token; together with others that ask for it at the same time.

        Args:
            wire: Whose session is used.
            refused: The token that is of no use; nothing is done when it is another by now.

        Raises:
            BrokerAuthError: the consent is over. BrokerUnavailable: no answer.
        """
        async with self._lock:
            if self._token is None or self._token.access != refused:
                return
            form = {"grant_type": "refresh_token", "refresh_token": self._token.refresh}
            try:
                given = await self._ask(wire, form)
            except BrokerAuthError as error:
                said = str(error)[str(error).rfind("(") :]
                self._dead = f"the consent was withdrawn or is over, or the keys are others {said}"
                self._looked_at = None
                self._refused_at = self._clock.monotonic()
                await self.enter(wire)  # unless a newer one lies there
                return
            await self._keep(given, self._token.made_at)

    async def _keep(self, given: Mapping[str, Any], made_at: datetime) -> None:
        now = self._clock.now()
        try:
            self._token = Token(
                access=str(given["access_token"]),
                refresh=str(given.get("refresh_token") or (self._token and self._token.refresh)),
                expires_at=now + timedelta(seconds=int(given["expires_in"])),
                made_at=made_at,
                environment=self._environment,
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            raise BrokerUnavailable(f"{self._name}: an answer about tokens without one") from None
        self._dead = ""
        await self._tokens.save(self._name, _written(self._token))

    # -- the owner's consent

    def page(self) -> str:
        """The page on which the owner lets us in."""
        self._state = secrets.token_urlsafe(16)
        asked = {
            "response_type": "code",
            "client_id": self._key,
            "redirect_uri": self._terms.callback,
            "state": self._state,
        }
        return f"{self._terms.authorize}?{urlencode(asked, quote_via=quote)}"

    async def finish(self, wire: Wire, answer: str) -> datetime:
        """Trade the address that the page led back to for tokens and keep them; when they end."""
        given = parse_qs(urlsplit(answer.strip()).query)
        codes, states = given.get("code", []), given.get("state", [])
        if len(codes) != 1:
            raise BrokerAuthError("that address holds no code: paste the whole line of the browser")
        if self._state and states != [self._state]:
            raise BrokerAuthError("that address is of another page: begin anew")
        form = {
            "grant_type": "authorization_code",
            "code": codes[0],
            "redirect_uri": self._terms.callback,
        }
        self._token = None
        await self._keep(await self._ask(wire, form), self._clock.now())
        self._state = ""
        return self._clock.now() + LASTS

    async def _ask(self, wire: Wire, form: Mapping[str, str]) -> Mapping[str, Any]:
        basic = base64.b64encode(f"{self._key}:{self._secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
        url = f"{self._terms.token}/v1/oauth/token"
        try:
            async with wire.session().post(
                url, data=dict(form), headers=headers, allow_redirects=False
            ) as answer:
                text, status = await answer.text(), answer.status
                why = because(text, answer.headers, self._clock.now())
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as error:
            what = f"{self._name}: no answer about tokens ({type(error).__name__})"
            raise BrokerUnavailable(what) from error
        if status in (400, 401, 403):
            raise BrokerAuthError(f"{self._name} refuses our keys or the consent ({status}{why})")
        try:
            given = json.loads(text)
        except ValueError:
            given = None
        if status != 200 or not isinstance(given, Mapping):
            raise BrokerUnavailable(f"{self._name}: status {status} when asked about tokens")
        return given


def _written(token: Token) -> str:
    return json.dumps(
        {
            "access": token.access,
            "refresh": token.refresh,
            "expires_at": token.expires_at.isoformat(),
            "made_at": token.made_at.isoformat(),
            "environment": token.environment,
        }
    )


def _read(text: str) -> Token:
    kept = json.loads(text)
    return Token(
        access=kept["access"],
        refresh=kept["refresh"],
        expires_at=datetime.fromisoformat(kept["expires_at"]),
        made_at=datetime.fromisoformat(kept["made_at"]),
        environment=kept["environment"],
    )
