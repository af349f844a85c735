"""What feeds share that stream, and ask for whatever the stream was silent about."""

import asyncio
import logging
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from engine.brokers._wire.usage import Usage
from engine.domain.errors import BrokerUnavailable, own_words
from engine.domain.instrument import Instrument
from engine.domain.quote import Quote
from engine.feeds import FeedAdapter, FeedSetup, is_older, not_ahead
from engine.market import new_york_date

log = logging.getLogger(__name__)

_LONG_SILENT = 3
"""Part of the pause between two questions: who said nothing for so long is asked in the next one.
One that fell silent just after a question was asked a whole pause later, 6 s after its last word:
no price of it was known, and the desk's own stop stood still."""
_OVER = timedelta(days=3)
"""A wall clock that is a day off must not end the quotes of what is held."""


class Polled(FeedAdapter):
    """Quotes in the order they were made, heard or answered; lost when neither comes any more."""

    class Settings(FeedAdapter.Settings):
        """Terms and addresses."""

        poll_s: float = Field(default=3.0, gt=0)
        """Seconds between two questions for what the stream is silent about."""

    most_failed_polls: ClassVar[int]
    """So many questions in a row without an answer, and nothing streamed: the source is lost."""

    def __init__(self, settings: "Polled.Settings", setup: FeedSetup) -> None:
        super().__init__(settings, setup)
        self.usage = Usage(setup.clock)
        self._poll_s = settings.poll_s
        self._watched: dict[str, Instrument] = {}
        self._last: dict[str, Quote] = {}
        self._heard_at: dict[str, float] = {}
        """Instrument -> monotonic time of its last word, streamed or asked for."""
        self._queue: asyncio.Queue[Quote | None] = asyncio.Queue()
        self._n_failed = 0
        self._unanswered = ""
        """Why the last question of the poll had no answer."""

    @property
    def trouble(self) -> str:
        """What is not streamed, and whether it is answered."""
        wrong = self._unstreamed()
        how = f"asked for every {self._poll_s:g} s instead"
        if self._unanswered:
            how = f"no answer to questions: {self._unanswered}"
        return "; ".join([*wrong, how]) if wrong or self._unanswered else ""

    async def close(self) -> None:
        """Stop delivering."""
        await self._stop()
        self._queue.put_nowait(None)

    async def quote(self, instrument: Instrument) -> Quote | None:
        """The newest quote: what was heard within the last moments, else what is answered now.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError.
        """
        if instrument.kind not in self.kinds:
            return None
        known = self._last.get(instrument.key)
        if known is not None and not self._is_silent(instrument, self._poll_s):
            return known
        for found in await self._asked([instrument]):
            if instrument.key in self._watched:
                self._take(found)
            return found
        return None

    async def stream(self) -> AsyncIterator[Quote]:
        """Quotes of everything watched, until closed.

        Raises:
            BrokerUnavailable: neither the stream nor the answers come any more.
        """
        queue = self._queue
        while (quote := await queue.get()) is not None:
            yield quote
        if self._n_failed >= self.most_failed_polls:
            raise BrokerUnavailable(f"{self.name} delivers nothing any more")
        queue.put_nowait(None)

    @abstractmethod
    async def _stop(self) -> None:
        """Hang up; may be called when nothing is connected."""

    @abstractmethod
    def _unstreamed(self) -> list[str]:
        """What the stream does not do just now, and why."""

    @abstractmethod
    async def _asked(self, instruments: Iterable[Instrument]) -> list[Quote]:
        """Newest quotes of those that have one.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError.
        """

    def _watch_new(self, instruments: Iterable[Instrument]) -> list[Instrument]:
        """Those that it quotes and that were not watched before; they are from now on."""
        new = [i for i in instruments if i.kind in self.kinds and i.key not in self._watched]
        self._watched |= {instrument.key: instrument for instrument in new}
        return new

    def _not_answered(self, error: Exception) -> None:
        self._unanswered = own_words(error)
        log.info("%s: no answer: %s", self.name, self._unanswered)

    def _forget_expired(self) -> list[Instrument]:
        """Options whose last day was days ago are asked for no more: they use up the allowance."""
        day = new_york_date(self.clock.now() - _OVER)
        options = (i for i in self._watched.values() if i.kind == "option")
        over = [i for i in options if i.expiry is not None and i.expiry < day]
        for instrument in over:
            del self._watched[instrument.key]
            self._last.pop(instrument.key, None)
            self._heard_at.pop(instrument.key, None)
        return over

    def _take(self, quote: Quote) -> None:
        """Pass on what is not older than what was passed on already.

        An older stamp with the same price, or with a halt, says that what is known still stands:
        streams stamp a quote when it came, or not at all.
        """
        quote = not_ahead(quote)
        key = quote.instrument.key
        known = self._last.get(key)
        if known is not None and is_older(quote, known):
            if not quote.is_halted and (quote.bid, quote.ask) != (known.bid, known.ask):
                return
            now, is_halted = quote.received_at, quote.is_halted
            quote = replace(known, received_at=now, is_halted=is_halted)
        self._heard_at[key] = self.clock.monotonic()
        self._last[key] = quote
        self._queue.put_nowait(quote)

    def _is_silent(self, instrument: Instrument, for_s: float) -> bool:
        heard_at = self._heard_at.get(instrument.key)
        return heard_at is None or self.clock.monotonic() - heard_at >= for_s

    def _silent(self) -> list[Instrument]:
        """What may be too old before the next question."""
        for_s = self._poll_s / _LONG_SILENT
        return [i for i in self._watched.values() if self._is_silent(i, for_s)]
