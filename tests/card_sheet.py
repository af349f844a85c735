"""Cards of alerts, approvals, trades, lists, brokers and figures, made up, for tests/sheet.py."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import discord

from bot.cards import (
    alert_card,
    alerts,
    approval_card,
    brokers,
    closing,
    data,
    exposure,
    limits,
    markets,
    message,
    mirror,
    mode,
    orders,
    performance,
    pnl,
    positions,
    reconcile,
    routes,
    sides,
    status,
    trace,
    trade_card,
    trades,
)
from engine.brokers import Check
from engine.domain.alert import RawAlert
from engine.domain.compared import Compared
from engine.domain.desk import AlertState, ApprovalState, Candidate, Intake
from engine.domain.order import OrderState, PlannedTarget, Purpose, Side, Verdict
from engine.domain.quote import Leg
from engine.domain.record import Event
from engine.domain.source import RouteRule
from engine.domain.trade import Account, StopPlan, TradeState
from engine.market import ALWAYS, CME, NYSE
from engine.quality import Quality
from engine.reports import alert_card as alert_report
from engine.reports import alerts as alerts_report
from engine.reports import approval_card as approval_report
from engine.reports import brokers as broker_report
from engine.reports import closing as closing_report
from engine.reports import data as data_report
from engine.reports import limits as limits_report
from engine.reports import markets as markets_report
from engine.reports import mode as mode_report
from engine.reports import orders as order_report
from engine.reports import pnl as pnl_report
from engine.reports import positions as positions_report
from engine.reports import reconcile as reconcile_report
from engine.reports import routes as routes_report
from engine.reports import sides as sides_report
from engine.reports import status as status_report
from engine.reports import trace as trace_report
from engine.reports import trade_card as trade_report
from engine.reports import trades as trades_report
from engine.reports.performance import PerformanceReport
from engine.risk.load import load_checks
from engine.store import ChainReport, Journaled
from tests.unit.reports import book_examples
from tests.unit.reports import examples as ex
from tests.unit.reports.examples import NOW, D
from tests.unit.risk import facts as risk_facts

HOSTILE = (
    "@everyone **BTO** `SPY` ```603C``` <@123> [x](https://evil.example) ||spoiler|| 🚀\n" * 40
)


def trade_cards() -> Iterator[discord.Embed]:
    """Every state of a round trip."""
    live = ex.frame(ex.quote(ex.SPY_CALL, "3.08", "3.12"), is_synthetic=True)
    held = [ex.position(ex.SPY_CALL, ex.lot("2", "2.55", "1.30"))]
    yield trade_card.show(trade_report.build(ex.trade(), live, positions=held))
    part = ex.trade(
        qty_open=D(1),
        exit_price=D("3.20"),
        realised_usd=D("63.70"),
        stop=StopPlan(price=D("2.55"), kind="trailing", trail_atr=D(2)),
        targets=(
            PlannedTarget(price=D("3.20"), qty=D(1), then_stop="entry", is_hit=True),
            PlannedTarget(price=D("3.80"), qty=D(1)),
        ),
    )
    one = [ex.position(ex.SPY_CALL, ex.lot("1", "2.55", "0.65"))]
    yield trade_card.show(trade_report.build(part, live, positions=one))
    yield trade_card.show(trade_report.build(ex.trade(), ex.frame(), positions=held))
    spread = ex.trade(
        legs=ex.CREDIT_SPREAD,
        direction=-1,
        asset="spread",
        entry_price=D("1.20"),
        alerted_price=D("1.25"),
        achievable_price=D("1.20"),
        risk_usd=D(240),
        stop=StopPlan(price=D("2.40")),
        targets=(PlannedTarget(price=D("0.60"), qty=D(2)),),
        fees_usd=D("2.60"),
        is_unprotected_since=NOW - timedelta(seconds=40),
    )
    legs = [
        ex.position(ex.SHORT_PUT, ex.lot("-2", "3.20", "1.30")),
        ex.position(ex.LONG_PUT, ex.lot("2", "2.00", "1.30")),
    ]
    prices = ex.frame(ex.quote(ex.SHORT_PUT, "2.00", "2.10"), ex.quote(ex.LONG_PUT, "1.00", "1.10"))
    yield trade_card.show(trade_report.build(spread, prices, positions=legs))
    yield trade_card.show(trade_report.build(ex.closed(3, "-51.30"), live))
    yield trade_card.show(
        trade_report.build(
            ex.trade(state=TradeState.PENDING, qty_opened=D(0), qty_open=D(0), entry_price=None),
            live,
        )
    )


def approval_cards() -> Iterator[discord.Embed]:
    """Questions: asked, decided, without an order."""
    live = ex.frame(ex.quote(ex.SPY_CALL, "2.50", "2.54"), is_synthetic=True)
    doubt = Verdict(
        check="duplicate",
        is_ok=False,
        code="duplicate.recent",
        detail="the same alert came 20 s ago from the same author",
    )
    asked = ex.intent(verdicts=(*ex.intent().verdicts, doubt))
    build = approval_report.build
    yield approval_card.show(
        build(ex.approval(), live, intent=asked, alert=ex.alert(), equity_usd=D(10000))
    )
    future = ex.intent(
        legs=(Leg(instrument=ex.MES),),
        side=Side.SELL,
        symbol="MES",
        qty=D(2),
        limit=D("6324.25"),
        stop=D("6334.25"),
        targets=(
            PlannedTarget(price=D("6317.25"), qty=D(1), then_stop="entry"),
            PlannedTarget(price=D("6312.25"), qty=D(1)),
        ),
        alerted_price=D("6324"),
        quote=None,
        risk_usd=D(100),
        notional_usd=D("63242.50"),
        guard="",
    )
    words = ex.alert(text="🚨 ES short 6324: B\nStop: 6334 GAMMA", symbol="ES")
    yield approval_card.show(build(ex.approval(), ex.frame(), intent=future, alert=words))
    done = ex.approval(
        state=ApprovalState.APPROVED,
        decision="approved half",
        decided_by=102,
        decided_at=NOW - timedelta(minutes=2),
    )
    yield approval_card.show(build(done, live, intent=ex.intent(), alert=ex.alert()))
    which = ex.approval(
        kind="which",
        question="two open trades fit: which one is meant?",
        candidates=(
            Candidate(trade_id="T-1", label="SPY 603C 1/31 long 2 from 2.55"),
            Candidate(trade_id="T-2", label="SPY 600P 1/31 long 1 from 1.10"),
        ),
    )
    yield approval_card.show(build(which, live, alert=ex.alert(text="STC half SPY @ 3.20")))
    fix = ex.approval(kind="fix", question="the strike is not clear: 603 or 630?")
    yield approval_card.show(build(fix, live, alert=ex.alert(text=HOSTILE)))


def alert_cards() -> Iterator[discord.Embed]:
    """An alert's story: filled, refused, held, closed, hostile."""
    live = ex.frame(ex.quote(ex.SPY_CALL, "3.08", "3.12"), is_synthetic=True)
    story: dict[str, Any] = {
        "intents": [ex.intent()],
        "orders": [ex.order()],
        "trades": [ex.trade()],
    }
    yield alert_card.show(alert_report.build(ex.alert(), live, **story))
    no = Verdict(
        check="daily_loss",
        is_ok=False,
        code="daily_loss.reached",
        detail="today's loss of $312.40 reaches the limit of $300.00",
    )
    denied = ex.alert(state=AlertState.RISK_REJECTED, reason=no.detail)
    refused = ex.intent(verdicts=(*ex.intent().verdicts, no))
    yield alert_card.show(alert_report.build(denied, live, intents=[refused]))
    held = ex.alert(state=AlertState.HELD, reason="this source trades with approval")
    yield alert_card.show(
        alert_report.build(held, live, intents=[ex.intent()], approvals=[ex.approval()])
    )
    over = ex.closed(1, "121.40")
    story["trades"] = [over]
    yield alert_card.show(
        alert_report.build(ex.alert(state=AlertState.CLOSED, reason="target"), live, **story)
    )
    odd = ex.alert(
        state=AlertState.REJECTED,
        reason="HIMS is not an option of this room",
        text=HOSTILE,
        author_name="@everyone `x`",
    )
    yield alert_card.show(alert_report.build(odd, live))
    several = ex.several_accounts()
    yield alert_card.show(alert_report.build(several.pop("record"), live, **several))


def lists() -> Iterator[discord.Embed]:
    """Positions, trades, alerts, status, trace, closing, P&L without its picture, failure."""
    live = ex.frame(
        ex.quote(ex.SPY_CALL, "3.08", "3.12"),
        ex.quote(ex.MES, "6330.00", "6330.25"),
        ex.quote(ex.AAPL, "187.10", "187.14"),
        is_synthetic=True,
    )
    short = ex.trade(
        trade_id="T-2",
        symbol="AAPL",
        asset="stock",
        direction=-1,
        legs=(Leg(instrument=ex.AAPL),),
        qty_opened=D(100),
        qty_open=D(100),
        entry_price=D("185.20"),
        risk_usd=D(200),
        stop=StopPlan(price=D("187.20"), kind="trailing", trail_pct=D(2)),
        targets=(),
        fees_usd=D("1.00"),
    )
    mes = ex.trade(
        trade_id="T-3",
        symbol="MES",
        asset="future",
        legs=(Leg(instrument=ex.MES),),
        entry_price=D("6324.25"),
        risk_usd=D(100),
        stop=StopPlan(price=D("6324.25"), kind="breakeven"),
        targets=(PlannedTarget(price=D("6336.25"), qty=D(2)),),
    )
    held = [
        ex.position(ex.SPY_CALL, ex.lot("2", "2.55", "1.30")),
        ex.position(ex.AAPL, ex.lot("-100", "185.20", "0.50"), trade_id="T-2"),
        ex.position(ex.MES, ex.lot("2", "6324.25", "1.24"), trade_id="T-3"),
    ]
    open_trades = [ex.trade(), short, mes]
    yield positions.show(positions_report.build(live, trades=open_trades, positions=held))
    yield positions.show(positions_report.build(live, trades=[], positions=[]))
    closed, entries, account = ex.book(["40", "-51.3", "120.55", "-20", "1033"])
    rows = trades_report.build(live, trades=[*open_trades, *closed], positions=held, n_in_all=31)
    yield trades.show(rows)
    page = alerts_report.build(
        live,
        alerts=[
            ex.alert(),
            ex.alert(alert_id="A-2", state=AlertState.HELD, reason="stop is missing"),
            ex.alert(alert_id="A-3", state=AlertState.REJECTED, reason="older than 60 s"),
        ],
        n_in_all=23,
    )
    yield alerts.show(page)
    well = status_report.build(
        live,
        parts=[
            status_report.Part(name="gateway", condition="ok"),
            status_report.Part(name="paper", condition="ok"),
            status_report.Part(name="feed synthetic", condition="ok"),
        ],
        trades=open_trades,
        positions=held,
        accounts=[replace(account, day_start_equity_usd=D(10000))],
        n_approvals=1,
        last_alert=ex.alert(),
        version="0.1.0",
        started_at=NOW - timedelta(hours=5),
    )
    yield status.show(well)
    yield status.show(replace(well, halted="emergency stop by Tom", problems=(("feed", "silent"),)))
    hops = trace_report.build(live, ref="A-1", events=list(journal()), asked="T-1")
    assert hops is not None
    yield trace.show(hops)
    yield closing.show(
        closing_report.build(
            ex.frame(is_synthetic=True),
            trades=closed,
            entries=[replace(e, cash_usd=e.realised_usd) for e in entries],
            accounts=[replace(account, cash_usd=account.realised_usd, deposits_usd=D(0))],
            positions=[],
            chain=ChainReport(n_events=214),
        )
    )
    yield pnl.show(pnl_report.build(live, trades=[], entries=[]))
    by_symbol = pnl_report.build(
        live, trades=closed, entries=entries, accounts=[account], by="symbol"
    )
    yield pnl.show(by_symbol)
    yield message.question(
        title="Close 2 contracts SPY 603C 1/31 at market?",
        lines=["long 2 from 2.55, now 3.10 · ▲ +$108.70"],
        stamp=live.stamp("T-1", [ex.SPY_CALL]),
        ends_at=NOW + timedelta(seconds=60),
        again="The price moved from 3.10 to 3.25 since you were asked.",
    )


def route_cards() -> Iterator[discord.Embed]:
    """Where entries go: by rules, and where there is none."""
    accounts = {"main": "alpaca", "second": "tastytrade", "prop": "topstepx"}
    rooms = {"TWI_Futures": "prop", "TWI_Options": "main"}
    yield routes.show(
        routes_report.build(
            ex.frame(),
            running=[
                RouteRule(assets=frozenset({"option", "spread"}), accounts=("second", "main"))
            ],
            configured=[
                RouteRule(author_ids=frozenset({4711}), accounts=("main", "second"), to="all")
            ],
            accounts=accounts,
            rooms=rooms,
        )
    )
    for asset in ("", "stock"):
        none = routes_report.build(
            ex.frame(), running=(), configured=(), accounts=accounts, rooms=rooms, asset=asset
        )
        yield routes.show(none)


def broker_cards() -> Iterator[discord.Embed]:
    """Brokers, one of them, a trial of its capabilities, its allowance, and the mode."""
    stamp = ex.frame().stamp("brokers")
    calls = broker_report.Api(
        provider="alpaca",
        n_calls=12_345,
        per_min=42,
        n_limited=3,
        n_failed=1,
        limit=200,
        remaining=158,
        last_ms=81.4,
    )
    money = {
        "main": broker_report.Money(
            account="main",
            equity_usd=D("100412.30"),
            cash_usd=D("80000"),
            buying_power_usd=D("160824.60"),
            knows_us=True,
        ),
        "prop": broker_report.unasked("prop", "the broker does not answer"),
    }
    common: dict[str, Any] = {"is_paper": True, "has_stream": True, "gate": "", "problem": ""}
    links = [
        broker_report.Connection(name="paper", off="", **common),
        broker_report.Connection(
            name="alpaca",
            off="",
            last_error="its orders cannot be read: no answer in time",
            last_error_at=NOW - timedelta(minutes=5),
            **common | {"is_paper": False},
        ),
        broker_report.Connection(
            name="topstepx", off="", **common | {"problem": "no connection", "has_stream": False}
        ),
        broker_report.Connection(name="schwab", off="switched off by Ada: token", **common),
    ]
    accounts = [
        Account(name="main", broker="alpaca"),
        Account(name="prop", broker="topstepx"),
    ]
    orders = [ex.order(broker="alpaca"), ex.order(broker="alpaca", order_id="O-2")]
    report = broker_report.build(
        ex.frame(),
        connections=links,
        accounts=accounts,
        orders=orders,
        money=money,
        apis={"alpaca": calls},
    )
    yield brokers.show(report)
    yield brokers.one(replace(report, brokers=report.brokers[1:2]))
    lost = replace(report.brokers[2].connection, problem="")
    yield brokers.one(replace(report, brokers=(replace(report.brokers[2], connection=lost),)))
    checks = [
        Check(name="auth", is_ok=True, detail="the key is accepted"),
        Check(name="account", is_ok=True, detail="1 account, may trade"),
        Check(name="quote", is_ok=False, detail="no market data subscription (403)"),
        Check(name="dry run", is_ok=None, detail="this broker has none"),
    ]
    yield brokers.tested("alpaca", checks, stamp)
    yield from route_cards()
    yield brokers.usage([calls, replace(calls, provider="feed", n_limited=0, n_failed=0)], stamp)
    facts = (
        mode_report.Readiness(name="configuration", is_ok=True, detail="mode: live"),
        mode_report.Readiness(
            name="books agree with it", is_ok=False, detail="not compared: topstepx"
        ),
        mode_report.Readiness(name="every trade has a stop", is_ok=True, detail="all"),
    )
    paper = mode_report.ModeReport(
        stamp=stamp,
        mode="paper",
        since=NOW - timedelta(days=3),
        by="Ada",
        reason="first week is over",
        asked_by="Ada",
        asked_until=NOW + timedelta(minutes=12),
        readiness=facts,
    )
    yield mode.show(paper)
    yield mode.show(replace(paper, mode="live", asked_by="", readiness=facts[::2]))


def figures() -> Iterator[discord.Embed]:
    """Limits, orders, exposure, the accounts, performance."""
    from tests.contact_sheet import exposure_report, performance_report

    seen = risk_facts.facts(
        account=risk_facts.account(
            realised_today_usd=D(-2500), n_trades_today=9, peak_equity_usd=D(102_000)
        ),
        equity_usd=D(97_500),
        **risk_facts.held(risk_facts.trade("T-1"), risk_facts.trade("T-2"), usd="22000"),
    )
    checks = [check for _, check in load_checks({})]
    used = limits_report.of_account(
        seen.account,
        [gauge for check in checks for gauge in check.gauges(seen)],
        [check.warning(seen) for check in checks],
    )
    yield limits.show(limits_report.build(ex.frame(), accounts=[used]))
    yield limits.show(limits_report.build(ex.frame(), accounts=[used], halted="by hand (Ada)"))
    rows = [
        ex.order(state=OrderState.ACCEPTED),
        ex.order(order_id="TSB", state=OrderState.UNKNOWN, purpose=Purpose.STOP),
        ex.order(order_id="TSC"),
    ]
    yield orders.show(order_report.build(ex.frame(), orders=rows))
    part = {"leg_filled": (D(1),), "avg_price": D("2.54"), "reason": "stop"}
    doubted = replace(rows[1], **part, attempt=1, updated_at=NOW - timedelta(seconds=4))
    row = order_report.row(doubted, ex.frame(), (1, 3, 10, 30))
    yield orders.one(row, ex.frame().stamp("A-1"))
    yield exposure.show(exposure_report())
    yield from book_examples.cards()
    yield performance.show(performance_report(60))
    yield from sides_of_it(performance_report(60), performance_report(25, seed=5, drift=-4))
    yield from of_the_desk()


def sides_of_it(*made: PerformanceReport) -> Iterator[discord.Embed]:
    """Rooms beside each other: all of them, and two by name."""
    named = [
        sides_report.Side(name=name, made=one)
        for name, one in zip(("Twinsight", "stocks"), made, strict=True)
    ]
    for is_pair in (False, True):
        report = sides_report.build(
            ex.frame(), by="strategy", period="1m", sides=named, is_pair=is_pair
        )
        yield sides.show(report)


def of_the_desk() -> Iterator[discord.Embed]:
    """Data quality, the books against the brokers, the markets."""
    quality = Quality()
    for n in range(30):
        at = NOW - timedelta(seconds=30 - n)
        for of, price in ((ex.SPY_CALL, "2.50"), (ex.AAPL, "187.10")):
            if of is ex.AAPL or n < 12:
                quality.heard(replace(ex.quote(of, price, price[:-1] + "4"), received_at=at))
    quality.down("backup", NOW)
    graded = data_report.build(
        ex.frame(),
        quality,
        instruments=[ex.SPY_CALL, ex.AAPL],
        down={"backup": "no connection"},
    )
    yield data.show(graded)
    yield data.one(replace(graded, rows=graded.rows[:1]))
    yield data.sources(graded)
    compared = Compared(
        account="main",
        broker="alpaca",
        at=NOW,
        is_full=True,
        took_s=0.4,
        n_orders=31,
        n_fills=52,
        n_positions=3,
        cash_usd=D(1000),
        differences=(),
    )
    compared = replace(compared, taken_over=("cash: $0.00 with us, $1,000.00 there",))
    apart = replace(
        compared, account="prop", differences=("AAPL: we hold 10, the broker 15",), taken_over=()
    )
    accounts = {"main": "alpaca", "prop": "topstepx", "old": "schwab"}
    for known in ({"main": compared, "prop": apart}, {"main": compared}):
        yield reconcile.show(
            reconcile_report.build(
                {name: accounts[name] for name in (accounts if len(known) > 1 else known)},
                known,
                {"topstepx": "its stream is down"},
                now=NOW,
            )
        )
    calendars = {"NYSE": NYSE, "CME Globex": CME, "Crypto": ALWAYS}
    yield markets.show(markets_report.build(ex.frame(), calendars))


def journal() -> Iterator[Journaled]:
    """The story of one alert as the journal has it."""
    kinds = ("alert.taken", "alert.held", "order.submitting", "order.accepted", "fill.booked")
    puts = (ex.alert(), ex.approval(), ex.order(), ex.order(version=2), ex.trade(version=2))
    for seq, (kind, put) in enumerate(zip(kinds, puts, strict=True), start=101):
        at = NOW + timedelta(milliseconds=37 * (seq - 101) ** 3)
        actor = "user 102" if kind == "order.submitting" else "desk"
        data = {"reason": "this source trades with approval"} if kind == "alert.held" else {}
        if kind == "fill.booked":
            data = {"qty": "2", "price": "2.55", "instrument": ex.SPY_CALL.key}
        yield Journaled(
            seq=seq, event=Event(kind=kind, ref="A-1", at=at, actor=actor, data=data, puts=(put,))
        )


def mirrored() -> Iterator[str]:
    """The all-messages feed."""
    said = RawAlert(
        guild_id=1,
        channel_id=800_000_000_000_000_011,
        message_id=5,
        author_id=7,
        author_name="Twinsight Bot",
        posted_at=NOW,
        received_at=NOW,
        text="BTO SPY 603C 1/31 @ 2.50",
    )
    intake = Intake(
        source="twinsight", message=said, content_hash="x", verdict="alert", alert_id="A-1"
    )
    yield mirror.line(intake)
    chat = replace(said, text="good morning everyone, watching NVDA today", author_name="Ann")
    yield mirror.line(replace(intake, message=chat, verdict="ignored: chat", alert_id=""))
    odd = replace(said, text=HOSTILE, author_name="@here")
    yield mirror.line(replace(intake, message=odd, verdict="not followed", alert_id=""))
