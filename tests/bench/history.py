"""A store with a past: a hundred thousand messages and ten thousand closed trades."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from engine.clock import SystemClock
from engine.domain.alert import RawAlert
from engine.domain.desk import AlertRecord, AlertState, Intake, Notice, Posted
from engine.domain.instrument import option
from engine.domain.order import Intent, Order, OrderState, OrderType, Purpose, Side
from engine.domain.quote import Leg
from engine.domain.record import Event, Record
from engine.domain.trade import Execution, Trade, TradeState
from engine.parsers import read
from storage.sql import SqlStore
from tests import rig
from tests.rig import OPTIONS, RHEA, d

KEY = b"k" * 32
MESSAGES, TRADES = 100_000, 10_000
DAYS = 250
"""The time it spans: 400 messages and 40 trades a day."""
NEXT_MESSAGE = MESSAGES + TRADES + 1
SYMBOLS = ("SPY", "QQQ", "AAPL", "NVDA", "TSLA", "AMD", "META", "AMZN", "MSFT", "IWM")


async def make_history(home: Path, source: str = "options") -> None:
    """Write it into ``home``."""
    store = SqlStore(f"sqlite:///{home}/desk.db", KEY, SystemClock())
    await store.open()
    now = SystemClock().now()
    batch: list[Record] = []
    for record in (*_messages(now, source), *_trades(now, source)):
        batch.append(record)
        if len(batch) >= 400:
            await store.commit([Event(kind="load", ref="load", at=now, puts=tuple(batch))])
            batch.clear()
    await store.commit([Event(kind="load", ref="load", at=now, puts=tuple(batch))])
    await store.close()


def _messages(now: datetime, source: str) -> Iterator[Record]:
    """Chat mostly, each shown in the mirror and forgotten; newest an hour ago."""
    step = timedelta(days=DAYS) / MESSAGES
    for n in range(MESSAGES):
        at = now - timedelta(hours=1) - step * (MESSAGES - n)
        message = RawAlert(
            guild_id=rig.GUILD,
            channel_id=OPTIONS,
            message_id=n + 1,
            author_id=RHEA,
            author_name="rhea",
            text=f"good morning, watching {SYMBOLS[n % 10]} around {100 + n % 500}, patience today",
            posted_at=at,
            received_at=at,
        )
        intake = Intake(source=source, message=message, content_hash=f"{n:032x}", verdict="chat")
        yield intake
        yield Notice(
            notice_id=f"mirror:{intake.key}",
            kind="mirror",
            subject_id=intake.key,
            channel="all_messages",
            created_at=at,
        )
        yield Posted(
            notice_id=f"mirror:{intake.key}",
            channel_id=9,
            message_id=n + 1,
            shown_version=1,
            posted_at=at,
        )


def _trades(now: datetime, source: str) -> Iterator[Record]:
    """Each with alert, intent, two orders and two fills; every second one won."""
    profile = rig.profiles()["options"]
    step = timedelta(days=DAYS) / TRADES
    for n in range(TRADES):
        opened = now - timedelta(hours=20) - step * (TRADES - n)
        closed = opened + timedelta(minutes=30)
        symbol, strike = SYMBOLS[n % 10], 100 + n % 500
        text = f"BTO 1 {symbol} {strike}C 01/15/2027 @ 1.00"
        message = RawAlert(
            guild_id=rig.GUILD,
            channel_id=OPTIONS,
            message_id=MESSAGES + n + 1,
            author_id=RHEA,
            author_name="rhea",
            text=text,
            posted_at=opened,
            received_at=opened,
        )
        legs = (Leg(instrument=option(symbol, date(2027, 1, 15), Decimal(strike), "C")),)
        won = d(40) if n % 2 else d(-35)
        ids = {"alert_id": f"A-H{n}", "trade_id": f"T-H{n}"}
        owner = {"account": "main", "broker": "paper"}
        yield AlertRecord(
            alert_id=ids["alert_id"],
            source=source,
            author_id=RHEA,
            author_name="rhea",
            channel_id=OPTIONS,
            message_id=message.message_id,
            text=text,
            parsed=read(message, profile),
            symbol=symbol,
            state=AlertState.CLOSED,
            n_judged=1,
            trade_ids=(ids["trade_id"],),
            posted_at=opened,
            received_at=opened,
        )
        yield Intent(
            **ids,
            **owner,
            intent_id=f"A-H{n}/0",
            source=source,
            author_id=RHEA,
            purpose=Purpose.ENTRY,
            symbol=symbol,
            side=Side.BUY,
            legs=legs,
            qty=d(1),
            type=OrderType.LIMIT,
            limit=d(1),
            created_at=opened,
        )
        for kind, at, side in (("E", opened, Side.BUY), ("X", closed, Side.SELL)):
            yield Order(
                **ids,
                **owner,
                order_id=f"TSH{n}{kind}",
                intent_id=f"A-H{n}/0",
                purpose=Purpose.ENTRY if kind == "E" else Purpose.CLOSE,
                side=side,
                legs=legs,
                qty=d(1),
                type=OrderType.LIMIT,
                limit=d(1),
                state=OrderState.FILLED,
                created_at=at,
                updated_at=at,
            )
            yield Execution(
                execution_id=f"XH{n}{kind}",
                order_id=f"TSH{n}{kind}",
                trade_id=ids["trade_id"],
                account="main",
                instrument=legs[0].instrument,
                side=side,
                qty=d(1),
                price=d(1),
                fee_usd=d("0.65"),
                executed_at=at,
            )
        yield Trade(
            **ids,
            **owner,
            state=TradeState.CLOSED,
            source=source,
            author_id=RHEA,
            symbol=symbol,
            asset="option",
            direction=1,
            legs=legs,
            qty_wanted=d(1),
            qty_opened=d(1),
            is_entry_over=True,
            realised_usd=won,
            entry_price=d(1),
            created_at=opened,
            opened_at=opened,
            closed_at=closed,
            close_reason="alert",
        )
