"""Gathers what the journal, /explain and /why show: records, what was written, what was filed."""

import re
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import discord

from bot.charts import Theme
from bot.drawn import drawn
from engine.copilot import filing
from engine.domain.candle import LENGTH, Timeframe
from engine.domain.desk import AlertRecord, Document, Who
from engine.domain.errors import UserError
from engine.domain.order import Intent
from engine.domain.trade import Trade, TradeState
from engine.flows.common import journal as writing
from engine.flows.trades import manage
from engine.reports import explain, price_path, why
from engine.reports import journal as diary
from engine.reports.trade_card import TradeCard

if TYPE_CHECKING:
    from bot.app import App

_MOST_TRADES, _MOST_NOTES = 2000, 5000
_PER_USER, _USERS = 25, 500
_ID = re.compile(r"[A-Za-z0-9/_-]{1,80}")
_LENGTHS: tuple[tuple[timedelta, Timeframe], ...] = (
    (timedelta(hours=6), "1m"),
    (timedelta(days=3), "5m"),
    (timedelta(days=30), "1h"),
)
_MOST_POINTS = 500


class Chronicle:
    """What was, and what was written about it."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._shown: OrderedDict[int, deque[tuple[str, str]]] = OrderedDict()

    # -- the journal ---------------------------------------------------------------------------

    async def journal(
        self, wanted: diary.Wanted, *, page: int = 1, per_page: int = 6
    ) -> diary.JournalReport:
        """Entries that fit, newest first."""
        desk = self._app.desk
        closed = await desk.store.find(
            Trade, where={"state": (TradeState.CLOSED,)}, newest_first=True, limit=_MOST_TRADES
        )
        return diary.build(
            self._app.reading.frame(),
            trades=[*closed, *desk.book.open_trades()],
            documents=await self._documents(),
            positions=list(desk.book.positions.values()),
            wanted=wanted,
            page=page,
            per_page=per_page,
        )

    async def entry(self, key: str) -> diary.JournalReport:
        """One entry, as a report of its own.

        Raises:
            UserError: there is no such trade, or nothing of it was ever filled.
        """
        desk = self._app.desk
        trade = await writing.trade_of(desk, key)
        if not trade.qty_opened:
            raise UserError("Nothing of that trade was filled, so the journal has no entry of it.")
        return diary.build(
            self._app.reading.frame(),
            trades=[trade],
            documents=await self._documents(trade.trade_id),
            positions=list(desk.book.positions_of(trade.trade_id)),
        )

    async def _documents(self, subject: str | None = None) -> list[Document]:
        where: dict[str, object] = {"kind": diary.KIND}
        if subject is not None:
            where["subject"] = subject
        return await self._app.desk.store.find(
            Document, where=where, newest_first=True, limit=_MOST_NOTES
        )

    # -- reasons -------------------------------------------------------------------------------

    async def explain(self, symbol: str) -> tuple[explain.ExplainReport, Trade]:
        """The newest open trade in a symbol, with its reasons.

        Raises:
            UserError: nothing of it is held; lists what is.
        """
        desk = self._app.desk
        trade = max(manage.of_symbol(desk, symbol), key=lambda t: t.opened_at or t.created_at)
        known = desk.book.alerts.get(trade.alert_id)
        alert = known or await desk.store.get(AlertRecord, trade.alert_id)
        intents = await desk.store.find(Intent, where={"trade_id": trade.trade_id})
        notes, _ = diary.read(await self._documents(trade.trade_id))
        report = explain.build(
            self._app.reading.frame(),
            trade=trade,
            alert=alert,
            intents=intents,
            positions=desk.book.positions_of(trade.trade_id),
            notes=notes.get(trade.trade_id, ()),
        )
        return report, trade

    async def why(self, ref: str, who: Who) -> why.WhyReport:
        """What is on file under an id of any kind.

        Raises:
            UserError: nothing is, or it is another person's conversation.
        """
        desk, plain = self._app.desk, ref.strip()
        document = await desk.store.get(Document, plain) if _ID.fullmatch(plain) else None
        kinds = (filing.ANSWER, filing.RECOMMENDATION)
        if document is not None and document.kind in kinds:
            is_own = document.user_id == who.user_id or who.may_admin
            if document.kind == filing.ANSWER and not is_own:
                raise UserError("That is another person's conversation. Nothing was shown.")
            body = filing.read(document)
            return why.build(
                self._app.reading.frame(),
                ref=plain,
                kind=document.kind,
                at=document.filed_at,
                body=body,
            )
        card = await self._app.reading.alert(await self._story(plain))
        if card is None:
            raise UserError(
                "Nothing is on file under that id: an answer's begins with Q-, a recommendation's "
                "with R-; an alert, order, approval or trade will do as well."
            )
        return why.decision(card)

    async def _story(self, ref: str) -> str:
        traced = await self._app.reading.trace(ref)
        return ref if traced is None else traced.stamp.ref

    # -- pictures ------------------------------------------------------------------------------

    async def picture(
        self, trade: Trade, card: TradeCard, theme: Theme, name: str
    ) -> tuple[discord.File, ...]:
        """The trade's price with entry, stop, targets and exit; () when it cannot be drawn."""
        history = await self._path(trade, self._app.clock.now())
        alt = f"Price of {card.label} with entry, stop, targets and exit"
        return await drawn(self._app, "trade", price_path.build(card, history), theme, name, alt)

    async def _path(self, trade: Trade, now: datetime) -> list[tuple[datetime, Decimal]]:
        """Closing prices from shortly before the entry to shortly after the exit."""
        if len(trade.legs) != 1:
            return []
        begin, end = trade.opened_at or trade.created_at, trade.closed_at or now
        held = end - begin
        frame: Timeframe = next((f for most, f in _LENGTHS if held <= most), "1d")
        step = LENGTH[frame]
        margin = max(held / 10, step * 3)
        until = min(end + margin, now)
        n = min(int((until - begin + margin) / step) + 2, _MOST_POINTS)
        found = await self._app.history.bars(trade.legs[0].instrument, frame, n, until=until)
        return [(c.at, c.close) for c in found.candles if begin - margin <= c.at <= until]

    # -- what was shown lately -----------------------------------------------------------------

    def remember(self, user_id: int, ref: str, words: str) -> None:
        """So that /why can offer it."""
        known = self._shown.setdefault(user_id, deque(maxlen=_PER_USER))
        if not any(r == ref for r, _ in known):
            known.appendleft((ref, words))
        self._shown.move_to_end(user_id)
        while len(self._shown) > _USERS:
            self._shown.popitem(last=False)

    def shown(self, user_id: int) -> list[tuple[str, str]]:
        """Ids and words of what this person was told, newest first."""
        return list(self._shown.get(user_id, ()))
