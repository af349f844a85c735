"""A broker's allowance in lanes: exits and cancels have their own, so nothing holds them up."""

import asyncio
from collections.abc import Mapping
from typing import Literal

from aiolimiter import AsyncLimiter

from engine.clock import Clock
from engine.domain.errors import RateLimited

Lane = Literal["exit", "order", "read", "open", "history", "detail"]
"""``exit`` and ``order`` act. ``open``, ``history``, ``detail``: questions about orders, where a
broker counts each kind apart; else they share ``read``."""

TURN_S = 5.0
"""Below the desk's own limit for an answer: past that an order is in doubt for nothing."""
_LONGEST_WAIT_S = 5.0
"""An entry that would wait longer for its turn is refused: its price is too old by then."""


class Lanes:
    """So many calls in so many seconds per lane; a lane that is not named shares ``read``."""

    def __init__(self, clock: Clock, allowed: Mapping[Lane, tuple[float, float]]) -> None:
        """``allowed``: lane -> calls, seconds. Together they must fit the broker's limit."""
        self._clock = clock
        self._limiters = {lane: AsyncLimiter(n, s) for lane, (n, s) in allowed.items()}
        self._waiting = dict.fromkeys(allowed, 0)
        self._rate = {lane: n / s for lane, (n, s) in allowed.items()}
        self._shut_until: dict[Lane, float] = {}

    async def turn(self, lane: Lane) -> None:
        """Wait for a turn.

        Raises:
            RateLimited: it would take too long, or the broker asked for a pause; nothing was sent.
        """
        if lane not in self._limiters:
            lane = "read"
        left = self._shut_until.get(lane, 0.0) - self._clock.monotonic()
        if left > 0:
            raise RateLimited("the broker asked for a pause", left)
        limiter = self._limiters[lane]
        if limiter.has_capacity():
            await limiter.acquire()
            return
        wait_s = (self._waiting[lane] + 1) / self._rate[lane]
        if lane != "exit" and wait_s > _LONGEST_WAIT_S:
            raise RateLimited("too many requests wait already", wait_s)
        self._waiting[lane] += 1
        try:
            await limiter.acquire()
        finally:
            self._waiting[lane] -= 1

    async def turn_in_time(self, lane: Lane) -> None:
        """The same for a caller who gives up himself soon: until then nothing was sent, for sure.

        Raises:
            RateLimited: as :meth:`turn`, and when the turn has not come by then.
        """
        try:
            async with asyncio.timeout(TURN_S):
                await self.turn(lane)
        except TimeoutError:
            raise RateLimited(f"no turn within {TURN_S:.0f} s; nothing was sent", 1.0) from None

    def pause(self, lane: Lane, seconds: float) -> None:
        """The broker said 429: nothing of this lane until then."""
        known = self._shut_until.get(lane, 0.0)
        self._shut_until[lane] = max(known, self._clock.monotonic() + seconds)
