"""Play alerts and quotes of the past through the real desk, at recorded time, twice.

Once as the desk would have done it, with every guard and check; once following every alert at the
price that could be had. What the room itself would claim (every fill at the alerted price) is
worked out from the second run's quantities.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.cli.parse import _embeds, _posted_at
from engine.brokers.paper import MarketHours, PaperBroker, PaperSettings
from engine.clock import CountingIds, ManualClock
from engine.desk import Desk
from engine.desk_settings import DeskSettings
from engine.domain import words
from engine.domain.alert import Alert, RawAlert, Signal
from engine.domain.desk import AlertRecord, Approval, Who
from engine.domain.errors import UserError
from engine.domain.money import cents
from engine.domain.order import Intent, Order, Purpose
from engine.domain.quote import Quote
from engine.domain.source import Handling, SourceProfile
from engine.domain.trade import Account, Execution, LedgerEntry, Trade, TradeState
from engine.exits import ExitRule
from engine.feeds import QuoteBoard
from engine.feeds.recorded import RecordedFeed
from engine.flows import sweep
from engine.flows.alerts import take_alert
from engine.flows.brokers import hear, recover
from engine.flows.exits import monitor, settle
from engine.flows.trades import approve
from engine.market import Calendar
from engine.reports import unit_label
from engine.reports.replay import Case
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
    paper: PaperSettings
    checks: list[tuple[str, RiskCheck]]
    exit_rules: list[tuple[str, ExitRule]]
    settings: DeskSettings = field(default_factory=DeskSettings)
    """The desk's own figures; rooms, accounts and routes are the replay's."""
    quotes: Sequence[Path] = ()
    half_spread: Decimal = Decimal("0.01")
    tape: Sequence[Quote] = ()
    """Quotes beside those of the files."""
    account: str = "main"
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    hours: MarketHours | None = None
    until: datetime | None = None
    """When the play ends; 8 hours after the last message unless stated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """Everything one run left behind."""

    alerts: dict[str, AlertRecord]
    trades: dict[str, Trade]
    """By their ids, which are the same in both runs; an alert may have opened several."""
    intents: dict[str, Intent]
    """By the trade that they are for."""
    questions: dict[str, str]
    """What a person would have been asked, by trade; nobody answers in a replay."""
    orders: list[Order]
    executions: list[Execution]
    entries: list[LedgerEntry]
    accounts: list[Account]


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


async def play(
    messages: Sequence[RawAlert],
    terms: Terms,
    *,
    guarded: bool,
    told: Callable[[int], None] = lambda _: None,
) -> Played:
    """One run. Unguarded: every alert is followed at what can be had within its age limit.

    ``told``: hears how many messages are played.
    """
    clock = ManualClock(messages[0].posted_at - timedelta(seconds=1))
    feed = RecordedFeed(terms.quotes, clock, half_spread=terms.half_spread, tape=terms.tape)
    await feed.connect()
    run = _Run(messages, terms, clock, feed, guarded=guarded, told=told)
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
        told: Callable[[int], None],
    ) -> None:
        self._messages = messages
        self._until_at = terms.until or messages[-1].posted_at + timedelta(hours=8)
        self._told = told
        self._clock, self._feed, self._guarded = clock, feed, guarded
        authors = frozenset(m.author_id for m in messages)
        self._board = QuoteBoard()
        self._broker = PaperBroker(
            clock=clock,
            board=self._board,
            vault=MemoryVault(),
            settings=terms.paper,
            hours=terms.hours,
        )
        self.desk = Desk(
            settings=replace(
                terms.settings,
                routes=(),
                prop_firms={},
                two_person_above_usd=None,  # nobody is there to ask
                sources={
                    kind: _profile(terms.profiles[kind], kind, authors, guarded=guarded)
                    for kind in _CHANNELS
                },
                accounts={terms.account: "paper"},
                start_cash_usd=dict(terms.paper.start_cash_usd),
                max_quote_age_s=terms.paper.max_quote_age_s,
                sizing=terms.settings.sizing if guarded else _ANY_SIZE,
            ),
            clock=clock,
            ids=CountingIds(),
            store=MemoryStore(),
            board=self._board,
            feed=feed,
            brokers={"paper": self._broker},
            checks=terms.checks if guarded else [],
            exit_rules=terms.exit_rules,
            settle=settle.run,
            compare=recover.again,
            calendars=dict(terms.calendars),
        )
        self._monitor = monitor.Monitor(self.desk)
        self._pump: asyncio.Task[None] | None = None
        self._swept_at = clock.now()

    async def play(self) -> Played:
        """All alerts and quotes in the order of their time."""
        await self.desk.store.open()
        await recover.start(self.desk)
        self._pump = asyncio.create_task(self._events())
        for number, message in enumerate(self._messages, 1):
            await self._until(message.posted_at)
            await take_alert.run(self.desk, message)
            await self._rest()
            self._told(number)
        await self._until(self._until_at)
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
            await hear.on_event(self.desk, "paper", event)

    async def _until(self, moment: datetime) -> None:
        """Step through every quote and every timer that is due before ``moment``."""
        while True:
            if not self._is_busy():  # nobody acts on a price: it is only remembered
                for quote in self._feed.advance_to(moment):
                    self._clock.to(quote.exchange_at)
                    self._board.put(quote)
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
            await sweep.run(self.desk)
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
            trades={t.trade_id: t for t in trades if t.state is not TradeState.VOID},
            intents={i.trade_id: i for i in await store.find(Intent)},
            questions={a.trade_id: a.question for a in await store.find(Approval)},
            orders=await store.find(Order),
            executions=await store.find(Execution),
            entries=await store.find(LedgerEntry),
            accounts=list(self.desk.book.accounts.values()),
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
        chase_limit_by_asset={},
        ask_limit_by_asset={},
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


def trades_of(played: Played, alert_id: str) -> list[Trade]:
    """What an alert opened, in its own order."""
    return [t for t in played.trades.values() if t.alert_id == alert_id]


def cases(ours: Played, free: Played, stake_usd: Decimal | None = None) -> list[Case]:
    """Every trade that could be followed, three ways.

    ``stake_usd``: as if so much had been put into each, so that they can be compared; as they were
    sized unless stated: by our limits in our run, one unit in the other where nobody says how many.
    """
    found = []
    for alert in openings(free.alerts.values()):
        for trade in trades_of(free, alert.alert_id):
            mine = ours.trades.get(trade.trade_id)
            made = Decimal(0) if mine is None else gross_usd(mine)
            found.append(
                Case(
                    at=trade.closed_at or alert.posted_at,
                    label=unit_label(trade.legs),
                    alerted_usd=_at_stake(alerted_usd(trade, free), trade, stake_usd),
                    achievable_usd=_at_stake(gross_usd(trade), trade, stake_usd),
                    ours_usd=_at_stake(made, mine or trade, stake_usd),
                    skipped="" if mine is not None else why_not(ours, alert, trade.trade_id),
                )
            )
    return found


def _at_stake(usd: Decimal | None, trade: Trade, stake_usd: Decimal | None) -> Decimal | None:
    """What it would have been with so many dollars at entry."""
    if usd is None or stake_usd is None:
        return usd
    put_in = abs(trade.entry_price or Decimal(0)) * trade.qty_opened * trade.multiplier
    return cents(usd * stake_usd / put_in) if put_in else None


def why_not(played: Played, alert: AlertRecord, trade_id: str = "") -> str:
    """Why it was not traded: the question that nobody answered, or the refusal."""
    record = played.alerts.get(alert.alert_id, alert)
    asked = [q for key, q in played.questions.items() if _is_of(key, alert.alert_id, trade_id)]
    if asked:
        return f"a person would have been asked: {asked[0]}"
    return record.reason or words.ALERT[record.state]


def _is_of(key: str, alert_id: str, trade_id: str) -> bool:
    return key == trade_id if trade_id else key.startswith(f"T-{alert_id.removeprefix('A-')}-")


def guards(
    ours: Played, free: Played, stake_usd: Decimal | None = None
) -> list[tuple[str, int, Decimal]]:
    """What each reason not to trade kept out at achievable prices: code, trades, dollars."""
    effect: dict[str, list[Decimal]] = {}
    for trade_id, trade in free.trades.items():
        made = _at_stake(gross_usd(trade), trade, stake_usd)
        if trade_id not in ours.trades and made is not None:
            effect.setdefault(_code(ours, trade), []).append(made)
    return [(code, len(usd), sum(usd, Decimal(0))) for code, usd in sorted(effect.items())]


def _code(ours: Played, trade: Trade) -> str:
    """The guard or check behind it."""
    if trade.trade_id in ours.questions:
        return "a person would have been asked"
    intent = ours.intents.get(trade.trade_id)
    denied = next((v.code for v in intent.verdicts if not v.is_ok), "") if intent else ""
    record = ours.alerts.get(trade.alert_id)
    return denied or (record.reason if record else "unknown")
