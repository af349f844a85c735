"""A whole desk for tests: real flows, real paper broker, a clock and quotes moved by hand."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bot import parts
from bot.config import plugins
from engine.brokers import Broker, BrokerFill
from engine.brokers.paper import PaperBroker, PaperSettings
from engine.clock import CountingIds, ManualClock
from engine.desk import Desk
from engine.desk_settings import DeskSettings
from engine.domain.alert import Level, RawAlert
from engine.domain.desk import AlertRecord, Approval, Notice, Who
from engine.domain.instrument import Instrument, option, stock
from engine.domain.order import Side
from engine.domain.quote import Quote
from engine.domain.source import Handling, SourceProfile, TargetRule
from engine.domain.trade import Trade
from engine.feeds import QuoteBoard
from engine.flows import sweep
from engine.flows.alerts import take_alert
from engine.flows.brokers import hear, recover
from engine.flows.exits import monitor, settle
from engine.risk.load import load_checks
from engine.store import Store, Vault
from storage.memory import MemoryStore, MemoryVault

GUILD, OPTIONS, FUTURES, STOCKS = 1, 11, 12, 13
RHEA, NINJA, MIKE = 101, 102, 103
TRADER = Who(user_id=7, name="tom", may_trade=True, may_approve=True)
OTHER = Who(user_id=8, name="ann", may_trade=True, may_approve=True)
ADMIN = Who(user_id=9, name="ada", may_trade=True, may_approve=True, may_admin=True)
VIEWER = Who(user_id=10, name="vic")
START = datetime(2025, 1, 29, 15, 0, tzinfo=UTC)
"""A Wednesday, 10:00 in New York."""


def d(text: str | int) -> Decimal:
    """A Decimal."""
    return Decimal(text)


def profiles(handling: Handling = Handling.AUTO, **more: Any) -> dict[str, SourceProfile]:
    """Three rooms: options, futures, stocks."""
    common: dict[str, Any] = {"guild_id": GUILD, "handling": handling} | more
    return {
        "options": SourceProfile(
            **{
                "name": "options",
                "channel_id": OPTIONS,
                "author_ids": frozenset({RHEA}),
                "default_stop": Level(kind="percent", value=d(50)),
                **common,
            }
        ),
        "futures": SourceProfile(
            **{
                "name": "futures",
                "channel_id": FUTURES,
                "author_ids": frozenset({NINJA}),
                "always_has_stop": True,
                "size_map": {"A": d(1), "B": d(2), "C": d(3)},
                "symbol_map": {"ES": "MES", "NQ": "MNQ"},
                "targets": (
                    TargetRule(
                        level=Level(kind="points", value=d(7)),
                        fraction=d("0.5"),
                        then_stop="entry",
                    ),
                    TargetRule(level=Level(kind="points", value=d(12)), fraction=d("0.5")),
                ),
                "chase_limit_pct": d("0.25"),
                **common,
            }
        ),
        "stocks": SourceProfile(
            **{
                "name": "stocks",
                "channel_id": STOCKS,
                "author_ids": frozenset({MIKE}),
                "default_stop": Level(kind="percent", value=d(3)),
                "chase_limit_pct": d(1),
                **common,
            }
        ),
    }


NO_HISTORY: dict[str, Any] = {"correlation": {"max_correlation": 1}}
"""Quotes are made by hand here: there are no daily closes to compare."""


@dataclass
class Rig:
    """One desk under test."""

    desk: Desk
    clock: ManualClock
    board: QuoteBoard
    broker: PaperBroker
    vault: Vault
    watch: monitor.Monitor
    pumps: list["asyncio.Task[None]"] = field(default_factory=list)
    last_id: int = 1000

    # -- what the world does -----------------------------------------------------------------

    def quote(self, instrument: Instrument, bid: str, ask: str, **more: Any) -> Quote:
        """A new quote, now."""
        quote = Quote(
            instrument=instrument,
            bid=d(bid),
            ask=d(ask),
            exchange_at=self.clock.now(),
            received_at=self.clock.now(),
            source="test",
            **more,
        )
        self.board.put(quote)
        return quote

    def message(self, channel: int, author: int, text: str, **more: Any) -> RawAlert:
        """A message as Discord would deliver it."""
        self.last_id += 1
        facts: dict[str, Any] = {
            "guild_id": GUILD,
            "channel_id": channel,
            "message_id": self.last_id,
            "author_id": author,
            "author_name": f"author{author}",
            "posted_at": self.clock.now(),
            "received_at": self.clock.now(),
            "text": text,
        }
        return RawAlert(**(facts | more))

    async def say(
        self, text: str, channel: int = OPTIONS, author: int = RHEA, **more: Any
    ) -> AlertRecord | None:
        """Post a message and let the desk come to rest."""
        found = await take_alert.run(self.desk, self.message(channel, author, text, **more))
        await self.rest()
        return None if found is None else self.desk.book.alerts.get(found.alert_id, found)

    async def edit(self, message: RawAlert, text: str) -> AlertRecord | None:
        """Edit a message."""
        found = await take_alert.run(self.desk, replace(message, text=text, edit_no=1))
        await self.rest()
        return found

    async def rest(self) -> None:
        """Let events flow until nothing moves any more."""
        before: object = None
        quiet = 0
        for _ in range(500):
            for _ in range(5):
                await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            await self.watch.catch_up()
            now = self._traces()
            quiet = quiet + 1 if now == before else 0
            before = now
            if quiet >= 2 and (quiet >= 12 or not self.desk._tasks):
                return

    def _traces(self) -> object:
        """What changes while anything is going on."""
        broker = self.broker
        return (
            self.desk.store.health().last_seq,
            len(self.desk._tasks),
            len(broker._inbox),
            broker._queue.qsize(),
            broker._lock.locked(),
        )

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        """Advance the clock in steps, sweeping as the bot does; quotes stay as they are."""
        left = seconds
        while left > 0:
            self.clock.advance(min(step, left))
            left -= step
            await self.rest()
            await sweep.run(self.desk)
            await self.rest()

    async def fill(self, instrument: Instrument, bid: str, ask: str, **more: Any) -> None:
        """Let the paper broker's latency pass and quote again, so that orders can fill."""
        self.clock.advance(0.3)
        await self.rest()
        self.quote(instrument, bid, ask, **more)
        await self.rest()

    # -- what a test asks --------------------------------------------------------------------

    def trades(self) -> list[Trade]:
        """Live trades."""
        return list(self.desk.book.trades.values())

    def trade(self) -> Trade:
        """The only live trade."""
        (found,) = self.desk.book.trades.values()
        return found

    def approvals(self) -> list[Approval]:
        """Open questions."""
        return list(self.desk.book.approvals.values())

    def notes(self, channel: str = "admin") -> list[str]:
        """Texts told to a channel."""
        return [
            n.text
            for n in self.desk.book.notices.values()
            if n.kind == "note" and n.channel == channel
        ]

    def notices(self) -> dict[str, Notice]:
        """Cards by name."""
        return dict(self.desk.book.notices)

    async def close(self) -> None:
        """End everything."""
        for pump in self.pumps:
            pump.cancel()
        await asyncio.gather(*self.pumps, return_exceptions=True)
        await self.desk.stop_tasks()
        await self.broker.close()
        await self.desk.store.close()


async def start(
    *,
    store: Store | None = None,
    vault: Vault | None = None,
    clock: ManualClock | None = None,
    board: QuoteBoard | None = None,
    sources: Mapping[str, SourceProfile] | None = None,
    risk: Mapping[str, Any] | None = None,
    exits: Mapping[str, Any] | None = None,
    wrap: Any = None,
    latency_ms: int = 250,
    **settings: Any,
) -> Rig:
    """A desk that has recovered and may trade. ``wrap`` may put a faulty broker around paper."""
    clock = clock or ManualClock(START)
    board = board or QuoteBoard()
    store = store or MemoryStore()
    vault = vault or MemoryVault()
    await store.open()
    paper = PaperBroker(
        clock=clock,
        board=board,
        vault=vault,
        settings=PaperSettings(
            start_cash_usd={"main": d(100_000)}, slippage_ticks=0, latency_ms=latency_ms
        ),
    )
    broker: Broker = wrap(paper) if wrap else paper
    desk = Desk(
        settings=DeskSettings(
            sources=sources or profiles(),
            accounts={"main": "paper"},
            start_cash_usd={"main": d(100_000)},
            **settings,
        ),
        clock=clock,
        ids=_ids(store),
        store=store,
        board=board,
        feed=None,
        brokers={"paper": broker},
        checks=load_checks(
            plugins.validated("engine.risk", {**NO_HISTORY, **(risk or {})}, all_of_them=True)
        ),
        exit_rules=parts.exit_rules(
            plugins.validated("engine.exits", exits or {}, all_of_them=True)
        ),
        settle=settle.run,
        compare=recover.again,
    )
    rig = Rig(
        desk=desk,
        clock=clock,
        board=board,
        broker=paper,
        vault=vault,
        watch=monitor.Monitor(desk),
    )
    await recover.start(desk)

    async def pump() -> None:
        async for event in broker.events():
            await hear.on_event(desk, "paper", event)

    rig.pumps.append(asyncio.create_task(pump()))
    await rig.rest()
    return rig


def _ids(store: Store) -> CountingIds:
    """Predictable ids that no earlier life of this store has used."""
    ids = CountingIds()
    ids._n = store.health().last_seq * 1000
    return ids


def spy(strike: str = "603", right: Any = "C", on: str = "2025-01-31") -> Instrument:
    """A SPY option."""
    return option("SPY", datetime.fromisoformat(on).date(), d(strike), right)


def told_fill(rig: Rig, name: str, **changes: Any) -> BrokerFill:
    """One contract bought at 2.15 just now, as the broker tells it; of no order of ours."""
    fill = BrokerFill(
        execution_id=name,
        client_order_id="",
        broker_id="",
        account="main",
        instrument=spy(),
        leg=0,
        side=Side.BUY,
        qty=d(1),
        price=d("2.15"),
        fee_usd=d(0),
        executed_at=rig.clock.now(),
    )
    return replace(fill, **changes)


LOOSE: dict[str, Any] = {
    "duplicate": {"window_s": 0},
    "max_per_symbol": {"max_positions": 999},
    "max_positions": {"max_positions": 999, "max_long_options": 999},
    "trades_per_day": {"max_trades": 999, "max_per_symbol": 999},
    "cooldown": {"after_exit_min": 0, "after_two_stops_h": 0, "after_three_stops_h": 0},
    "allocation": {"max_pct": 1000},
    "sector": {"max_pct": 1000},
}
"""Limits that let many trades through, for tests that are not about limits."""

AAPL = stock("AAPL")
SECOND = timedelta(seconds=1)
