"""Gathers what the copilot and the recommendations look at: reports of this moment."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from engine.copilot import ideas as idea_rules
from engine.copilot import recommend
from engine.copilot.correlator import Impact, event_of, impact
from engine.copilot.question import Asked
from engine.copilot.seen import Jotting, Move, Seen
from engine.desk import Desk
from engine.domain.alert import Alert
from engine.domain.desk import AlertRecord, AlertState, Document
from engine.domain.instrument import Instrument
from engine.domain.order import Intent
from engine.domain.trade import LedgerEntry, Trade
from engine.market import new_york_date
from engine.portfolio.stress import World
from engine.reports import (
    Missing,
    day,
    markets,
    recommendations,
    trades,
    unit_label,
)
from engine.reports import journal as diary
from engine.reports import opportunities as chances
from engine.reports import performance as measures
from engine.reports.opportunities import Idea
from engine.reports.pnl import Period

if TYPE_CHECKING:
    from bot.app import App

_RECENT = timedelta(hours=24)
_SHOWN = 50
_MOVES = ("SPY", "QQQ")
_MOST_MOVES = 10
_JOTTINGS = 6
_UNHEARD = frozenset(
    {AlertState.HELD, AlertState.REJECTED, AlertState.RISK_REJECTED, AlertState.ERROR}
)
_PERIODS: dict[str, Period] = {"week": "week", "month": "month", "ytd": "ytd", "all": "all"}


class Briefing:
    """Reports for one question, from memory where they live there."""

    def __init__(self, app: "App") -> None:
        self._app = app

    @property
    def _desk(self) -> Desk:
        return self._app.desk

    async def gather(self, asked: Asked) -> Seen:
        """Everything that the question may need; well under half a second."""
        app, desk = self._app, self._desk
        frame = app.reading.frame()
        today, before = new_york_date(frame.now), day.yesterday(frame.now)
        begins, _ = day.window(before)
        since = min(begins, frame.now - _RECENT)
        entries = await desk.store.find(LedgerEntry, since=("booked_at", since))
        alerts = await desk.store.find(AlertRecord, since=("received_at", since))
        known = await self._trades(entries)
        positions, limits = app.reading.positions(), app.reading.limits()
        common = {"entries": entries, "trades": known, "alerts": alerts}
        recent = [t for t in known if _moment(t) >= frame.now - _RECENT]
        held = list(desk.book.positions.values())
        return Seen(
            frame=frame,
            today=day.build(frame, on=today, **common),  # type: ignore[arg-type]
            yesterday=day.build(frame, on=before, **common),  # type: ignore[arg-type]
            recent=trades.build(frame, trades=recent, positions=held, limit=_SHOWN),
            positions=positions,
            exposure=app.reading.exposure(),
            sectors=app.risks.exposure("sector"),
            limits=limits,
            markets=markets.build(frame, app.reading.calendars()),
            orders=await app.reading.orders(is_live=True, limit=_SHOWN),
            n_approvals=len(desk.book.approvals),
            advice=self._advice(self._held(alerts), await self.ideas()),
            performance=await self._performance(asked),
            impact=await self._impact(asked),
            then=await self._then(asked),
            moves=await self._moves(asked),
            jottings=await self._jottings(),
        )

    # -- recommendations ------------------------------------------------------------------------

    async def what_to_do(self) -> recommendations.RecommendationsReport:
        """Everything that the rules ask for, most pressing first."""
        return self._advice(self._held(await self._alerts()), await self.ideas())

    def take_profits(self, min_r: Decimal) -> recommendations.RecommendationsReport:
        """Gains worth taking."""
        frame = self._app.reading.frame()
        return recommendations.build(
            frame,
            title="Take profits",
            advised=recommend.take(self._held(()), min_r),
            rules=recommend.TAKE_RULES,
            instruments=self._priced(),
        )

    async def cut_losses(self) -> recommendations.RecommendationsReport:
        """Losses to stop."""
        frame = self._app.reading.frame()
        return recommendations.build(
            frame,
            title="Cut losses",
            advised=recommend.cut(self._held(await self._alerts())),
            rules=recommend.CUT_RULES,
            instruments=self._priced(),
        )

    async def opportunities(
        self, *, limit: int, min_score: int, source: str
    ) -> chances.OpportunitiesReport:
        """Trades that alerts asked for and that were not taken."""
        return chances.build(
            self._app.reading.frame(),
            ideas=await self.ideas(),
            rules=idea_rules.IDEA_RULES,
            min_score=min_score,
            limit=limit,
            source=source,
        )

    async def ideas(self) -> list[Idea]:
        """All of the last day."""
        desk = self._desk
        since = desk.clock.now() - _RECENT
        intents = await desk.store.find(Intent, since=("created_at", since))
        taken = [t.trade_id for t in desk.book.trades.values() if t.qty_opened]
        taken += list(desk.book.round_trips)
        for order in desk.book.orders.values():
            if order.state.is_at_broker:
                taken.append(order.trade_id)
        return list(
            idea_rules.ideas(
                self._app.reading.frame(),
                intents=intents,
                alerts=await self._alerts(),
                approvals=desk.book.approvals.values(),
                held=taken,
            )
        )

    def _priced(self) -> list[Instrument]:
        """Everything that is held."""
        return [leg.instrument for t in self._app.desk.book.open_trades() for leg in t.legs]

    def _advice(
        self, held: recommend.Held, found: list[Idea]
    ) -> recommendations.RecommendationsReport:
        waiting = [a for i in found if (a := idea_rules.advice(i)) is not None]
        return recommendations.build(
            self._app.reading.frame(),
            title="What to do",
            advised=[
                *recommend.cut(held),
                *recommend.risk(held),
                *recommend.take(held),
                *waiting,
            ],
            rules=(*recommend.CUT_RULES, *recommend.RISK_RULES, *recommend.TAKE_RULES),
            risk_note=recommend.risk_note(held.limits),
            instruments=self._priced(),
        )

    def _held(self, alerts: "list[AlertRecord] | tuple[AlertRecord, ...]") -> recommend.Held:
        book = self._desk.book
        entries = [o for o in book.orders.values() if o.purpose == "entry" and o.state.is_at_broker]
        return recommend.Held(
            positions=self._app.reading.positions(),
            limits=self._app.reading.limits(),
            called_off=called_off(book.open_trades(), alerts),
            n_working_entries=len(entries),
        )

    async def _alerts(self) -> list[AlertRecord]:
        since = self._desk.clock.now() - _RECENT
        return await self._desk.store.find(AlertRecord, since=("received_at", since))

    # -- parts ------------------------------------------------------------------------------------

    async def _trades(self, entries: list[LedgerEntry]) -> list[Trade]:
        """What is open, what was over lately, and what the bookings name."""
        book = self._desk.book
        known = {t.trade_id: t for t in (*book.round_trips.values(), *book.open_trades())}
        for trade_id in {e.trade_id for e in entries} - set(known) - {""}:
            trade = await self._desk.trade(trade_id)
            if trade is not None:
                known[trade_id] = trade
        return list(known.values())

    async def _performance(self, asked: Asked) -> measures.PerformanceReport | None:
        """Reading a long period takes time: only when somebody asks for one."""
        period = _PERIODS.get(asked.span or "")
        if period is None and "performance" not in asked.topics:
            return None
        return await self._app.reading.performance(period or "month")

    async def _then(self, asked: Asked) -> day.DayReport | None:
        """The days that are asked about; those before today are read from the books."""
        if asked.days is None:
            return None
        begins, _ = day.window(asked.days.first)
        entries = await self._desk.store.find(LedgerEntry, since=("booked_at", begins))
        opened = await self._desk.store.find(Trade)
        return day.build(
            self._app.reading.frame(),
            on=asked.days.first,
            to=asked.days.last,
            entries=entries,
            trades=[*opened, *self._desk.book.open_trades()],
            alerts=await self._desk.store.find(AlertRecord, since=("received_at", begins)),
        )

    async def _impact(self, asked: Asked) -> Impact | None:
        event = event_of(asked)
        if event is None:
            return None
        lines, closes = await self._app.risks.lines()
        rows = self._app.reading.positions().rows
        return impact(event, rows, lines.known, World(closes=closes))

    async def _jottings(self) -> tuple[Jotting, ...]:
        """The newest notes of the journal, with the names of their trades."""
        found = await self._desk.store.find(
            Document, where={"kind": diary.KIND}, newest_first=True, limit=_JOTTINGS * 3
        )
        notes, _ = diary.read(found)
        newest = sorted((n for ns in notes.values() for n in ns), key=lambda n: n.at, reverse=True)
        jottings = []
        for note in newest[:_JOTTINGS]:
            trade = await self._desk.trade(note.subject) if note.subject else None
            about = "" if trade is None else unit_label(trade.legs)
            jottings.append(Jotting(about=about, text=note.text, by=note.by))
        return tuple(jottings)

    async def _moves(self, asked: Asked) -> tuple[Move, ...]:
        """Changes of the last finished day; only when the day's story is asked for."""
        if "moves" not in asked.topics and "happen" not in asked.text.lower():
            return ()
        held = sorted({t.legs[0].instrument.symbol for t in self._desk.book.open_trades()})
        wanted = list(dict.fromkeys((*_MOVES, *held)))[:_MOST_MOVES]
        found = await self._app.history.daily(wanted, 2)
        moves = []
        for symbol in wanted:
            candles = next((c for c in found.values() if c.instrument.symbol == symbol), None)
            closes = () if candles is None else candles.closes
            if len(closes) < 2:
                moves.append(Move(symbol=symbol, change_pct=Missing("no daily closes")))
            else:
                moves.append(Move(symbol=symbol, change_pct=(closes[-1] / closes[-2] - 1) * 100))
        return tuple(moves)


def called_off(
    held: list[Trade], alerts: "list[AlertRecord] | tuple[AlertRecord, ...]"
) -> frozenset[str]:
    """Trades whose own room has asked to close them, where that was not carried out."""
    found = set()
    for alert in alerts:
        if alert.state not in _UNHEARD or not isinstance(alert.parsed, Alert):
            continue
        closing = {s.symbol for s in alert.parsed.signals if s.action.effect.closes}
        for trade in held:
            opened = trade.opened_at or trade.created_at
            is_meant = trade.source == alert.source and opened <= alert.received_at
            if is_meant and closing & {trade.symbol, trade.legs[0].instrument.symbol}:
                found.add(trade.trade_id)
    return frozenset(found)


def _moment(trade: Trade) -> datetime:
    return trade.closed_at or trade.opened_at or trade.created_at
