"""Quotes from files: what a market really did, played again at any speed.

A file is CSV (also gzipped) or JSON lines, sorted by time per instrument, in one of two shapes:
``contract,ts_utc,price`` has one price a moment, taken as the middle of a stated spread;
``ts_utc,instrument,bid,ask[,bid_size,ask_size]`` has the touch itself.
"""

import asyncio
import csv
import gzip
import heapq
import json
import re
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

from engine.clock import Clock
from engine.domain.candle import Candles, Timeframe, no_candles
from engine.domain.errors import ConfigError
from engine.domain.instrument import Instrument, parse_key
from engine.domain.money import exact, rounded
from engine.domain.quote import Quote
from engine.feeds import paced
from engine.feeds._past import candles_of

_COMPACT = re.compile(r"([A-Z]{1,6})(\d{6}[CP]\d{8})")


class RecordedFeed:
    """Plays files on the injected clock, or for a replay that asks for the next moment."""

    def __init__(
        self,
        files: Iterable[Path],
        clock: Clock,
        *,
        half_spread: Decimal = Decimal("0.01"),
        shift: timedelta = timedelta(0),
        name: str = "recorded",
        tape: Iterable[Quote] = (),
    ) -> None:
        """``half_spread``: dollars either side of a lone price; ``shift``: added to every time.

        ``tape``: quotes that are at hand already, beside those of the files.
        """
        if not half_spread.is_finite() or half_spread < 0:
            raise ConfigError(f"half_spread must be 0 or more, not {half_spread}")
        self.name = name
        self.is_synthetic = False
        self._files = tuple(files)
        self._clock = clock
        self._half_spread = half_spread
        self._shift = shift
        self._tape = tuple(tape)
        self._quotes: dict[str, list[Quote]] = {}
        self._next: dict[str, int] = {}
        """Watched instrument -> index of its next quote."""
        self._heap: list[tuple[datetime, str]] = []
        self._passed: datetime | None = None
        self._changed = asyncio.Event()
        self._closed = asyncio.Event()

    async def connect(self) -> None:
        """Read the files.

        Raises:
            ConfigError: names file and line of the first row that cannot be a quote.
        """
        if not self._quotes:
            self._quotes = await asyncio.to_thread(self._read)

    async def close(self) -> None:
        """End the stream."""
        self._closed.set()
        self._changed.set()

    @property
    def instruments(self) -> list[Instrument]:
        """Everything the files hold quotes of."""
        return [quotes[0].instrument for quotes in self._quotes.values()]

    async def quote(self, instrument: Instrument) -> Quote | None:
        """The newest quote at or before now."""
        quotes = self._quotes.get(instrument.key, [])
        n = bisect_right(quotes, self._clock.now(), key=_moment)
        return quotes[n - 1] if n else None

    async def bars(
        self, instrument: Instrument, timeframe: Timeframe, n: int, until: datetime | None = None
    ) -> Candles:
        """Of what was played up to now; volume was not recorded."""
        now = self._clock.now()
        quotes = self._quotes.get(instrument.key, [])
        end = bisect_right(quotes, now, key=_moment)
        found = await asyncio.to_thread(lambda: list(candles_of(quotes[:end], timeframe)))
        newest = tuple(c for c in found if until is None or c.at < until)[-n:]
        if not newest:
            why = f"the recording holds no {instrument.label} before then"
            return no_candles(instrument, timeframe, self.name, now, why)
        return Candles(
            instrument=instrument,
            timeframe=timeframe,
            candles=newest,
            source=self.name,
            as_of=now,
        )

    async def watch(self, instruments: Iterable[Instrument]) -> None:
        """Play these from now on; what is not in the files never has a quote."""
        since = self._clock.now() if self._passed is None else self._passed
        for instrument in instruments:
            key = instrument.key
            if key in self._next or key not in self._quotes:
                continue
            quotes = self._quotes[key]
            self._next[key] = n = bisect_right(quotes, since, key=_moment)
            if n < len(quotes):
                heapq.heappush(self._heap, (quotes[n].exchange_at, key))
        self._changed.set()

    def upcoming(self) -> datetime | None:
        """When the next quote of anything watched is due; None when the files are at their end."""
        return self._heap[0][0] if self._heap else None

    def advance_to(self, moment: datetime) -> list[Quote]:
        """Quotes due up to and at ``moment`` that were not handed out yet, oldest first."""
        self._passed = moment if self._passed is None else max(moment, self._passed)
        due: list[Quote] = []
        while self._heap and self._heap[0][0] <= moment:
            _, key = heapq.heappop(self._heap)
            quotes = self._quotes[key]
            due.append(quotes[self._next[key]])
            self._next[key] = n = self._next[key] + 1
            if n < len(quotes):
                heapq.heappush(self._heap, (quotes[n].exchange_at, key))
        return due

    async def stream(self) -> AsyncIterator[Quote]:
        """Quotes of everything watched as they fall due, until closed."""
        async for quote in paced(self, self._clock, self._changed, self._closed):
            yield quote

    # -- reading --------------------------------------------------------------------------------

    def _read(self) -> dict[str, list[Quote]]:
        found: dict[str, list[Quote]] = {}
        for quote in self._tape:
            found.setdefault(quote.instrument.key, []).append(quote)
        for path in self._files:
            for key, quotes in self._read_file(path).items():
                found.setdefault(key, []).extend(quotes)
        for quotes in found.values():
            quotes.sort(key=_moment)  # several files may hold one instrument; stable
        return found

    def _read_file(self, path: Path) -> dict[str, list[Quote]]:
        found: dict[str, list[Quote]] = {}
        line = 0
        try:
            with _open(path) as file:
                for line, row in _rows(path, file):  # noqa: B007 - the error names it
                    self._take(_fields(row), found)
        except (OSError, EOFError, ValueError, KeyError, csv.Error) as error:
            what = f"there is no {error}" if isinstance(error, KeyError) else str(error)
            raise ConfigError(f"{path} line {line}: {what}") from error
        if not found:
            raise ConfigError(f"{path} holds no quotes")
        return found

    def _take(self, row: Mapping[str, Any], found: dict[str, list[Quote]]) -> None:
        quote = self._quote_of(row)
        known = found.setdefault(quote.instrument.key, [])
        if known and quote.exchange_at < known[-1].exchange_at:
            raise ValueError(f"{row['ts_utc']} is earlier than the row before it")
        known.append(quote)

    def _quote_of(self, row: Mapping[str, Any]) -> Quote:
        instrument = _instrument(str(row["contract"] if "contract" in row else row["instrument"]))
        bid, ask = self._touch(row, instrument.tick)
        at = _time(str(row["ts_utc"])) + self._shift
        quote = Quote(
            instrument=instrument,
            bid=bid,
            ask=ask,
            bid_size=_size(row.get("bid_size")),
            ask_size=_size(row.get("ask_size")),
            exchange_at=at,
            received_at=at,
            source=self.name,
        )
        if not quote.is_sane:
            raise ValueError(f"bid {bid} and ask {ask} are no market: need 0 < bid <= ask")
        return quote

    def _touch(self, row: Mapping[str, Any], tick: Decimal) -> tuple[Decimal, Decimal]:
        if "price" not in row:
            return _price(row["bid"]), _price(row["ask"])
        mid = _price(row["price"])
        if mid <= 0:
            raise ValueError(f"price {mid} is not above 0")
        bid = rounded(mid - self._half_spread, tick, ROUND_FLOOR)
        ask = rounded(mid + self._half_spread, tick, ROUND_CEILING)
        return max(bid, tick), max(ask, tick)


def _moment(quote: Quote) -> datetime:
    return quote.exchange_at


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _rows(path: Path, file: TextIO) -> Iterator[tuple[int, str | dict[str, Any]]]:
    """Line number and the row: a JSON text, or the columns of a CSV line."""
    if ".jsonl" in path.suffixes:
        yield from ((n, text) for n, text in enumerate(file, start=1) if text.strip())
        return
    reader = csv.DictReader(file)
    for row in reader:
        yield reader.line_num, row


def _fields(row: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(row, str):
        row = json.loads(row, parse_float=str, parse_int=str, parse_constant=str)
    if not isinstance(row, dict) or None in row:
        raise ValueError("not a row of the named columns")
    return row


@lru_cache(maxsize=4_096)
def _instrument(name: str) -> Instrument:
    compact = _COMPACT.fullmatch(name)
    return parse_key(f"{compact[1]:<6}{compact[2]}" if compact else name)


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return at.astimezone(UTC)


def _price(text: Any) -> Decimal:
    return exact(str(text).strip())


def _size(text: Any) -> Decimal | None:
    if text is None or str(text).strip() == "":
        return None
    size = exact(str(text).strip())
    if size < 0:
        raise ValueError(f"size {size} is below 0")
    return size
