"""The trade journal: what each round trip did, why it was made, and what people wrote about it.

Facts come from the trade and the ledger, reasons as they were recorded; notes and tags are of
people. MAE and MFE are the worst and the best that the position was worth to us between entry and
exit, by the prices that the desk saw, before fees.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from engine.domain.desk import Document
from engine.domain.money import ZERO
from engine.domain.trade import Trade
from engine.reports import Figure, Frame, Missing, Stamp, is_of_class, ratio, unit_value
from engine.reports.trade_card import TradeCard
from engine.reports.trade_card import build as build_card

KIND = "journal"
"""Of the documents that hold notes and tags."""
Outcome = Literal["all", "won", "lost", "open"]

_NO_WATER = Missing("no price was seen while it was held")
_NONE = Missing("none yet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that a person wrote or saved; his words."""

    note_id: str
    subject: str
    """Trade it is about; empty: about none."""
    text: str
    by: str
    at: datetime
    kind: Literal["note", "saved", "review"]
    link: str = ""
    """Of the message that was saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One round trip in the journal."""

    card: TradeCard
    result_usd: Figure
    """Realised of one that is closed, net of one that is open."""
    r: Figure
    mae_usd: Figure
    mfe_usd: Figure
    mae_r: Figure
    mfe_r: Figure
    tags: tuple[str, ...]
    notes: tuple[Note, ...]
    """Newest first."""
    at: datetime
    """Of its close; of its opening while it is open."""

    @property
    def is_win(self) -> bool | None:
        """None while it is open or came out even."""
        if self.card.is_open or isinstance(self.result_usd, Missing) or not self.result_usd:
            return None
        return self.result_usd > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Closed entries that share a tag or a room."""

    name: str
    n: int
    win_rate_pct: Figure
    mean_r: Figure
    result_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalReport:
    """A page of entries and what all that fit come to."""

    stamp: Stamp
    rows: tuple[Entry, ...]
    loose: tuple[Note, ...]
    """Newest notes about no trade; on the first page only."""
    page: int
    n_pages: int
    n_in_all: int
    n_closed: int
    n_noted: int
    """Entries with a note."""
    win_rate_pct: Figure
    mean_r: Figure
    mean_mae_r: Figure
    mean_mfe_r: Figure
    result_usd: Figure
    by_tag: tuple[Group, ...]
    by_room: tuple[Group, ...]
    best: Entry | None
    worst: Entry | None
    without_note: tuple[Entry, ...]
    """Closed ones that nobody wrote about, largest result first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries; what is left empty fits everything."""

    tag: str = ""
    symbol: str = ""
    room: str = ""
    asset: str = ""
    outcome: Outcome = "all"
    text: str = ""
    since: datetime | None = None


def build(
    frame: Frame,
    *,
    trades: Iterable[Trade],
    documents: Iterable[Document],
    positions: Iterable[Any] = (),
    wanted: Wanted | None = None,
    page: int = 1,
    per_page: int = 6,
) -> JournalReport:
    """The journal over these trades and documents, newest entry first."""
    notes, tags = read(documents)
    held, want = tuple(positions), wanted or Wanted()
    entries = [
        entry(t, frame, notes=notes.get(t.trade_id, ()), tags=tags.get(t.trade_id, ()), held=held)
        for t in trades
        if t.qty_opened and is_of_class(t.asset, want.asset)
    ]
    found = sorted(
        (e for e in entries if _fits(e, want)), key=lambda e: (e.at, e.card.trade_id), reverse=True
    )
    n_pages = max(-(-len(found) // per_page), 1)
    page = max(min(page, n_pages), 1)
    closed = [e for e in found if not e.card.is_open]
    results = [e.result_usd for e in closed if isinstance(e.result_usd, Decimal)]
    loose = [n for n in notes.get("", ()) if _is_in(n, want)]
    by_result = sorted(closed, key=_result)
    return JournalReport(
        stamp=frame.stamp("journal"),
        rows=tuple(found[(page - 1) * per_page : page * per_page]),
        loose=tuple(loose[:3]) if page == 1 and not (want.symbol or want.tag or want.asset) else (),
        page=page,
        n_pages=n_pages,
        n_in_all=len(found),
        n_closed=len(closed),
        n_noted=sum(bool(e.notes) for e in found),
        win_rate_pct=_win_rate(closed),
        mean_r=_mean([e.r for e in closed]),
        mean_mae_r=_mean([e.mae_r for e in closed]),
        mean_mfe_r=_mean([e.mfe_r for e in closed]),
        result_usd=sum(results, ZERO) if closed else _NONE,
        by_tag=_groups(closed, lambda e: e.tags),
        by_room=_groups(closed, lambda e: (e.card.source,)),
        best=by_result[-1] if by_result and _result(by_result[-1]) > 0 else None,
        worst=by_result[0] if by_result and _result(by_result[0]) < 0 else None,
        without_note=tuple(
            sorted((e for e in closed if not e.notes), key=lambda e: -abs(_result(e)))
        ),
    )


def entry(
    trade: Trade,
    frame: Frame,
    *,
    notes: Sequence[Note] = (),
    tags: Sequence[str] = (),
    held: Sequence[Any] = (),
) -> Entry:
    """One round trip with what was written about it."""
    card = build_card(trade, frame, positions=held)
    risk = card.risk_usd
    worst, best = _reached(trade, trade.low_water, min), _reached(trade, trade.high_water, max)
    why = Missing("no stop at entry")
    return Entry(
        card=card,
        result_usd=card.net_usd,
        r=card.r_net,
        mae_usd=worst,
        mfe_usd=best,
        mae_r=ratio(worst, risk, why),
        mfe_r=ratio(best, risk, why),
        tags=tuple(tags),
        notes=tuple(notes),
        at=trade.closed_at or trade.opened_at or trade.created_at,
    )


def _reached(
    trade: Trade, water: Decimal | None, most: Callable[[Decimal, Decimal], Decimal]
) -> Figure:
    """P&L of everything opened at the best or worst price seen; the entry itself was seen too."""
    if water is None or trade.entry_price is None:
        return _NO_WATER
    move = (water - trade.entry_price) * trade.direction
    return most(unit_value(trade.legs, move, trade.qty_opened), ZERO)


def read(
    documents: Iterable[Document],
) -> tuple[Mapping[str, tuple[Note, ...]], Mapping[str, tuple[str, ...]]]:
    """Notes and tags by trade; notes newest first. A document that is none of ours is left out."""
    notes: dict[str, list[Note]] = {}
    tags: dict[str, tuple[str, ...]] = {}
    for document in documents:
        body = json.loads(document.body)
        if body.get("type") == "tags":
            tags[document.subject] = tuple(body.get("tags", ()))
        elif body.get("type") in ("note", "saved", "review"):
            notes.setdefault(document.subject, []).append(
                Note(
                    note_id=document.document_id,
                    subject=document.subject,
                    text=str(body.get("text", "")),
                    by=str(body.get("by", "")),
                    at=document.filed_at,
                    kind=body["type"],
                    link=str(body.get("link", "")),
                )
            )
    for found in notes.values():
        found.sort(key=lambda n: (n.at, n.note_id), reverse=True)
    return {k: tuple(v) for k, v in notes.items()}, tags


def _fits(entry_: Entry, want: Wanted) -> bool:
    card = entry_.card
    is_won = entry_.is_win
    by_outcome = {"all": True, "won": is_won is True, "lost": is_won is False, "open": card.is_open}
    names = (card.symbol, card.legs[0].instrument.symbol)
    return (
        by_outcome[want.outcome]
        and (not want.tag or want.tag in entry_.tags)
        and (not want.symbol or want.symbol in names)
        and (not want.room or want.room == card.source)
        and (want.since is None or entry_.at >= want.since)
        and (not want.text or want.text.lower() in _words(entry_))
    )


def _words(entry_: Entry) -> str:
    card = entry_.card
    own = (card.label, card.source, card.close_reason, card.trade_id, *entry_.tags)
    return "\n".join((*own, *(n.text for n in entry_.notes))).lower()


def _is_in(note: Note, want: Wanted) -> bool:
    return not want.text or want.text.lower() in note.text.lower()


def _result(entry_: Entry) -> Decimal:
    return entry_.result_usd if isinstance(entry_.result_usd, Decimal) else ZERO


def _win_rate(closed: Sequence[Entry]) -> Figure:
    won = Decimal(sum(e.is_win is True for e in closed))
    return ratio(won, Decimal(len(closed)), Missing("no closed trades yet"), 100)


def _mean(figures: Iterable[Figure]) -> Figure:
    known = [f for f in figures if isinstance(f, Decimal)]
    return sum(known, ZERO) / len(known) if known else _NONE


def _groups(closed: Sequence[Entry], names: Any) -> tuple[Group, ...]:
    found: dict[str, list[Entry]] = {}
    for row in closed:
        for name in names(row):
            found.setdefault(name, []).append(row)
    groups = (
        Group(
            name=name,
            n=len(rows),
            win_rate_pct=_win_rate(rows),
            mean_r=_mean([r.r for r in rows]),
            result_usd=sum((_result(r) for r in rows), ZERO),
        )
        for name, rows in found.items()
    )
    return tuple(sorted(groups, key=lambda g: (-g.n, g.name)))


def week_before(now: datetime) -> datetime:
    """Where a weekly review begins."""
    return now - timedelta(days=7)
