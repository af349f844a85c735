"""Money, prices, quantities and times as words: the only place that turns figures into text."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from engine.domain.instrument import Instrument
from engine.domain.money import cents
from engine.market import NEW_YORK
from engine.reports import Figure, Missing

NBSP = "\u00a0"
ZERO_WIDTH = "\u200b"
TABLE_WIDTH = 34
"""Widest line of a code block in an embed that a phone of 390 px shows without wrapping."""


# -- figures -------------------------------------------------------------------------------------


def usd(value: Figure, *, sign: bool = False) -> str:
    """Dollars to the cent: ``$1,234.50``, with ``sign`` ``+$1,234.50``; a loss is ``-$5.00``."""
    if isinstance(value, Missing):
        return str(value)
    rounded = cents(value)
    if rounded == 0:
        return "$0.00"
    mark = "-" if rounded < 0 else ("+" if sign else "")
    return f"{mark}${abs(rounded):,.2f}"


def usd_short(value: Figure, *, sign: bool = False) -> str:
    """As :func:`usd`, for narrow columns: a missing figure is just ``n/a``."""
    return "n/a" if isinstance(value, Missing) else usd(value, sign=sign)


def r(value: Figure) -> str:
    """Multiples of the initial risk: ``+1.32R``; a small one keeps two digits: ``-0.0041R``."""
    if isinstance(value, Missing):
        return str(value)
    places = _enough(value, 2)
    return f"{_signed(_no_minus_zero(value, places), places)}R"


def r_short(value: Figure) -> str:
    """As :func:`r`, for narrow columns: a missing figure is just ``n/a``."""
    return "n/a" if isinstance(value, Missing) else r(value)


def pct(value: Figure, *, sign: bool = True, places: int = 1) -> str:
    """Percent of a value that is given as 0-100: ``+12.4%``.

    With a sign, a change is never rounded to nothing: two digits of it stay, ``-0.0033%``.
    """
    if isinstance(value, Missing):
        return str(value)
    places = _enough(value, places) if sign else places
    rounded = _no_minus_zero(value, places)
    return f"{_signed(rounded, places)}%" if sign else f"{rounded:,.{places}f}%"


def small_pct(value: Decimal) -> str:
    """A part in percent, never rounded down to nothing: ``12.4%``, ``0.04%``."""
    return pct(value, sign=False, places=1 if abs(value) >= Decimal("0.1") else 2)


def pct_short(value: Figure, *, sign: bool = True) -> str:
    """As :func:`pct`, for narrow columns: a missing figure is just ``n/a``."""
    return "n/a" if isinstance(value, Missing) else pct(value, sign=sign)


def plain(value: Figure, places: int = 2, unit: str = "") -> str:
    """A figure for narrow columns, a plus never shown: ``0.62``, ``25%``; a missing one ``n/a``."""
    if isinstance(value, Missing):
        return "n/a"
    return f"{_no_minus_zero(value, places):.{places}f}{unit}"


def share(value: Figure) -> str:
    """Percent of a whole, given as 0-100, for narrow columns: ``25%``; of little ``0.2%``."""
    places = 0
    if not isinstance(value, Missing) and 0 < abs(value) <= Decimal("0.5"):
        places = min(-value.adjusted(), _MOST_PLACES)
    return plain(value, places, "%")


_MOST_PLACES = 6


def _enough(value: Decimal, places: int) -> int:
    """So many decimals that something is not shown as nothing."""
    if value == 0 or value.quantize(Decimal(1).scaleb(-places)) != 0:
        return places
    enough = 1 - value.adjusted()
    return enough if enough <= _MOST_PLACES else places


def _signed(rounded: Decimal, places: int) -> str:
    """With its sign; nothing is neither up nor down."""
    return f"{rounded:+,.{places}f}" if rounded else f"{rounded:,.{places}f}"


def _no_minus_zero(value: Decimal, places: int) -> Decimal:
    rounded = value.quantize(Decimal(1).scaleb(-places))
    return abs(rounded) if rounded == 0 else rounded


def price(value: Figure, instrument: Instrument | None = None) -> str:
    """A price with the decimals of its tick, at least two: ``6,324.25``, ``2.55``, ``1.08345``."""
    if isinstance(value, Missing):
        return str(value)
    tick = Decimal("0.01") if instrument is None else instrument.tick
    least = max(2, _places(tick))
    exact_places = min(_places(value), 8)
    if exact_places > least and value.quantize(Decimal(1).scaleb(-least)) != value:
        least = min(exact_places, least + 2)
    return f"{_no_minus_zero(value, least):,.{least}f}"


def price_short(value: Figure, instrument: Instrument | None = None) -> str:
    """As :func:`price`, for narrow columns: a missing figure is just ``n/a``."""
    return "n/a" if isinstance(value, Missing) else price(value, instrument)


def price_tight(value: Figure, instrument: Instrument) -> str:
    """A price for narrow tables: the tick's decimals and no thousands separator."""
    if isinstance(value, Missing):
        return "n/a"
    places = max(2, _places(instrument.tick))
    return f"{_no_minus_zero(value, places):.{places}f}"


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def sector(name: str) -> str:
    """A sector's name for narrow labels: ``Cons. Staples``, ``Comm. Services``."""
    return name.replace("Consumer ", "Cons. ").replace("Communication", "Comm.")


def qty(value: Decimal) -> str:
    """Contracts or shares without trailing zeros: ``2``, ``1,500``, ``0.25``."""
    return f"{value:,f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:,f}"


def count(n: int, what: str) -> str:
    """So many of something: ``1 trade``, ``2 trades``, ``0 entries``."""
    many = f"{what[:-1]}ies" if what.endswith("ry") else f"{what}s"
    return f"{n:,} {what if n == 1 else many}"


# -- times ---------------------------------------------------------------------------------------


def ago(at: datetime) -> str:
    """A moment that Discord keeps counting: ``2 minutes ago``."""
    return f"<t:{int(at.timestamp())}:R>"


def moment(at: datetime) -> str:
    """A moment in the reader's own zone: date and time."""
    return f"<t:{int(at.timestamp())}:f>"


def clock_time(at: datetime) -> str:
    """A moment in the reader's own zone: time with seconds."""
    return f"<t:{int(at.timestamp())}:T>"


def eastern(at: datetime) -> str:
    """New York time for code blocks, where Discord shows no timestamps: ``09:31:05 ET``."""
    return f"{at.astimezone(NEW_YORK):%H:%M:%S} ET"


def eastern_day(at: datetime) -> str:
    """New York date and time for tables: ``01/31 09:31``."""
    return f"{at.astimezone(NEW_YORK):%m/%d %H:%M}"


def eastern_weekday(at: datetime) -> str:
    """New York weekday and time: ``Mon 09:30 ET``."""
    return f"{at.astimezone(NEW_YORK):%a %H:%M} ET"


def span(length: timedelta | None) -> str:
    """How long, never broken across lines: ``45 s``, ``14 min``, ``2 h 05 min``, ``3 d 4 h``."""
    if length is None:
        return "-"
    total = max(int(length.total_seconds()), 0)
    hours, minutes = divmod(total // 60, 60)
    days, rest = divmod(hours, 24)
    if total < 60:
        words = f"{total} s"
    elif not hours:
        words = f"{minutes} min"
    elif not days:
        words = f"{hours} h {minutes:02d} min"
    else:
        words = f"{days} d {rest} h"
    return words.replace(" ", NBSP)


def eastern_date(at: datetime) -> str:
    """New York date: ``Fri 01/30``."""
    return f"{at.astimezone(NEW_YORK):%a %m/%d}"


# -- other people's words ------------------------------------------------------------------------

_MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\*_~`|[]<>#"})
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})


def visible(text: str) -> str:
    """Without characters that people cannot see but that reorder or hide what they read."""
    return "".join(
        c if c == "\n" or unicodedata.category(c) not in _HIDDEN or c == "\u200d" else " "
        for c in text.replace("\r\n", "\n").replace("\t", " ")
    )


def safe(text: str, limit: int = 200) -> str:
    """Foreign text that neither formats, pings nor links, of at most ``limit`` characters."""
    kept = shorten(visible(text), limit)
    while True:
        escaped = _disarm(kept.translate(_MARKDOWN))
        if len(escaped) <= limit:
            return escaped
        kept = shorten(kept, max(len(kept) - (len(escaped) - limit), 1))


def safe_line(text: str, limit: int = 120) -> str:
    """As :func:`safe`, on one line."""
    return safe(" ".join(visible(text).split()), limit)


def quoted(text: str, limit: int = 600) -> str:
    """Foreign text as a block quote; says so when it was cut."""
    whole = visible(text).strip()
    shown = "\n".join(f"> {safe(line, 400)}" for line in whole.splitlines() if line.strip())
    if len(shown) <= limit:
        return shown or "> (no text)"
    note = f"\n-# cut: {len(whole):,} characters in all"
    kept: list[str] = []
    left = limit - len(note)
    for line in shown.splitlines():
        if len(line) + 1 > left:
            break
        kept.append(line)
        left -= len(line) + 1
    if not kept:
        kept = [f"> {safe_line(whole, max(left - 2, 1))}"]
    elif not kept[-1].endswith("…"):
        kept.append("> …")
    return "\n".join(kept)[: limit - len(note)] + note


def code_safe(text: str) -> str:
    """Foreign text for inside a code block: it cannot end the block, and does not ping."""
    return _PING.sub(f"@{ZERO_WIDTH}", visible(text).replace("`", "ˋ"))


def shorten(text: str, limit: int) -> str:
    """At most ``limit`` characters, an ellipsis where it was cut."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "…"


_PING = re.compile(r"@(?=\w)")


def _disarm(text: str) -> str:
    return (
        _PING.sub(f"@{ZERO_WIDTH}", text)
        .replace("://", f":{ZERO_WIDTH}//")
        .replace("\n-", f"\n{ZERO_WIDTH}-")
    )


# -- tables --------------------------------------------------------------------------------------


def table(rows: Sequence[Sequence[str]], align: str, *, width: int = TABLE_WIDTH) -> str:
    """A code block of aligned columns; ``align`` has ``l`` or ``r`` per column.

    The first left column gives way when the lines would be wider than ``width``.
    """
    if not rows:
        return ""
    cells = [[code_safe(c).replace("\n", " ") for c in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(align))]
    over = sum(widths) + 2 * (len(widths) - 1) - width
    elastic = align.find("l")
    if over > 0 and elastic >= 0:
        widths[elastic] = max(widths[elastic] - over, 4)
    lines = []
    for row in cells:
        parts = [
            shorten(c, w).rjust(w) if a == "r" else shorten(c, w).ljust(w)
            for c, w, a in zip(row, widths, align, strict=True)
        ]
        lines.append("  ".join(parts).rstrip()[:width])
    return "```\n" + "\n".join(lines) + "\n```"
