"""One login to tastytrade: a token of 15 minutes renewed ahead of its end, and its requests.

The library's session is kept for what it is good for (its streams ask it for the token); its HTTP
is not used: it waits on the wall clock, has no status on its errors and no lanes. What may change
an order is sent once; a 401 on the way to a reading renews the token and asks once more.
"""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from tastytrade import API_URL, API_VERSION, CERT_URL, Session

from engine.brokers._wire import again
from engine.brokers._wire.again import place_of
from engine.brokers._wire.http import CONNECT_S, READ_S, RENEWED_S, Answer, Method, Wire
from engine.brokers._wire.lanes import Lane, Lanes
from engine.brokers._wire.usage import Usage
from engine.brokers.tastytrade.bodies import SOURCE
from engine.brokers.tastytrade.translate import number, refusal, spelt
from engine.clock import Clock
from engine.domain.errors import BrokerAuthError, BrokerUnavailable, NotOffered

AHEAD, _LAST = 0.2, 0.067
"""Parts of a token's life before its end: there the keeper renews it, there a request does."""
_LIFETIME_S = 900.0
_AGAIN_S = 10.0
_ASKED = (2, 5)
"""Calls, seconds: a longer window, full of tries in vain, would shut out the one that works."""
PAGE = 200
_MOST_PAGES = 60
"""More than any account has in what is asked for; a list that never ends is no list."""

for _name in ("tastytrade", "httpx2", "httpcore2"):
    # They log tokens, account numbers in addresses and whole messages.
    logging.getLogger(_name).setLevel(logging.CRITICAL)

log = logging.getLogger(__name__)


@cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates count, read once: each connection would hold everybody up for it."""
    import httpx2

    return httpx2.create_ssl_context(trust_env=False)


class Login(Session):
    """What the library's streams take for its session; all requests of the adapter go through."""

    def __init__(
        self,
        *,
        name: str,
        clock: Clock,
        lanes: Lanes,
        usage: Usage,
        secret: str,
        refresh_token: str,
        is_paper: bool,
        rest_url: str = "",
        token_url: str = "",
    ) -> None:
        import httpx2

        super().__init__(
            provider_secret=secret,
            refresh_token=refresh_token,
            is_test=is_paper,
            timeout=httpx2.Timeout(READ_S, connect=CONNECT_S),
            trust_env=False,
            verify=_trusted(),
        )
        rest = rest_url or (CERT_URL if is_paper else API_URL)
        self._name, self._clock = name, clock
        self.wire = Wire(name, rest, clock, lanes, usage=usage)
        own = Lanes(clock, {"read": _ASKED})
        self._token_wire = Wire(name, token_url or rest, clock, own, usage=usage)
        self._ends_at = self._lives_s = 0.0
        self._renewal: asyncio.Task[None] | None = None
        self._asked_at = 0.0
        """When the renewal began, monotonic."""
        self._keeper: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<login of {self._name}>"

    # -- the token

    async def refresh(self, force: bool = False) -> None:
        """Renew the token when it is about to end; callers that come together share one renewal.

        Raises:
            BrokerAuthError: the refresh token or the secret is not accepted.
            BrokerUnavailable.
        """
        if force or not self._is_good():
            await asyncio.shield(self._renewing())

    def _is_good(self) -> bool:
        return self._clock.monotonic() < self._ends_at - _LAST * self._lives_s

    def _renewing(self) -> asyncio.Task[None]:
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew(), name=f"token of {self._name}")
            self._renewal.add_done_callback(_heard)
            self._asked_at = self._clock.monotonic()
        return self._renewal

    async def _refresh_soon(self) -> None:
        """A good token, or soon the old one: it may do, and where it is refused nothing was done.

        Raises:
            BrokerAuthError: the refresh token or the secret is not accepted.
            BrokerUnavailable: there is none; nothing was sent.
        """
        if self._is_good():
            return
        renewal = self._renewing()
        left_s = self._asked_at + RENEWED_S - self._clock.monotonic()
        try:
            async with asyncio.timeout(left_s):
                await asyncio.shield(renewal)
        except (BrokerUnavailable, TimeoutError) as error:
            if not self._lives_s:  # the library has a word of its own for none
                raise BrokerUnavailable(f"{self._name}: no token yet; nothing was sent") from error

    async def _renew(self) -> None:
        asked_at = self._clock.monotonic()
        answer = await self._token_wire.read(
            "POST",
            "/oauth/token",
            json={
                "grant_type": "refresh_token",
                "client_secret": self.provider_secret,
                "refresh_token": self.refresh_token,
            },
            headers=self._said(),
        )
        if not answer.is_ok:
            code = _code(answer)
            raise BrokerAuthError(f"{self._name} gives no token for our keys ({code})")
        body = answer.body if isinstance(answer.body, Mapping) else {}
        token = body.get("access_token")
        if not isinstance(token, str) or not token:
            raise BrokerUnavailable(f"{self._name} answered a login without a token")
        lives = number(body.get("expires_in"))
        self._lives_s = float(lives) if lives is not None and lives > 0 else _LIFETIME_S
        self.session_token = token
        self._ends_at = asked_at + self._lives_s

    def distrust(self) -> None:
        """The token was refused: whoever asks next gets a new one first."""
        self._ends_at = 0.0
        self._renewing()

    def keep(self) -> None:
        """Renew the token ahead of its end from now on, so that no order waits for it."""
        self._keeper = asyncio.create_task(self._keep(), name=f"keeper of {self._name}")

    async def _keep(self) -> None:
        while True:
            left_s = self._ends_at - AHEAD * self._lives_s - self._clock.monotonic()
            await self._clock.sleep(max(left_s, _AGAIN_S))
            if self._clock.monotonic() < self._ends_at - AHEAD * self._lives_s:
                continue
            try:
                await self.refresh(force=True)
            except (BrokerUnavailable, BrokerAuthError) as error:
                log.warning("%s: the token could not be renewed: %s", self._name, error)

    async def close(self) -> None:
        """Hang up."""
        tasks = [task for task in (self._keeper, self._renewal) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.wire.close()
        await self._token_wire.close()
        await self._client.aclose()

    # -- requests

    def _said(self) -> dict[str, str]:
        said = {"User-Agent": SOURCE, "Accept": "application/json"}
        return said if self.is_test else {**said, "Accept-Version": API_VERSION}

    def _headers(self) -> dict[str, str]:
        return {**self._said(), "Authorization": f"Bearer {self.session_token}"}

    async def ask(
        self, path: str, params: Mapping[str, str] | None = None, *, lane: Lane = "read"
    ) -> Any:
        """Read something: the whole body.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError; NotOffered: there is nothing to read.
        """
        answer = await self.asked(path, params, lane=lane)
        if answer.is_ok and answer.body:
            return answer.body
        said = f"{self._name} refuses a reading of {place_of(path)} ({_code(answer)})"
        raise (NotOffered if is_lacking(answer) else BrokerUnavailable)(said)

    async def asked(
        self, path: str, params: Mapping[str, str] | None = None, *, lane: Lane = "read"
    ) -> Answer:
        """Read something, a refusal included.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError.
        """
        return await self._harmless("GET", path, lane, params=params)

    async def tried(self, path: str, body: Any) -> Answer:
        """Post something that changes nothing, a dry run; raises like :meth:`asked`."""
        return await self._harmless("POST", path, "read", json=body)

    async def _harmless(self, method: Method, path: str, lane: Lane, **more: Any) -> Answer:
        await self._refresh_soon()
        token = self.session_token
        try:
            said = await self.wire.read(method, path, lane=lane, headers=self._headers(), **more)
        except BrokerAuthError:
            if self.session_token == token:  # else it was renewed meanwhile
                await self.refresh(force=True)
            said = await self.wire.read(method, path, lane=lane, headers=self._headers(), **more)
        return replace(said, body=spelt(said.body))

    async def act(self, method: Method, path: str, body: Any = None, *, lane: Lane) -> Answer:
        """Ask for something that changes an order: once, whatever happens.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError: nothing was done.
            OrderStateUnknown: it may have been done.
        """
        await self._refresh_soon()
        try:
            said = await self.wire.act(method, path, lane=lane, json=body, headers=self._headers())
        except BrokerAuthError:
            self.distrust()
            raise
        return replace(said, body=spelt(said.body))

    async def pages(
        self, path: str, params: Mapping[str, str], *, lane: Lane = "read", most: int = _MOST_PAGES
    ) -> tuple[list[dict[str, Any]], bool]:
        """All items of a list to its end, each once; False when there is more than ``most`` pages.

        The first page says how many there are; those are asked for side by side.

        Raises:
            BrokerUnavailable: a page is missing, so nothing is known. BrokerAuthError.
        """

        async def page(n: int) -> Any:
            asked = {**params, "per-page": str(PAGE), "page-offset": str(n)}
            with again.page(n):
                return await self.ask(path, asked, lane=lane)

        bodies = [await page(0)]
        said = min(_extent(bodies[0])[0] or 0, most)
        bodies += await asyncio.gather(*(page(n) for n in range(1, said)))
        found: dict[str, dict[str, Any]] = {}
        for n in range(most):
            body = bodies[n] if n < len(bodies) else await page(n)
            items = self.items_in(body)
            fresh = {str(item.get("id", f"{n}/{k}")): item for k, item in enumerate(items)}
            is_new = bool(fresh.keys() - found.keys())
            found |= {key: item for key, item in fresh.items() if key not in found}
            n_pages, n_items = _extent(body)
            if n_pages is None:
                if len(items) != PAGE or not is_new:
                    return list(found.values()), True
            elif n + 1 >= n_pages:
                if n_items is not None and len(found) < n_items:
                    raise BrokerUnavailable(f"{self._name} left something out of a list")
                return list(found.values()), True
        return list(found.values()), False

    def items_in(self, body: Any) -> list[dict[str, Any]]:
        """The items of one answer.

        Raises:
            BrokerUnavailable: it has none, not even an empty list.
        """
        data = body.get("data") if isinstance(body, Mapping) else None
        items = data.get("items") if isinstance(data, Mapping) else None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise BrokerUnavailable(f"{self._name} answered something that is no list")
        return items


def is_lacking(answer: Answer) -> bool:
    """Whether it has nothing there for us, or says nothing at all: its answers are no lists."""
    return again.is_lacking(answer.status, answer.body or None)


def _heard(task: asyncio.Task[None]) -> None:
    """Take the outcome in of a renewal that nobody waits for any more."""
    if not task.cancelled():
        task.exception()


def _extent(body: Any) -> tuple[int | None, int | None]:
    """Pages and items in all, as far as the answer says."""
    said = body.get("pagination") if isinstance(body, Mapping) else None
    if not isinstance(said, Mapping):
        return None, None
    return _int(said.get("total-pages")), _int(said.get("total-items"))


def _int(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _code(answer: Answer) -> str:
    found = refusal(answer.body)
    body = answer.body
    if found is None and isinstance(body, Mapping):
        own = body.get("error_code") or body.get("error")
        if isinstance(own, str):
            return f"{answer.status}, {own[:40]}"
    return f"{answer.status}, {found[0]}" if found else str(answer.status)
