"""A broker's allowance, and whose turn it is: what is bare first, then exits, polls last.

Calls are counted over a window that moves with time, so no stretch of it holds more of them than
the broker allows. Of a window that exits share, a part is kept for those who go first: however
much is polled or compared, the next exit leaves at once.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.asking import Rank, our_own_delay, rank
from engine.clock import Clock
from engine.domain.errors import RateLimited

Lane = Literal["all", "exit", "order", "read", "account", "open", "history", "detail"]
"""``exit`` and ``order`` act. ``account``, ``open``, ``history``, ``detail``: questions that some
brokers count apart; else they share ``read``. ``all``: everything that has no lane of its own."""

TURN_S = 5.0
"""Below the desk's own limit for an answer: past that an order is in doubt for nothing, and the
price of an entry is too old."""
PATIENCE_S: Mapping[Rank, float] = {Rank.NAKED: 30.0, Rank.DOUBT: 30.0, Rank.COMPARE: 60.0}
"""Who may wait longer: nothing is lost by it, and everything by being refused for a poll."""
PAUSE_S: Mapping[Rank, float] = {
    Rank.BEGUN: 3.0,
    Rank.BARE: 3.0,
    Rank.EXIT: 3.0,
    Rank.NAKED: 3.0,
}
"""However long a pause the broker wants, these ask again after so long, at its usual pace: a
refusal costs nothing, what is held without a stop may cost all."""
_USUAL_S = 5.0
"""After a refusal that names no pause."""
_AGAIN_S = (0.0, 0.5, 1.0, 2.0, 3.0)
"""What is bare asks again after the second of these then, after the next when it is refused again:
three times in a row still leave it a stop within 5 s. After a named pause it waits for no less than
the one before, so that a pause of none is no storm."""
_CALM_S = 10.0
"""After so long without a refusal they are counted anew."""
_FOR_BARE = frozenset({Rank.BEGUN, Rank.BARE, Rank.NAKED})
_URGENT_S = 1.0
"""And these after a pause that was asked of another: that one stop could not be moved leaves no
other trade bare, and that one was not taken leaves no fill unheard."""
_PASSED = 3
"""So many may pass a comparison that waits; then only exits, and looks for one, go before it. And
so many an entry, where a turn comes back soon: those of two accounts never end there, and it would
stand behind them until its price is too old."""
_STORM_S = 5.0
"""So long after a look for what may be bare another may come. In a window of a few calls it would
wait for all of it behind the pages of a comparison: one call is left free meanwhile."""
_ROUNDING_S = 1e-6
_SHARED: Mapping[Rank, float] = {
    Rank.BEGUN: 1.0,
    Rank.BARE: 1.0,
    Rank.EXIT: 0.95,
    Rank.NAKED: 0.9,
    Rank.DOUBT: 0.8,
    Rank.HALF: 0.8,
    Rank.COMPARE: 0.8,
    Rank.ENTRY: 0.6,
    Rank.POLL: 0.4,
}
"""How full a window that exits share may be for each."""
_APART: Mapping[Rank, float] = {**dict.fromkeys(Rank, 1.0), Rank.POLL: 0.5}
"""And one that they do not."""
_FOLLOWS = 4
"""Requests that an entry draws after it within a busy minute: its stop, moves, closes, some looks.
Entries that leave no room for theirs would fill and stay bare."""
_LONG_S = 10.0
"""In a shorter window a turn comes back before what waits for it is missed."""


class Window:
    """The calls of the last seconds."""

    def __init__(self, clock: Clock, calls: float, seconds: float) -> None:
        self._clock, self.seconds = clock, seconds
        self.calls = int(calls)
        self._at: deque[float] = deque()

    def opens_in(self, most: int) -> float:
        """Seconds until fewer than ``most`` calls stand in it; 0 when that is so now."""
        now = self._forget()
        if len(self._at) < most:
            return 0.0
        return self._at[len(self._at) - most] + self.seconds - now

    def free(self) -> int:
        """How many more it holds now."""
        self._forget()
        return self.calls - len(self._at)

    def _forget(self) -> float:
        now = self._clock.monotonic()
        while self._at and self._at[0] + self.seconds <= now + _ROUNDING_S:
            self._at.popleft()
        return now

    def take(self) -> None:
        """One more."""
        self._at.append(self._clock.monotonic())


@dataclass(slots=True, eq=False)
class _Waiter:
    rank: Rank
    n_passed: int = 0
    called: asyncio.Event = field(default_factory=asyncio.Event)


class _Line:
    """Those who share one allowance."""

    def __init__(
        self, clock: Clock, window: Window, shares: Mapping[Rank, float], entries: Window
    ) -> None:
        self._clock, self._window, self._entries = clock, window, entries
        self._is_short = window.seconds < _LONG_S
        self._most = {r: max(1, round(window.calls * share)) for r, share in shares.items()}
        if self._is_short:  # a turn comes back soon: whose it is matters, and nothing is kept
            self._most[Rank.ENTRY] = self._most[Rank.HALF]
        self._waiting: list[_Waiter] = []
        self._shut_until = dict.fromkeys(Rank, 0.0)
        self._looks_until, self._begun_until = 0.0, 0.0
        self._n_refused, self._refused_at = 0, 0.0
        """What was bare: how often in a row, and when last."""

    def pause(self, who: Rank, named_s: float | None) -> float:
        """The broker wants quiet; where it did not take an exit, nobody else asks either."""
        now = self._clock.monotonic()
        usual_s = _USUAL_S if named_s is None else named_s
        pauses = {each: min(usual_s, PAUSE_S.get(each, usual_s)) for each in Rank}
        if who <= Rank.BARE:
            pauses[who] = min(self._again_in(now, named_s), PAUSE_S[who])
        pauses |= {each: min(pauses[each], _URGENT_S) for each in _FOR_BARE - {who}}
        for each, pause_s in pauses.items():
            if who <= Rank.EXIT or each > Rank.EXIT:
                self._shut_until[each] = max(self._shut_until[each], now + pause_s)
        return pauses[who]

    def _again_in(self, now: float, named_s: float | None) -> float:
        """How long what is bare waits: longer, the more often it was refused in a row."""
        if now - self._refused_at > _CALM_S:
            self._n_refused = 0
        least_s, usual_s = _AGAIN_S[self._n_refused : self._n_refused + 2]
        if self._shut_s(Rank.BARE) <= 0:  # else it left beside the last one
            self._n_refused = min(self._n_refused + 1, len(_AGAIN_S) - 2)
            self._refused_at = now
        return usual_s if named_s is None else max(named_s, least_s)

    def room(self, who: Rank) -> int | None:
        """Calls that they may make at once; None where a turn comes back within seconds."""
        if self._is_short:
            return None
        kept = self._window.calls - self._most[who]
        return 0 if self._shut_s(who) > 0 else max(0, self._window.free() - kept)

    async def turn(self, who: Rank) -> None:
        """Wait for it.

        Raises:
            RateLimited: it would take too long.
        """
        shut_s = self._shut_s(who)
        if shut_s > 0 and who not in PATIENCE_S:
            raise RateLimited("the broker asked for a pause", shut_s)
        if self.is_taken(who):
            return
        ahead = self._n_ahead(who)
        if who not in PATIENCE_S and who > Rank.EXIT:
            wait_s = self._window.opens_in(max(1, self._most[who] - ahead))
            if who is Rank.ENTRY:
                n_like = sum(other.rank is who for other in self._waiting)
                left = self._entries.calls - n_like
                wait_s = max(wait_s, self._entries.opens_in(max(1, left)))
            if wait_s > TURN_S:
                raise RateLimited("too many requests wait already", wait_s)
        with our_own_delay():
            await self._stand(_Waiter(who))

    def is_taken(self, who: Rank) -> bool:
        """Take the turn when there is nothing to wait for."""
        if who is Rank.NAKED:
            self._looks_until = self._clock.monotonic() + _STORM_S
        if self._n_ahead(who) or self._opens_in(who) > 0:
            return False
        self._go(who)
        return True

    def _n_ahead(self, who: Rank) -> int:
        return sum([self._place(other) <= who for other in self._waiting])

    async def _stand(self, me: _Waiter) -> None:
        self._waiting.append(me)
        try:
            while True:
                if self._first() is not me:
                    me.called.clear()
                    await me.called.wait()
                    continue
                left_s = self._opens_in(me.rank)
                if left_s <= 0:
                    self._go(me.rank, me)
                    return
                await self._clock.sleep(left_s)
        finally:
            self._waiting.remove(me)
            if self._waiting:
                self._first().called.set()

    def _opens_in(self, who: Rank) -> float:
        most = self._most[who]
        if who is Rank.COMPARE and self._is_short and self._may_be_looked_for():
            most = max(1, min(most, self._window.calls - 1))
        if who in (Rank.HALF, Rank.ENTRY) and self._clock.monotonic() < self._begun_until:
            most = 1  # the other is for the stop itself, which was previewed just now
        opens_s = max(self._shut_s(who), self._window.opens_in(most))
        if who is not Rank.ENTRY:
            return opens_s
        return max(opens_s, self._entries.opens_in(self._entries.calls))

    def _may_be_looked_for(self) -> bool:
        return self._clock.monotonic() < self._looks_until

    def _shut_s(self, who: Rank) -> float:
        return self._shut_until[who] - self._clock.monotonic()

    def _first(self) -> _Waiter:
        return min(self._waiting, key=self._place)  # of equals the one who came first

    def _place(self, waiter: _Waiter) -> float:
        if waiter.n_passed >= _PASSED:
            if waiter.rank is Rank.COMPARE:
                return Rank.NAKED + 0.5
            if waiter.rank is Rank.ENTRY and self._is_short:
                return Rank.HALF + 0.5
        return waiter.rank

    def _go(self, who: Rank, me: _Waiter | None = None) -> None:
        self._window.take()
        if who is Rank.BARE and self._is_short:
            self._begun_until = self._clock.monotonic() + self._window.seconds
        if who is Rank.ENTRY:
            self._entries.take()
        for other in self._waiting:
            other.n_passed += other is not me
        if self._waiting:  # whoever has become the next by it does not know yet
            self._first().called.set()


def entries_per_min(allowed: Mapping[Lane, tuple[float, float]], requests: int = 1) -> int:
    """How many entries leave in a minute in which nothing else does, of ``requests`` each."""
    lane: Lane = "order" if "order" in allowed else "all"
    calls, seconds = allowed[lane]
    most = min(
        _for_entries(lane, calls, requests), max(1, round(calls * _shares(lane)[Rank.ENTRY]))
    )
    return int(most * 60 / seconds / requests)


def _shares(lane: Lane) -> Mapping[Rank, float]:
    return _SHARED if lane == "all" else _APART


def _for_entries(lane: Lane, calls: float, requests: int) -> int:
    """Of the calls of a window, those that entries may take for themselves."""
    return max(1, int(calls / (requests + _FOLLOWS))) * requests if lane == "all" else int(calls)


class Lanes:
    """So many calls in so many seconds per lane; a lane that is not named shares another."""

    def __init__(
        self, clock: Clock, allowed: Mapping[Lane, tuple[float, float]], requests: int = 1
    ) -> None:
        """``allowed``: lane -> calls, seconds. Together they must fit the broker's limit.

        ``requests``: so many an entry takes.
        """
        self._lines = {
            lane: _Line(
                clock,
                Window(clock, calls, seconds),
                _shares(lane),
                Window(clock, _for_entries(lane, calls, requests), seconds),
            )
            for lane, (calls, seconds) in allowed.items()
        }

    def _line(self, lane: Lane) -> _Line:
        for name in (lane, "all", "read"):
            if name in self._lines:
                return self._lines[name]
        raise KeyError(lane)  # pragma: no cover

    async def turn(self, lane: Lane) -> None:
        """Wait for a turn; who asks says :func:`engine.asking.rank`, acts speak for themselves.

        Raises:
            RateLimited: it would take too long, or the broker asked for a pause; nothing was sent.
        """
        await self._line(lane).turn(_who(lane))

    async def turn_in_time(self, lane: Lane) -> None:
        """The same for a caller who gives up himself soon: until then nothing was sent, for sure.

        Raises:
            RateLimited: as :meth:`turn`, and when the turn has not come by then.
        """
        line, who = self._line(lane), _who(lane)
        if line.is_taken(who):  # as nearly always
            return
        patience_s = PATIENCE_S.get(who, TURN_S)
        try:
            async with asyncio.timeout(patience_s):
                await line.turn(who)
        except TimeoutError:
            said = f"no turn within {patience_s:.0f} s; nothing was sent"
            raise RateLimited(said, 1.0) from None

    def room(self, who: Rank = Rank.EXIT) -> int | None:
        """Requests that they may send at once; None where a turn comes back within seconds."""
        return self._line("exit").room(who)

    def pause(self, lane: Lane, named_s: float | None) -> float:
        """The broker said 429: nothing of this lane until then; seconds for whoever was refused."""
        return self._line(lane).pause(_who(lane), named_s)


def _who(lane: Lane) -> Rank:
    """An order is what it is, whoever asks for it."""
    if lane == "exit":
        return min(rank(), Rank.EXIT)
    if lane == "order":
        return Rank.HALF if rank() is Rank.BEGUN else Rank.ENTRY
    return rank()
