"""The Feed contract, and the board that holds the last quote of everything watched."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Protocol

from engine.domain.instrument import Instrument
from engine.domain.quote import Leg, Quote, UnitQuote, unit_quote


class Feed(Protocol):
    """A source of quotes. Each value says where it is from and when it was made and received."""

    name: str
    is_synthetic: bool

    async def connect(self) -> None:
        """Start delivering."""
        ...

    async def close(self) -> None:
        """Stop delivering."""
        ...

    async def quote(self, instrument: Instrument) -> Quote | None:
        """The newest quote known to the source; None when it has none."""
        ...

    async def watch(self, instruments: Iterable[Instrument]) -> None:
        """Stream these from now on, in addition to what is streamed already."""
        ...

    def stream(self) -> AsyncIterator[Quote]:
        """Quotes of everything watched, until closed."""
        ...


class QuoteBoard:
    """Last quote of each watched instrument; tells its listeners about every new one."""

    def __init__(self) -> None:
        self._last: dict[str, Quote] = {}
        self._listeners: list[Callable[[Quote], None]] = []

    def put(self, quote: Quote) -> None:
        """Take a new quote in. Insane ones (M-02) and ones older than the last are dropped."""
        if not quote.is_sane:
            return
        last = self._last.get(quote.instrument.key)
        if last is not None and quote.exchange_at < last.exchange_at:
            return
        self._last[quote.instrument.key] = quote
        for listener in self._listeners:
            listener(quote)

    def listen(self, listener: Callable[[Quote], None]) -> Callable[[], None]:
        """Call ``listener`` with every new quote; it must be quick and must not raise.

        Call what is returned to stop listening.
        """
        self._listeners = [*self._listeners, listener]

        def stop() -> None:
            self._listeners = [known for known in self._listeners if known is not listener]

        return stop

    def last(self, instrument: Instrument) -> Quote | None:
        """Newest quote, however old; the caller judges its age."""
        return self._last.get(instrument.key)

    def unit(self, legs: tuple[Leg, ...]) -> UnitQuote | None:
        """Newest unit price from the legs' last quotes; None when a leg has none."""
        return unit_quote(legs, self._last)
