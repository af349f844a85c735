"""Cards of tickets, approvals in bulk, menus and alert figures, for tests/sheet.py."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import discord

from bot.actions import Offer
from bot.cards import actions as actions_card
from bot.cards import alert_stats as stats_card
from bot.cards import approvals as approvals_card
from bot.cards import message
from bot.cards import ticket as ticket_card
from engine.domain.desk import AlertState, ApprovalState
from engine.domain.order import PlannedTarget, Side, Verdict
from engine.domain.quote import Leg
from engine.reports import alert_stats, approvals
from engine.reports import ticket as ticket_report
from tests.unit.reports import examples as ex
from tests.unit.reports.examples import NOW, D


def cards() -> Iterator[discord.Embed]:
    """A ticket to click, one cut and to be approved by another, one refused; the rest."""
    live = ex.frame(ex.quote(ex.AAPL, "187.10", "187.14"), is_synthetic=True)
    near = Verdict(
        check="allocation",
        is_ok=True,
        code="allocation.near",
        detail="$71,200.00 of $80,000.00 at work with this entry",
    )
    shares = ex.intent(
        legs=(Leg(instrument=ex.AAPL),),
        side=Side.BUY,
        symbol="AAPL",
        qty=D(50),
        limit=D("187.33"),
        stop=D("183.58"),
        targets=(PlannedTarget(price=D(199), qty=D(50)),),
        alerted_price=None,
        quote=None,
        risk_usd=D("187.50"),
        notional_usd=D("9366.50"),
        sizing="50 of 200 that the trader says: a position is at most 10 %",
        source="manual",
    )
    shares = replace(shares, verdicts=(*shares.verdicts, near))
    told = ticket_report.build(
        live,
        asked="BUY 200 AAPL target 199",
        intent=shares,
        stop_why="2 × ATR(14) = 3.75, held within 1.5 and 5.62",
        asked_qty=D(200),
        equity_usd=D(100000),
        waits_s=120,
    )
    yield message.question(
        title="Buy AAPL?",
        lines=ticket_card.lines(told),
        stamp=live.stamp("confirmation", [ex.AAPL]),
        ends_at=NOW + timedelta(seconds=60),
    )
    option = ticket_report.build(
        ex.frame(ex.quote(ex.SPY_CALL, "2.50", "2.54")),
        asked="BUY 2 SPY 603C 1/31 @ 2.40",
        intent=ex.intent(),
        stop_why="the house's 50 % of the premium: no ATR is known",
        question="it is above $10,000.00: a second person approves it",
        equity_usd=D(10000),
    )
    yield message.question(
        title="Buy SPY 603C 1/31?",
        lines=ticket_card.lines(option),
        stamp=ex.frame().stamp("confirmation"),
        ends_at=NOW + timedelta(seconds=60),
    )
    no = Verdict(
        check="stop_distance",
        is_ok=False,
        code="stop_distance.too_far",
        detail="the stop is 9.33 (4.98 %) from the entry 187.33, at most 5.62 (3.00 %) is allowed",
    )
    refused = replace(shares, stop=D(178), verdicts=(*shares.verdicts, no), targets=())
    yield ticket_card.show(
        ticket_report.build(
            live,
            asked="BUY 50 AAPL stop 178",
            intent=refused,
            refused=no.detail,
            stop_why="as you named it",
            equity_usd=D(100000),
            waits_s=120,
        )
    )
    done = [
        ex.approval(state=ApprovalState.APPROVED, decision="approved by Ann", decided_by=102,
                    decided_at=NOW - timedelta(minutes=4)),
        ex.approval(approval_id="P-2", state=ApprovalState.REJECTED, decided_by=103,
                    decision="rejected (too late) by Tom", decided_at=NOW - timedelta(hours=2)),
        ex.approval(approval_id="P-3", state=ApprovalState.EXPIRED, kind="fix", intent_id="",
                    decision="expired unanswered", question="the strike is not clear: 603 or 630?"),
    ]  # fmt: skip
    asked = {ex.intent().intent_id: ex.intent()}
    yield approvals_card.history(approvals.build(ex.frame(), approvals=done, intents=asked, days=7))
    offers = [
        Offer(text="SPY close", label="Close SPY", detail="2 × SPY 603C 1/31"),
        Offer(text="SPY close 50%", label="Close half of SPY", detail="2 × SPY 603C 1/31"),
        Offer(text="order-TSAB12CD cancel", label="Cancel MES", detail="buy 1 /MESH26"),
        Offer(text="close-all", label="Close everything", detail="2 open"),
    ]
    yield actions_card.menu(offers, ex.frame().stamp("actions"))
    heard = [
        ex.alert(),
        ex.alert(alert_id="A-2", state=AlertState.REJECTED, reason="the alert is 92 s old"),
        ex.alert(alert_id="A-3", state=AlertState.RISK_REJECTED, reason="$312 lost today"),
    ]
    won, lost = ex.closed(1, "121.40"), ex.closed(2, "-51.30")
    yield stats_card.show(
        alert_stats.build(
            ex.frame(),
            days=7,
            alerts=heard,
            trades=[replace(won, alert_id="A-1"), replace(lost, alert_id="A-1")],
            orders=[replace(ex.order(), alert_id="A-1", sent_at=NOW)],
        )
    )
