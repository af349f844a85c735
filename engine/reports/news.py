"""Headlines of what is asked for, newest first, each once, and what is held of the symbols.

What a headline does to a price is not said: no model reads them, and nobody's guess is a figure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from engine.domain.instrument import Instrument, underlying_of
from engine.domain.news import Article, News, host_of
from engine.reports import Figure, Frame, Missing, Stamp, plus, unit_value
from engine.reports.trade_card import TradeCard

About = Literal["symbol", "held", "watchlist", "nothing"]
_CHANGED = timedelta(hours=1)
"""What was changed so long after it was published is worth a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One headline; other people's words."""

    headline: str
    source: str
    symbols: tuple[str, ...]
    """What was asked for first."""
    held: frozenset[str]
    """Those of them that are held now."""
    url: str
    """https; empty: none."""
    host: str
    """Whose address it is."""
    published_at: datetime
    changed_at: datetime | None
    """Only when that was much later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is held of a symbol that a headline names."""

    symbol: str
    n: int
    """Trades."""
    worth_usd: Figure
    """At the mids, long and short alike."""
    net_usd: Figure
    """As /positions has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsReport:
    """What was written about the symbols within the hours."""

    stamp: Stamp
    about: About
    symbols: tuple[str, ...]
    hours: int
    rows: tuple[Row, ...]
    held: tuple[Held, ...]
    """Of the symbols in ``rows``, in the order of their first headline."""
    n_else: int
    """Further ones that were read and do not stand in ``rows``."""
    is_more: bool
    """And the feed has yet older ones."""
    n_unreadable: int
    source: str
    received_at: datetime
    untold: tuple[str, ...] = ()
    """Asked for, but of a kind that nobody writes about by its name: futures."""
    missing: str = ""


def build(
    frame: Frame,
    found: News,
    *,
    about: About,
    symbols: Sequence[str],
    hours: int,
    limit: int,
    held: Iterable[TradeCard] = (),
    untold: Sequence[str] = (),
) -> NewsReport:
    """``held``: rows of the report of positions; none where figures may not be seen."""
    of: dict[str, list[TradeCard]] = {}
    for card in held:
        of.setdefault(name_of(card.legs[0].instrument), []).append(card)
    of.pop("", None)
    once = _once(found.articles)
    rows = tuple(_row(article, symbols, of) for article in once[:limit])
    named = dict.fromkeys(symbol for row in rows for symbol in row.symbols if symbol in row.held)
    used = [leg.instrument for symbol in named for card in of[symbol] for leg in card.legs]
    return NewsReport(
        stamp=frame.stamp("news", used),
        about=about,
        symbols=tuple(symbols),
        hours=hours,
        rows=rows,
        held=tuple(_held(symbol, of[symbol]) for symbol in named),
        n_else=len(once) - len(rows),
        is_more=found.is_more,
        n_unreadable=found.n_unreadable,
        source=found.source,
        received_at=found.as_of,
        untold=tuple(untold),
        missing=found.missing,
    )


def name_of(instrument: Instrument) -> str:
    """What headlines call it: an option by its underlying, a future not at all (empty)."""
    if instrument.kind == "future":
        return ""
    return underlying_of(instrument).symbol if instrument.kind == "option" else instrument.symbol


def _once(articles: Iterable[Article]) -> list[Article]:
    """Newest first; the same id, or the same words of the same publisher, is one headline.

    Of two versions the later one stands, for the symbols of both.
    """
    by_id: dict[str, Article] = {}
    for n, article in enumerate(articles):
        key = article.article_id or f"nameless {n}"
        known = by_id.get(key)
        by_id[key] = article if known is None else _merged(*sorted((known, article), key=_changed))
    by_words: dict[tuple[str, str], Article] = {}
    for article in sorted(by_id.values(), key=_changed):
        words = " ".join(article.headline.split()).casefold(), article.source.casefold()
        known = by_words.get(words)
        by_words[words] = article if known is None else _merged(known, article)
    return sorted(by_words.values(), key=lambda a: a.published_at, reverse=True)


def _changed(article: Article) -> datetime:
    return article.updated_at or article.published_at


def _merged(early: Article, late: Article) -> Article:
    return replace(late, symbols=tuple(dict.fromkeys((*late.symbols, *early.symbols))))


def _row(article: Article, asked: Sequence[str], held: Mapping[str, object]) -> Row:
    changed = _changed(article)
    return Row(
        headline=article.headline,
        source=article.source or article.author,
        symbols=tuple(sorted(article.symbols, key=lambda s: s not in asked)),
        held=frozenset(held) & frozenset(article.symbols),
        url=article.url,
        host=host_of(article.url),
        published_at=article.published_at,
        changed_at=changed if changed - article.published_at > _CHANGED else None,
    )


def _held(symbol: str, cards: Sequence[TradeCard]) -> Held:
    return Held(
        symbol=symbol,
        n=len(cards),
        worth_usd=plus(*(_worth(card) for card in cards)),
        net_usd=plus(*(card.net_usd for card in cards)),
    )


def _worth(card: TradeCard) -> Figure:
    if isinstance(card.last, Missing):
        return card.last
    return abs(unit_value(card.legs, card.last, card.qty_open))
