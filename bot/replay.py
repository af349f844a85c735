"""Play alerts and quotes of the past through the real desk, at recorded time, twice.

Once as the desk would have done it, with every guard and check; once following every alert at the
price that could be had. What the room itself would claim (every fill at the alerted price) is
worked out from the second run's quantities.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.cli.parse import _embeds, _posted_at
from engine.brokers.paper import PaperBroker, PaperSettings
from engine.clock import CountingIds, ManualClock
from engine.desk import Desk
from engine.desk_settings import DeskSettings
from engine.domain.alert import Alert, RawAlert, Signal
from engine.domain.desk import AlertRecord, Approval, Who
from engine.domain.errors import UserError
from engine.domain.order import Intent, Order, Purpose
from engine.domain.source import Handling, SourceProfile
from engine.domain.trade import Execution, Trade, TradeState
from engine.exits import ExitRule
from engine.feeds import QuoteBoard
from engine.feeds.recorded import RecordedFeed
from engine.flows import approve, monitor, recover, send, take_alert
from engine.risk import RiskCheck
from engine.sizing import SizingSettings
from storage.memory import MemoryStore, MemoryVault

_NOBODY = Who(user_id=1, name="replay", may_trade=True, may_approve=True)
_CHANNELS = {"options": 1, "futures": 2, "stocks": 3}
_FREE = Decimal(1_000_000)
"""A limit so wide that it never says no."""

_ANY_SIZE = SizingSettings(
    risk_pct=Decimal(100),
    hard_cap_pct=Decimal(100),
    max_notional_pct=Decimal(100),
    max_loss_pct=Decimal(100),
    futures_max_risk_usd=None,
    max_contracts=None,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a replay is played under."""

    profiles: Mapping[str, SourceProfile]
    """Kind of room (options, futures, stocks) -> its terms."""
    quotes: Sequence[Path]
    paper: PaperSettings
    checks: list[tuple[str, RiskCheck]]
    exit_rules: list[tuple[str, ExitRule]]
    sizing: SizingSettings = field(default_factory=SizingSettings)
    half_spread: Decimal = Decimal("0.01")
    account: str = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """Everything one run left behind."""

    alerts: dict[str, AlertRecord]
    trades: dict[str, Trade]
    """By the alert that opened them."""
    intents: dict[str, Intent]
    questions: dict[str, str]
    """What a person would have been asked, by alert; nobody answers in a replay."""
    orders: list[Order]
    executions: list[Execution]


def read_alerts(path: Path) -> list[RawAlert]:
    """Messages of a JSONL file in the corpus's schema, oldest first.

    Raises:
        ValueError: names the line that cannot be read.
    """
    ids: dict[str, int] = {}
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(_alert(json.loads(line), ids))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: line {number}: {error}") from None
    return sorted(found, key=lambda m: (m.posted_at, m.message_id))


def _alert(row: Mapping[str, Any], ids: dict[str, int]) -> RawAlert:
    channel = row.get("channel", "options")
    if channel not in _CHANNELS:
        raise ValueError(f"channel must be one of {', '.join(_CHANNELS)}, not {channel!r}")
    posted_at = _posted_at(row)
    original = row.get("edit_of")
    reply_to = row.get("reply_to")
    return RawAlert(
        guild_id=None,
        channel_id=_CHANNELS[channel],
        message_id=ids.setdefault(str(original or row["id"]), len(ids) + 1),
        edit_no=1 if original else 0,
        author_id=ids.setdefault(f"author {row.get('author', '')}", len(ids) + 1),
        author_name=str(row.get("author", "")),
        posted_at=posted_at,
        received_at=posted_at,
        text=str(row["content"]),
        embeds=tuple(_embeds(row.get("embeds") or [])),
        reply_to=ids.get(str(reply_to)) if reply_to else None,
    )


async def play(messages: Sequence[RawAlert], terms: Terms, *, guarded: bool) -> Played:
    """One run. Unguarded: every alert is followed at what can be had within its age limit."""
    clock = ManualClock(messages[0].posted_at - timedelta(seconds=1))
    feed = RecordedFeed(terms.quotes, clock, half_spread=terms.half_spread)
    await feed.connect()
    run = _Run(messages, terms, clock, feed, guarded=guarded)
    try:
        return await run.play()
    finally:
        await run.close()


class _Run:
    """One desk, moved from event to event of the past."""

    def __init__(
        self,
        messages: Sequence[RawAlert],
        terms: Terms,
        clock: ManualClock,
        feed: RecordedFeed,
        *,
        guarded: bool,
    ) -> None:
        self._messages = messages
        self._clock, self._feed, self._guarded = clock, feed, guarded
        authors = frozenset(m.author_id for m in messages)
        self._board = QuoteBoard()
        self._broker = PaperBroker(
            clock=clock, board=self._board, vault=MemoryVault(), settings=terms.paper
        )
        self.desk = Desk(
            settings=DeskSettings(
                sources={
                    kind: _profile(terms.profiles[kind], kind, authors, guarded=guarded)
                    for kind in _CHANNELS
                },
                accounts={terms.account: "paper"},
                start_cash_usd=dict(terms.paper.start_cash_usd),
                max_quote_age_s=terms.paper.max_quote_age_s,
                sizing=terms.sizing if guarded else _ANY_SIZE,
            ),
            clock=clock,
            ids=CountingIds(),
            store=MemoryStore(),
            board=self._board,
            feed=feed,
            brokers={"paper": self._broker},
            checks=terms.checks if guarded else [],
            exit_rules=terms.exit_rules,
        )
        self._monitor = monitor.Monitor(self.desk)
        self._pump: asyncio.Task[None] | None = None
        self._swept_at = clock.now()

    async def play(self) -> Played:
        """All alerts and quotes in the order of their time."""
        await self.desk.store.open()
        await recover.start(self.desk)
        self._pump = asyncio.create_task(self._events())
        for message in self._messages:
            await self._until(message.posted_at)
            await take_alert.run(self.desk, message)
            await self._rest()
        await self._until(self._messages[-1].posted_at + timedelta(hours=8))
        return await self._result()

    async def close(self) -> None:
        """End everything."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        await self.desk.stop_tasks()
        await self._broker.close()

    async def _events(self) -> None:
        async for event in self._broker.events():
            await send.on_event(self.desk, "paper", event)

    async def _until(self, moment: datetime) -> None:
        """Step through every quote and every timer that is due before ``moment``."""
        while True:
            upcoming = self._feed.upcoming()
            wake = self._clock.next_wake() if self._is_busy() else None
            nearest = min((t for t in (upcoming, wake) if t is not None), default=None)
            if nearest is None or nearest > moment:
                break
            self._clock.to(nearest)
            for quote in self._feed.advance_to(self._clock.now()):
                self._board.put(quote)
            await self._rest()
        self._clock.to(moment)
        await self._rest()

    def _is_busy(self) -> bool:
        """Timers matter only while something may still happen to an order or a question."""
        return bool(self.desk.book.trades or self.desk.book.approvals)

    async def _rest(self) -> None:
        """Let everything that can happen at this moment happen."""
        await self._broker.settle()
        for _ in range(30):
            await asyncio.sleep(0)
        await self._monitor.catch_up()
        if not self._guarded:
            await self._follow()
        if self._is_busy() and (self._clock.now() - self._swept_at).total_seconds() >= 1:
            self._swept_at = self._clock.now()
            await monitor.sweep(self.desk)
        for _ in range(10):
            await asyncio.sleep(0)

    async def _follow(self) -> None:
        """Unguarded: say yes to every entry as soon as it has a price, within its age limit."""
        for approval in list(self.desk.book.approvals.values()):
            record = self.desk.book.alerts[approval.alert_id]
            profile = self.desk.source_of(record.channel_id)
            age_s = (self._clock.now() - record.posted_at).total_seconds()
            if profile is None or approval.kind != "entry" or age_s > profile.max_age_s:
                why = f"no quote within {profile.max_age_s if profile else 0} s of the alert"
                await approve.reject(self.desk, approval.approval_id, None, _NOBODY, decision=why)
                continue
            try:
                await approve.approve(self.desk, approval.approval_id, None, _NOBODY)
            except UserError:
                continue  # no fresh quote yet

    async def _result(self) -> Played:
        store = self.desk.store
        trades = await store.find(Trade)
        return Played(
            alerts={a.alert_id: a for a in await store.find(AlertRecord)},
            trades={t.alert_id: t for t in trades if t.state is not TradeState.VOID},
            intents={i.alert_id: i for i in await store.find(Intent)},
            questions={a.alert_id: a.question for a in await store.find(Approval)},
            orders=await store.find(Order),
            executions=await store.find(Execution),
        )


def _profile(
    terms: SourceProfile, kind: str, authors: frozenset[int], *, guarded: bool
) -> SourceProfile:
    """The room's terms for a replay: everyone in the file is followed, nobody is there to ask."""
    room = replace(
        terms,
        name=kind,
        guild_id=None,
        channel_id=_CHANNELS[kind],
        author_ids=authors,
        handling=Handling.AUTO,
        account="main",
    )
    if guarded:
        return room
    return replace(
        room,
        chase_limit_pct=Decimal(100),
        ask_limit_pct=_FREE,
        max_spread_pct=_FREE,
        default_stop=None,
        default_qty=room.default_qty or Decimal(1),
    )


def alerted_usd(trade: Trade, played: Played) -> Decimal | None:
    """The trade's P&L had every fill come at the price its alert said; before fees."""
    if trade.alerted_price is None or trade.state is not TradeState.CLOSED:
        return None
    total = Decimal(0)
    for order in played.orders:
        if order.trade_id != trade.trade_id or order.purpose is Purpose.ENTRY or not order.filled:
            continue
        price = _said(order, played.alerts) or order.avg_price
        if price is None:
            return None
        total += (price - trade.alerted_price) * trade.direction * order.filled * trade.multiplier
    return total


def _said(order: Order, alerts: Mapping[str, AlertRecord]) -> Decimal | None:
    """The price in the alert that asked for this close."""
    alert_id, _, number = order.request_id.partition("/")
    record = alerts.get(alert_id)
    if record is None or not isinstance(record.parsed, Alert):
        return None
    signals: Sequence[Signal] = record.parsed.signals
    return signals[int(number)].price if number.isdigit() and int(number) < len(signals) else None


def gross_usd(trade: Trade) -> Decimal | None:
    """What was really made, before fees; None while open."""
    if trade.state is not TradeState.CLOSED:
        return None
    return trade.realised_usd + trade.fees_usd


def openings(played: Iterable[AlertRecord]) -> list[AlertRecord]:
    """Alerts that asked for exposure, in the order of time."""
    found = [
        a
        for a in played
        if isinstance(a.parsed, Alert) and any(s.action.effect.opens for s in a.parsed.signals)
    ]
    return sorted(found, key=lambda a: a.posted_at)
