"""The line to Webull: every request signed, with the token that the phone approved."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from engine.brokers._wire.again import is_lacking, place_of
from engine.brokers._wire.http import Answer, Wire
from engine.brokers._wire.lanes import Lane, Lanes
from engine.brokers._wire.usage import Usage
from engine.brokers.webull import translate
from engine.brokers.webull.login import Login
from engine.brokers.webull.sign import signature, signed_headers
from engine.clock import Clock, RandomIds
from engine.domain.errors import BrokerAuthError, BrokerUnavailable, NotOffered
from engine.store import Tokens

LANES: Mapping[Lane, tuple[float, float]] = {
    "exit": (5, 1),
    "order": (3, 1),
    "account": (2, 2.1),
    "read": (2, 2.1),
    "open": (2, 2.1),
    "history": (2, 2.1),
    "detail": (2, 2.1),
}
"""Orders: 600 a minute are allowed, 480 used. Questions: each may be asked 2 times in 2 s."""
_LANES: Mapping[str, Lane] = {
    "/trading/accounts/list": "account",
    "/trading/orders/open-orders/list": "open",
    "/trading/orders/historical-orders/list": "history",
    "/trading/orders/get": "detail",
}


class Line:
    """Signed questions and acts; the errors are those of :class:`Wire`."""

    def __init__(
        self,
        name: str,
        url: str,
        clock: Clock,
        secrets: Mapping[str, SecretStr],
        tokens: Tokens,
        usage: Usage,
        warn: Callable[[str], None],
    ) -> None:
        self._clock, self._secrets, self._ids = clock, secrets, RandomIds()
        self._name, self._host = name, urlsplit(url).netloc
        lanes = Lanes(clock, LANES)
        self.wire = Wire(
            name, url, clock, lanes, usage=usage, seal=self._seal, capitals=translate.WORDS
        )
        self.login = Login(name, self.wire, tokens, clock, warn)

    async def ask(self, method: Any, path: str, **more: Any) -> Answer:
        """A question; after a 401 once more, when the token turns out to be good."""
        more.setdefault("lane", _LANES.get(path, "read"))
        try:
            return await self.wire.read(method, path, **more)
        except BrokerAuthError as refused:
            try:
                await self.login.again()
            except NotOffered:  # nobody says what became of the token: the refusal stands
                raise refused from None
            return await self.wire.read(method, path, **more)

    async def read(self, path: str, params: dict[str, str]) -> Any:
        """The body of an answer that must be one."""
        answer = await self.ask("GET", path, params=params)
        if is_lacking(answer.status, answer.body):
            raise NotOffered(f"{self._name} tells nothing at {place_of(path)} ({code(answer)})")
        if not answer.is_ok:
            raise BrokerUnavailable(f"{self._name} does not answer: {code(answer)}")
        return answer.body

    async def accounts(self) -> list[dict[str, Any]]:
        """The accounts of the login, as Webull lists them."""
        said = await self.read("/trading/accounts/list", {})
        listed = said.get("data") if isinstance(said, Mapping) else said
        if not isinstance(listed, list) or not listed:
            raise BrokerAuthError(f"{self._name}: this login reaches no account")
        return listed

    def _seal(self, path: str, query: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        key = self._secrets["app_key"].get_secret_value()
        secret = self._secrets["app_secret"].get_secret_value()
        said = signed_headers(key, self._host, self._ids.new("N"), self._clock.now())
        mark = signature(secret, path, query, said, body)
        headers = {name: value for name, value in said.items() if name != "host"}
        headers |= {"x-signature": mark, "x-version": "v3"}
        if self.login.text is not None:
            headers["x-access-token"] = self.login.text
        return headers


def code(answer: Answer) -> str:
    """Webull's own code of a refusal."""
    said = answer.body if isinstance(answer.body, Mapping) else {}
    return str(said.get("error_code") or said.get("code") or answer.status)
