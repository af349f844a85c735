"""What is written about symbols, for whoever asks: one question at a time, answers kept a minute.

Nothing here raises, and nobody waits longer than he wants: a feed that cannot be asked is an answer
without headlines that says why, and what to do.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from engine.clock import Clock
from engine.domain.errors import BrokerAuthError, BrokerUnavailable, OrderRejected, RateLimited
from engine.domain.news import News, no_news
from engine.feeds import Newswire

log = logging.getLogger(__name__)

FRESH_S = 60.0
"""So long an answer is given again."""
ILL_S = 20.0
"""So long a reason why there is none is given again, and those in a hurry do not ask at all."""
PATIENCE_S = 8.0
MOST = 50
"""Headlines of one answer."""
_KEPT = 64

_Key = tuple[tuple[str, ...], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    answer: News
    asked_at: float
    """Monotonic."""


class Headlines:
    """The feed's headlines, in memory for a minute."""

    def __init__(self, feed: object, clock: Clock) -> None:
        """``feed``: any; one that is no Newswire has none."""
        self._wire = feed if isinstance(feed, Newswire) else None
        self._source = str(getattr(feed, "name", "no feed"))
        self._clock = clock
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._asking: dict[_Key, asyncio.Task[News]] = {}
        self._ill_until = 0.0

    async def of(self, symbols: Collection[str], hours: int) -> News:
        """About any of these within the last hours; ``symbols``: ``AAPL``, ``BTC/USD``."""
        return await self._known((tuple(sorted(set(symbols))), hours))

    async def soon(self, symbol: str, hours: int, within_s: float) -> News:
        """The same for a card that must not wait: what is at hand by then.

        What comes later is kept for the next card.
        """
        key = ((symbol,), hours)
        kept = self._kept.get(key)
        if kept is not None and self._stands(kept):
            return kept.answer
        if self._wire is None or self._clock.monotonic() < self._ill_until:
            return self._none("not asked: it did not answer a moment ago")
        asked = asyncio.ensure_future(self._known(key))
        await asyncio.wait([asked], timeout=within_s)
        if asked.done():
            return asked.result()
        asked.cancel()
        self._is_ill()
        return self._none(f"no answer within {within_s:g} s")

    # -- inside ---------------------------------------------------------------------------------

    async def _known(self, key: _Key) -> News:
        kept = self._kept.get(key)
        if kept is not None and self._stands(kept):
            return kept.answer
        asking = self._asking.get(key)
        if asking is None:
            asking = asyncio.create_task(self._ask(key), name="headlines")
            self._asking[key] = asking
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(asking)  # one who stops waiting takes nothing from the others

    def _stands(self, kept: _Kept) -> bool:
        age_s = self._clock.monotonic() - kept.asked_at
        return age_s < (ILL_S if kept.answer.missing else FRESH_S)

    async def _ask(self, key: _Key) -> News:
        symbols, hours = key
        if self._wire is None:
            return self._none(_NOWHERE)
        try:
            async with asyncio.timeout(PATIENCE_S):
                since = self._clock.now() - timedelta(hours=hours)
                answer = await self._wire.news(symbols, since, MOST)
        except Exception as error:  # noqa: BLE001 - a library's too; no card is worth a crash
            log.info("headlines: %s", type(error).__name__)
            self._is_ill()
            answer = self._none(_why(error))
        else:
            self._ill_until = 0.0
            if answer.missing:
                answer = self._none(_NOWHERE)
        self._kept.pop(key, None)
        self._kept[key] = _Kept(answer=answer, asked_at=self._clock.monotonic())
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return answer

    def _is_ill(self) -> None:
        self._ill_until = self._clock.monotonic() + ILL_S

    def _none(self, why: str) -> News:
        return no_news(self._source, self._clock.now(), why)


_NOWHERE = (
    "no feed of this desk has headlines: an admin can add one that has, such as alpaca, under "
    "feed.live in config.yaml"
)


def _why(error: Exception) -> str:
    """What a person may do next."""
    if isinstance(error, RateLimited):
        pause_s = max(round(error.retry_after_s), 1)
        return f"the feed of news was asked too often: ask again in {pause_s} s"
    if isinstance(error, BrokerAuthError):
        return "the feed of news does not take our keys: an admin looks at keys and plan"
    if isinstance(error, OrderRejected):
        return f"the feed of news refuses the question ({error.code}): try another symbol"
    if isinstance(error, BrokerUnavailable | TimeoutError):
        return "the feed of news does not answer: ask again in a minute"
    return f"the feed of news failed ({type(error).__name__}): ask again in a minute"
