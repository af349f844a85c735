"""E*TRADE's OAuth 1: each request signed; a token that idles after two hours and dies at midnight.

A dead token needs its owner in a browser; a newer one
that was put into the token file meanwhile is picked up without a restart.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, quote

import aiohttp

from engine.brokers import Tokens
from engine.brokers._wire.http import Wire
from engine.brokers._wire.kept import Kept
from engine.brokers._wire.refused import because
from engine.brokers.etrade.sign import authorization
from engine.clock import Clock, RandomIds
from engine.domain.errors import BrokerAuthError, BrokerUnavailable, WrongEnvironment
from engine.market import NEW_YORK

Signer = Callable[[str, str], Mapping[str, str]]
"""Method and whole URL -> headers."""

IDLE = timedelta(minutes=100)
"""A token sleeps after two hours without a call: renewed before."""
EXIT_S = 5.0
"""A refused token is tried again so soon by what takes risk away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token; good until midnight in New York of the day it was made."""

    token: str
    secret: str
    made_at: datetime
    environment: str

    def is_over(self, now: datetime) -> bool:
        """Past its midnight."""
        return now.astimezone(NEW_YORK).date() > self.made_at.astimezone(NEW_YORK).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where tokens are asked for, and the page where the owner lets us in."""

    token: str
    authorize: str


class Login(Kept[Token]):
    """Who we are towards E*TRADE."""

    def __init__(
        self,
        name: str,
        key: str,
        secret: str,
        environment: str,
        addresses: Addresses,
        tokens: Tokens,
        clock: Clock,
    ) -> None:
        super().__init__(name, tokens, clock, _read)
        self._key, self._secret, self._environment = key, secret, environment
        self._at, self._ids = addresses, RandomIds()
        self._used_at = clock.now()
        self._asked: tuple[str, str] | None = None
        self._refusal = ""
        """Status and reason of the last no."""
        self._woken_at = 0.0
        """When that was tried last, monotonic."""

    # -- signing

    def headers(self, method: str, url: str) -> Mapping[str, str]:
        """The ``Authorization`` of one request."""
        token = self._token
        self._used_at = self._clock.now()
        if token is None:
            return self._signed(method, url)
        return self._signed(method, url, token.secret, oauth_token=token.token)

    def _signed(self, method: str, url: str, token_secret: str = "", **more: str) -> dict[str, str]:
        said = {
            "oauth_nonce": self._ids.new("N"),
            "oauth_timestamp": str(int(self._clock.now().timestamp())),
            "oauth_version": "1.0",
            "oauth_signature_method": "HMAC-SHA1",
            "oauth_consumer_key": self._key,
            **more,
        }
        return {"Authorization": authorization(method, url, said, self._secret, token_secret)}

    # -- the token

    async def enter(self) -> None:
        """Before a request: hold a token that may be good.

        Raises:
            BrokerAuthError: there is none; a person has to connect.
        """
        now = self._clock.now()
        if self._token is not None and not self._dead and not self._token.is_over(now):
            return
        await self._look(now)
        if self._token is None:
            raise BrokerAuthError(f"{self._name} was never connected{self._remedy()}")
        if self._token.environment != self._environment:
            raise WrongEnvironment(
                f"{self._name} is set to {self._environment}, and was connected for "
                f"{self._token.environment}{self._remedy()}"
            )
        if self._token.is_over(now):
            raise BrokerAuthError(f"{self._name}: the login of yesterday is over{self._remedy()}")
        if self._dead:
            raise BrokerAuthError(f"{self._dead}{self._remedy()}")

    def ends_at(self) -> datetime | None:
        """Midnight in New York after the token was made."""
        if self._token is None:
            return None
        day = self._token.made_at.astimezone(NEW_YORK) + timedelta(days=1)
        return day.replace(hour=0, minute=0, second=0, microsecond=0)

    @property
    def is_idle(self) -> bool:
        """So long without a request that the token is about to sleep."""
        return self._token is not None and self._clock.now() - self._used_at >= IDLE

    @property
    def may_wake(self) -> bool:
        """Refused on a day that it is good for: that may be a slip of their service."""
        token = self._token
        return bool(self._dead) and token is not None and not token.is_over(self._clock.now())

    @property
    def may_wake_for_exit(self) -> bool:
        """The same for what takes risk away: it does not wait for the next look."""
        return self.may_wake and self._clock.monotonic() - self._woken_at >= EXIT_S

    async def renew(self, wire: Wire, refused: str = "") -> None:
        """Wake the token; together with others that ask for it at the same time.

        Args:
            wire: Whose session is used.
            refused: The token that was refused; nothing is done when it is another by now.

        Raises:
            BrokerAuthError: it is dead. BrokerUnavailable: no answer.
        """
        async with self._lock:
            if refused and self._token is not None and self._token.token != refused:
                return
            self._woken_at = self._clock.monotonic()
            try:
                await self._ask(wire, "renew_access_token", self.headers)
            except BrokerAuthError:
                self._dead = f"{self._name} does not know our token any more ({self._refusal})"
                self._looked_at = None
                await self.enter()  # unless a newer one lies there
            else:
                self._dead = ""

    @property
    def token(self) -> str:
        """What requests are signed with; compared, never shown."""
        return self._token.token if self._token is not None else ""

    # -- the owner's consent

    async def begin(self, wire: Wire) -> str:
        """Ask for a request token; the page on which its owner lets us in."""

        def sign(method: str, url: str) -> Mapping[str, str]:
            return self._signed(method, url, oauth_callback="oob")

        given = await self._ask(wire, "request_token", sign)
        self._asked = _pair(given)
        key, token = quote(self._key, safe=""), quote(self._asked[0], safe="")
        return f"{self._at.authorize}?key={key}&token={token}"

    async def finish(self, wire: Wire, verifier: str) -> datetime:
        """Trade the owner's code for an access token and keep it; when that ends."""
        if self._asked is None:
            raise BrokerAuthError("ask for the page first, then bring its code")
        token, secret = self._asked
        code = verifier.strip()

        def sign(method: str, url: str) -> Mapping[str, str]:
            return self._signed(method, url, secret, oauth_token=token, oauth_verifier=code)

        made = _pair(await self._ask(wire, "access_token", sign))
        self._token = Token(
            token=made[0],
            secret=made[1],
            made_at=self._clock.now(),
            environment=self._environment,
        )
        self._dead, self._asked = "", None
        await self._tokens.save(self._name, _written(self._token))
        ends_at = self.ends_at()
        assert ends_at is not None  # noqa: S101 - there is a token
        return ends_at

    async def _ask(self, wire: Wire, what: str, sign: Signer) -> dict[str, str]:
        url = f"{self._at.token}/oauth/{what}"
        try:
            async with wire.session().get(
                url, headers=sign("GET", url), allow_redirects=False
            ) as answer:
                text, status = await answer.text(), answer.status
                self._refusal = f"{status}{because(text, answer.headers, self._clock.now())}"
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as error:
            what_failed = f"{self._name}: no answer about tokens ({type(error).__name__})"
            raise BrokerUnavailable(what_failed) from error
        if status in (400, 401, 403):
            raise BrokerAuthError(f"{self._name} refuses our keys or the code ({self._refusal})")
        if status != 200:
            raise BrokerUnavailable(f"{self._name}: status {status} when asked about tokens")
        return dict(parse_qsl(text))

    def _remedy(self) -> str:
        return f": run `tradestream broker connect {self._name}` in a terminal"


def _pair(given: Mapping[str, str]) -> tuple[str, str]:
    try:
        return given["oauth_token"], given["oauth_token_secret"]
    except KeyError:
        raise BrokerUnavailable("an answer about tokens that holds none") from None


def _written(token: Token) -> str:
    return json.dumps(
        {
            "token": token.token,
            "secret": token.secret,
            "made_at": token.made_at.isoformat(),
            "environment": token.environment,
        }
    )


def _read(text: str) -> Token:
    kept = json.loads(text)
    return Token(
        token=kept["token"],
        secret=kept["secret"],
        made_at=datetime.fromisoformat(kept["made_at"]),
        environment=kept["environment"],
    )
