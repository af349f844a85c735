"""ProjectX over HTTP: one login, its token renewed ahead of time, and what ``success`` means.

Every answer is 200 with ``success``; what failed says an ``errorCode``. A refusal that proves that
nothing was done is an OrderRejected with the code's own name; the rest is not known.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from engine.brokers._wire.again import is_lacking
from engine.brokers._wire.figures import once
from engine.brokers._wire.http import Wire
from engine.brokers._wire.lanes import Lane, Lanes
from engine.brokers.topstepx.translate import tidy
from engine.clock import Clock
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    NotOffered,
    OrderRejected,
    OrderStateUnknown,
)

ALLOWED: Mapping[Lane, tuple[float, float]] = {"all": (150, 60)}
"""Calls, seconds. ProjectX takes 200 in 60 s; a quarter is left to other programs of the login."""

TOKEN_S = 24 * 3600.0
RENEW_S = TOKEN_S / 2
"""Age at which a token is renewed: half a day is left for a renewal that fails."""
_AGAIN_S = 300.0

_LOGIN = {
    1: "UserNotFound",
    2: "PasswordVerificationFailed",
    3: "InvalidCredentials",
    4: "AppNotFound",
    5: "AppVerificationFailed",
    6: "InvalidDevice",
    7: "AgreementsNotSigned",
    9: "ApiSubscriptionNotFound",
    10: "ApiKeyAuthenticationDisabled",
}
PLACE = {
    1: "AccountNotFound",
    2: "OrderRejected",
    3: "InsufficientFunds",
    4: "AccountViolation",
    5: "OutsideTradingHours",
    8: "ContractNotFound",
    9: "ContractNotActive",
    10: "AccountRejected",
}
"""Codes of place that prove a refusal; 6 (OrderPending) and 7 (UnknownError) prove nothing."""
CANCEL = {1: "AccountNotFound", 2: "OrderNotFound", 3: "Rejected", 6: "AccountRejected"}
_UNREAD = frozenset({400, 404, 405, 413, 415, 422})
"""Their own refusals come with 200; these, told as their framework tells problems, say that the
body was not even looked at."""
MODIFY = CANCEL | {7: "ContractNotFound"}


class Api:
    """The REST side of one login."""

    def __init__(self, name: str, url: str, clock: Clock, user: SecretStr, key: SecretStr) -> None:
        self.name, self.clock = name, clock
        self.wire = Wire(name, url, clock, Lanes(clock, ALLOWED))
        self._user, self._key = user, key
        self._token = ""
        self._made_at = 0.0
        self._login = asyncio.Lock()
        self._renewer: asyncio.Task[None] | None = None

    # -- login ----------------------------------------------------------------------------------

    @property
    def token(self) -> str:
        """The newest token; empty before the login."""
        return self._token

    async def start(self) -> None:
        """Log in, and stay so.

        Raises:
            BrokerAuthError, BrokerUnavailable.
        """
        self.wire.open()
        await self.login()
        if self._renewer is None or self._renewer.done():
            self._renewer = asyncio.create_task(self._renew(), name=f"token {self.name}")

    async def close(self) -> None:
        """Forget the login and hang up."""
        if self._renewer is not None:
            self._renewer.cancel()
            await asyncio.gather(self._renewer, return_exceptions=True)
            self._renewer = None
        self._token = ""
        await self.wire.close()

    async def login(self, unlike: str | None = None) -> None:
        """A fresh token; not when another caller has just replaced ``unlike``.

        Raises:
            BrokerAuthError: with the broker's own word. BrokerUnavailable.
        """
        async with self._login:
            if unlike is not None and self._token != unlike:
                return
            body = {
                "userName": self._user.get_secret_value(),
                "apiKey": self._key.get_secret_value(),
            }
            answer = _object(
                self.name, await self.wire.read("POST", "/api/Auth/loginKey", json=body)
            )
            code = _code(answer)
            if answer.get("success") is not True and code in _LOGIN:
                raise BrokerAuthError(f"{self.name}: login refused: {_LOGIN[code]}")
            self._take(answer.get("token") if answer.get("success") is True else None)

    async def _renew(self) -> None:
        """Ahead of its end a token is exchanged for a new one, else made anew."""
        while True:
            left = RENEW_S - (self.clock.monotonic() - self._made_at)
            await self.clock.sleep(max(left, 0.0) or _AGAIN_S)
            if self.clock.monotonic() - self._made_at < RENEW_S:
                continue  # somebody else was here
            try:
                await self._exchange()
            except (BrokerUnavailable, BrokerAuthError):
                await self._login_quietly()

    async def _exchange(self) -> None:
        answer = await self.wire.read("POST", "/api/Auth/validate", headers=self._headers())
        body = _object(self.name, answer)
        self._take(body.get("newToken") if body.get("success") is True else None)

    async def _login_quietly(self) -> None:
        try:
            await self.login()
        except (BrokerUnavailable, BrokerAuthError):
            await self.clock.sleep(_AGAIN_S)  # the old one lives on for hours yet

    def _take(self, token: object) -> None:
        if not isinstance(token, str) or not token:
            raise BrokerUnavailable(f"{self.name}: a login without a token")
        self._token, self._made_at = token, self.clock.monotonic()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}

    # -- questions and acts ---------------------------------------------------------------------

    async def read(self, path: str, body: Mapping[str, Any], *, lane: Lane = "read") -> Any:
        """A question; logs in anew once when the token is refused.

        Returns: the answer's object, ``success`` checked.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError.
        """
        used = self._token
        try:
            answer = await self.wire.read(
                "POST", path, lane=lane, json=body, headers=self._headers()
            )
        except BrokerAuthError:
            await self.login(unlike=used)
            answer = await self.wire.read(
                "POST", path, lane=lane, json=body, headers=self._headers()
            )
        found = _object(self.name, answer)
        if found.get("success") is not True:
            said = f"{path} failed with code {_code(found)}"
            raise BrokerUnavailable(f"{self.name}: {said} ({self._words(found)})")
        return found

    async def rows(
        self, path: str, body: Mapping[str, Any], part: str, *, lane: Lane = "read"
    ) -> list[Mapping[str, Any]]:
        """A list, whole.

        Raises:
            BrokerUnavailable: also when it is not a list of objects: never a partial one.
        """
        found = (await self.read(path, body, lane=lane)).get(part)
        if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
            raise BrokerUnavailable(f"{self.name}: {path} answered without its {part}")
        return [tidy(row) for row in once(found)]

    async def act(
        self, path: str, body: Mapping[str, Any], refusals: Mapping[int, str], *, lane: Lane
    ) -> Mapping[str, Any]:
        """Something that changes an order; sent once.

        Raises:
            OrderRejected: refused, by its code. BrokerUnavailable, BrokerAuthError: nothing done.
            OrderStateUnknown: it may have been done.
        """
        used = self._token
        try:
            answer = await self.wire.act(
                "POST", path, lane=lane, json=body, headers=self._headers()
            )
        except BrokerAuthError:
            await self._after_401(used)
            raise
        if answer.status in _UNREAD and _is_problem(answer.body):
            raise OrderRejected(str(answer.status), f"{self.name} did not take the request")
        if not answer.is_ok:
            raise OrderStateUnknown(f"{self.name}: {path} answered with status {answer.status}")
        found = answer.body
        if not isinstance(found, Mapping) or not isinstance(found.get("success"), bool):
            raise OrderStateUnknown(f"{self.name}: an answer that says neither yes nor no")
        code = _code(found)
        if found["success"] and code in (0, None):
            return found
        if not found["success"] and code is not None and code in refusals:
            raise OrderRejected(refusals[code], self._words(found))
        raise OrderStateUnknown(f"{self.name}: {path} answered with code {code}")

    def _words(self, found: Mapping[str, Any]) -> str:
        return _sentence(found).replace(self._key.get_secret_value(), "***") or "no reason given"

    async def _after_401(self, used: str) -> None:
        try:
            await self.login(unlike=used)
        except (BrokerUnavailable, BrokerAuthError):
            return  # the caller is told of the 401 anyway


def _is_problem(body: Any) -> bool:
    """Of the interface itself: what stands before it answers in words of its own, or none."""
    return isinstance(body, Mapping) and ("errors" in body or "title" in body)


def _object(name: str, answer: Any) -> Mapping[str, Any]:
    if is_lacking(answer.status, answer.body or None):
        raise NotOffered(f"{name}: nothing is told there (status {answer.status})")
    if not answer.is_ok or not isinstance(answer.body, Mapping):
        raise BrokerUnavailable(f"{name}: an answer of status {answer.status} that says nothing")
    body: Mapping[str, Any] = answer.body
    return body


def _code(body: Mapping[str, Any]) -> int | None:
    code = body.get("errorCode")
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _sentence(body: Mapping[str, Any]) -> str:
    """The broker's own words, on one line and short; long numbers could be of an account."""
    text = body.get("errorMessage")
    words = text.split() if isinstance(text, str) else []
    kept = ("…" if sum(c.isdigit() for c in word) >= 5 else word for word in words)
    return " ".join(kept)[:200]
