"""Schwab's account activity as a doorbell: it rings for an order, which is then read whole.

What it says of the order is not documented and differs by case; the order itself is neither. So
executions have one form and one id, rung for or not.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp

from engine.asking import Rank, asking
from engine.brokers import Odd
from engine.brokers._wire.events import Events
from engine.brokers._wire.figures import UNREADABLE
from engine.brokers._wire.http import Wire
from engine.domain.errors import BrokerUnavailable, TradeStreamError

log = logging.getLogger(__name__)

SILENCE_S = 45.0
"""It beats about every ten seconds; a line that is silent for longer is dead."""
_AGAIN_S = (0.3, 1.0)
"""What was not read is read again so soon; the minute is for exits, and others ring meanwhile."""
_PAUSES_S = (0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 2.0)
"""After the first, second, ... reading of one order in a row, and for ever after the last."""
_CALM_S = 10.0
"""Not read for so long, it begins anew."""
_QUIET = frozenset(
    {
        "SUBSCRIBED",
        "CancelAccepted",
        "CancelCreated",
        "ExecutionRequestCompleted",
        "ExecutionRequestCreated",
        "ExecutionRequested",
        "OrderMonitorCompleted",
        "OrderMonitorCreated",
        "OrderMonitorUpdated",
    }
)
"""On the way to a change that is told by itself: reading the order for each would use up reads."""
_TAKEN = frozenset({"OrderAccepted", "OrderCreated"})
"""Its answer to an order says so: to read it again would cost every order a turn."""
_KNOWN = (
    _QUIET
    | _TAKEN
    | {
        "ChangeAccepted",
        "ChangeCreated",
        "ExecutionCreated",
        "OrderExpired",
        "OrderFillCompleted",
        "OrderRejected",
        "OrderUROutCompleted",
    }
)


class Doorbell:
    """Listens to the streamer and has every order read that it rings for, one after the other."""

    def __init__(
        self,
        name: str,
        wire: Wire,
        events: Events,
        preferences: Callable[[], Awaitable[Any]],
        access: Callable[[], str],
        answer: Callable[[str, str, bool], Awaitable[None]],
        url: str,
    ) -> None:
        """Nothing is opened yet.

        Args:
            name: Of the connection.
            wire: Whose session is used.
            events: Where oddities are told.
            preferences: Asks Schwab where and as whom to listen.
            access: The access token of now.
            answer: Reads one order by account number and order id, and tells of it; True: it rang
                for no more than that it was taken.
            url: Instead of the streamer that Schwab names; empty for that one.
        """
        self._name, self._wire, self._events = name, wire, events
        self._preferences, self._access, self._answer, self._url = preferences, access, answer, url
        self._rung: dict[tuple[str, str], bool] = {}
        """For which it rang -> whether only because they were taken."""
        self._rings = asyncio.Event()
        self._reads: dict[tuple[str, str], tuple[int, float]] = {}
        """How often each was read in a row, and when last."""
        self._resting: set[tuple[str, str]] = set()
        self._failed: dict[tuple[str, str], int] = {}

    # -- listening

    async def session(self, is_up: Callable[[], None]) -> None:
        """Connect, log in, subscribe, and listen until it breaks."""
        who = await self._who()
        url = self._url or who["streamerSocketUrl"]
        if not url:
            raise BrokerUnavailable("it does not say where to listen")
        async with self._wire.session().ws_connect(
            url, timeout=aiohttp.ClientWSTimeout(ws_close=2.0), max_msg_size=2**22
        ) as socket:
            login = {
                "Authorization": self._access(),
                "SchwabClientChannel": who["schwabClientChannel"],
                "SchwabClientFunctionId": who["schwabClientFunctionId"],
            }
            await self._request(socket, who, "ADMIN", "LOGIN", login)
            keys = {"keys": who["schwabClientCorrelId"], "fields": "0,1,2,3"}
            await self._request(socket, who, "ACCT_ACTIVITY", "SUBS", keys)
            is_up()
            while True:
                self._heard(await _next(socket))

    async def _who(self) -> Mapping[str, str]:
        """Where and as whom to listen; a configured address may be one that asks for no names."""
        try:
            return _who(await self._preferences())
        except BrokerUnavailable:
            if not self._url:
                raise
            return dict.fromkeys(_NEEDED, "")

    async def _request(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        who: Mapping[str, str],
        service: str,
        command: str,
        parameters: Mapping[str, str],
    ) -> None:
        request = {
            "service": service,
            "requestid": "0" if command == "LOGIN" else "1",
            "command": command,
            "SchwabClientCustomerId": who["schwabClientCustomerId"],
            "SchwabClientCorrelId": who["schwabClientCorrelId"],
            "parameters": parameters,
        }
        await socket.send_str(json.dumps({"requests": [request]}))
        while True:
            message = await _next(socket)
            for said in message.get("response") or ():
                if _answers(said, request):
                    code = (said.get("content") or {}).get("code")
                    if str(code) != "0":
                        raise BrokerUnavailable(f"the streamer refuses {command} (code {code})")
                    return
            self._heard(message)

    def _heard(self, message: Mapping[str, Any]) -> None:
        try:
            self._hear(message)
        except UNREADABLE:  # one that cannot be read must not cost the line
            self._tell_odd("a message that cannot be read")

    def _hear(self, message: Mapping[str, Any]) -> None:
        for part in message.get("data") or ():
            if part.get("service") != "ACCT_ACTIVITY":
                self._tell_odd(f"a message of the service {str(part.get('service'))[:30]!r}")
                continue
            for content in part.get("content") or ():
                self._ring(content)
        unknown = set(message) - {"data", "notify", "response"}
        if unknown:
            self._tell_odd(f"a message of the kind {min(unknown)[:30]!r}")

    def _ring(self, content: Mapping[str, Any]) -> None:
        kind, text = str(content.get("2", "")), content.get("3")
        if kind not in _KNOWN:
            self._tell_odd(f"an activity {kind[:40]!r}")
        if kind in _QUIET:
            return
        try:
            said = json.loads(text) if isinstance(text, str) and text else {}
        except ValueError:
            said = {}
        order = said.get("SchwabOrderID") if isinstance(said, Mapping) else None
        if order:
            at = (str(content.get("1", "")), str(order))
            self._rung[at] = self._rung.get(at, True) and kind in _TAKEN
            self._rings.set()

    def _tell_odd(self, note: str) -> None:
        """Only the name of what is not known: its content holds account numbers."""
        self._events.tell_once(Odd(note=note, raw=f"{self._name}: {note}"))

    # -- answering

    async def serve(self) -> None:
        """Have every order read that it rang for; for ever.

        It may be an entry's fill that has no stop yet: more entries do not go before it. One that
        fills in a hundred parts is not read for each: its stop needs the questions.
        """
        with asking(Rank.NAKED):
            async with asyncio.TaskGroup() as rests:
                while True:
                    await self._rings.wait()
                    self._rings.clear()
                    while at := next((a for a in self._rung if a not in self._resting), None):
                        is_new = self._rung.pop(at)
                        again_s = 0.0 if await self._read(*at, is_new) else self._again_s(at)
                        if pause_s := max(again_s, self._pause_s(at)):
                            self._resting.add(at)
                            rests.create_task(self._rest(at, pause_s))

    def _pause_s(self, at: tuple[str, str]) -> float:
        """How long it is not read again, now that it was."""
        now = self._wire.clock.monotonic()
        self._reads = {a: r for a, r in self._reads.items() if now - r[1] <= _CALM_S}
        n_read, _ = self._reads.pop(at, (0, now))
        self._reads[at] = (n_read + 1, now)
        return _PAUSES_S[min(n_read, len(_PAUSES_S) - 1)]

    async def _rest(self, at: tuple[str, str], pause_s: float) -> None:
        """What rings meanwhile is one more reading, afterwards."""
        try:
            await self._wire.clock.sleep(pause_s)
        finally:
            self._resting.discard(at)
            self._rings.set()

    def _again_s(self, at: tuple[str, str]) -> float:
        """When it is read once more; after some tries the desk's own look finds it."""
        n_failed = self._failed.pop(at, 0)
        if n_failed == len(_AGAIN_S):
            return 0.0
        self._failed[at], self._rung[at] = n_failed + 1, False
        return _AGAIN_S[n_failed]

    async def _read(self, number: str, order_id: str, is_new: bool) -> bool:
        """Whether it was answered, or will never be."""
        try:
            await self._answer(number, order_id, is_new)
        except TradeStreamError as error:
            log.info("%s: order %s was rung for and not read: %s", self._name, order_id, error)
            return False
        except Exception:  # one order that cannot be read must not end the others
            log.exception("%s: order %s could not be taken in", self._name, order_id)
        self._failed.pop((number, order_id), None)
        return True


def _answers(said: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """By its number, or by what was asked where it names none."""
    name = "command" if said.get("requestid") in (None, "") else "requestid"
    return str(said.get(name)) == str(request[name])


def _who(preferences: Any) -> Mapping[str, str]:
    try:
        (who, *_) = preferences["streamerInfo"]
        return {name: str(who.get(name) or "") for name in _NEEDED}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BrokerUnavailable("it does not say where to listen") from error


_NEEDED = (
    "streamerSocketUrl",
    "schwabClientCustomerId",
    "schwabClientCorrelId",
    "schwabClientChannel",
    "schwabClientFunctionId",
)


async def _next(socket: aiohttp.ClientWebSocketResponse) -> Mapping[str, Any]:
    """The next message that can be read; raises when the line is dead."""
    while True:
        async with asyncio.timeout(SILENCE_S):
            frame = await socket.receive()
        if frame.type is aiohttp.WSMsgType.TEXT:
            try:
                message = json.loads(frame.data)
            except ValueError:
                continue
            if isinstance(message, Mapping):
                return message
        elif frame.type in (
            aiohttp.WSMsgType.CLOSE,
            aiohttp.WSMsgType.CLOSING,
            aiohttp.WSMsgType.CLOSED,
            aiohttp.WSMsgType.ERROR,
        ):
            raise BrokerUnavailable("the streamer hung up")
