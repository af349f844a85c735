"""Cards of the desk itself, made up: about, setup, monitor, doctor, panel, parts, settings."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import discord

from bot import disclaimer
from bot.about import MadeOf
from bot.cards import Tone
from bot.cards import about as about_card
from bot.cards import approvals as approvals_card
from bot.cards import backtest as backtest_card
from bot.cards import monitor as monitor_card
from bot.cards import notifications as notify_card
from bot.cards import panel as panel_card
from bot.cards import recovery as recovery_card
from bot.cards import settings as settings_card
from bot.cards import setup as setup_card
from bot.cards import status as status_card
from bot.doctor import Finding
from bot.setting_up import CHANNELS, ROLES, Done, Plan, Step
from engine.domain.order import OrderState, Purpose
from engine.domain.trade import StopPlan
from engine.reports import alerts as alerts_report
from engine.reports import approval_card, monitor, panel, positions, status
from tests.admin_cards import RULE
from tests.contact_sheet import backtest_report, backtests_report
from tests.unit.reports import book_examples
from tests.unit.reports import examples as ex
from tests.unit.reports.examples import NOW

ROOM = monitor.Room(
    name="options",
    channel_id=800_000_000_000_000_011,
    handling="approve",
    parser="auto",
    account="main",
    author_ids=(300_000_000_000_000_007,),
    webhook_ids=(),
    last_at=NOW - timedelta(minutes=3),
    n_heard=31,
    n_alerts=12,
)
FOUND = (
    Finding(part="token", is_ok=True, said="accepted"),
    Finding(
        part="rooms",
        is_ok=False,
        said="#approvals: I may not attach files",
        mend="Channel settings → Permissions → my role: allow Attach Files",
    ),
    Finding(part="clock", is_ok=None, said="could not be compared: no answer within 5 s"),
    Finding(part="rooms", is_ok=True, said="#trade-alerts"),
    Finding(part="rooms", is_ok=True, said="#orders"),
    Finding(part="books", is_ok=True, said="sealed, 214 events"),
)


def cards() -> Iterator[discord.Embed]:
    """One of each, at its fullest and at its emptiest."""
    yield from _played()
    stamp = ex.frame().stamp("about")
    made = MadeOf(version="0.1.0", commit="58b2cae1d0", schema="0007")
    yield about_card.program(made, stamp, since=NOW - timedelta(hours=5))
    yield about_card.disclaimer(disclaimer.WORDS, stamp, is_accepted=False)
    link = "https://discord.com/oauth2/authorize?client_id=1"
    yield about_card.invite(
        [("Everything it needs", link), ("Without making channels", link)], stamp
    )
    yield from setting_up()
    yield from rooms()
    yield settings_card.sections(stamp, {"risk": 31, "sources": 12, "notify": 4}, 4)
    yield notify_card.rule(stamp, RULE)
    parts = (
        status.Part(name="gateway", condition="ok", since=NOW - timedelta(hours=5)),
        status.Part(name="alpaca", condition="bad", text="no answer", since=NOW),
    )
    yield status_card.detailed(status.build(ex.frame(), parts=parts, problems={"feed": "silent"}))
    yield status_card.detailed(status.build(ex.frame(), parts=parts), "schwab")
    waits = approval_card.build(
        ex.approval(), ex.frame(), intent=ex.intent(), alert=ex.alert(), equity_usd=ex.D(10000)
    )
    yield approvals_card.waiting([waits, waits], ex.frame().stamp("approvals"), page=1, n=7)
    yield approvals_card.waiting([], ex.frame().stamp("approvals"), page=1, n=0)


def setting_up() -> Iterator[discord.Embed]:
    """Before, without the permissions, afterwards, and when something is not well."""
    stamp = ex.frame(is_synthetic=True).stamp("setup")
    steps = [
        Step(kind="role", purpose=p, name=name, found_id=None, is_chosen=False)
        for p, (name, _) in ROLES.items()
    ]
    steps += [
        Step(
            kind="channel",
            purpose=p,
            name=name,
            found_id=800_000_000_000_000_011 if p == "orders" else None,
            is_chosen=False,
        )
        for p, (name, _) in CHANNELS.items()
    ]
    fresh = Plan(guild_name="My desk", steps=tuple(steps), lacking=(), wants_practice=True)
    yield setup_card.plan(fresh, stamp)
    yield setup_card.plan(replace(fresh, lacking=("Manage Roles", "Manage Channels")), stamp)
    done = Done(
        made=["@Viewer", "@Trader", "#trade-alerts", "#approvals"],
        taken=["#orders"],
        given=["Trader", "Approver", "Desk Admin"],
        practice_id=800_000_000_000_000_011,
        example="Long SPY 601.20, stop 589.20, target 637.30",
    )
    yield setup_card.done(done, FOUND[:1], stamp)
    yield setup_card.done(done, FOUND, stamp)


def rooms() -> Iterator[discord.Embed]:
    """Alert rooms that are heard, and some that are not; what /diagnose says."""
    silent = replace(ROOM, name="stocks", last_at=None, n_heard=0, n_alerts=0, author_ids=())
    lost = replace(ROOM, name="futures", problem="the channel is gone or closed to me")
    off = replace(ROOM, name="news", stopped="stopped by Ada: holiday")
    report = monitor.build(ex.frame(), rooms=[ROOM, silent, lost, off], is_connected=True)
    yield monitor_card.show(report)
    yield monitor_card.sources(report)
    yield monitor_card.show(monitor.build(ex.frame(), rooms=[], is_connected=False))
    stamp = ex.frame().stamp("diagnose")
    yield monitor_card.findings("Diagnosis", FOUND, stamp)
    yield monitor_card.findings("Diagnosis", [f for f in FOUND if f.is_ok], stamp)


def notes() -> Iterator[str]:
    """What is posted after a restart."""
    held = [ex.trade(), ex.trade(trade_id="T-2", stop=None), ex.trade(trade_id="T-3")]
    stop = ex.order(trade_id="T-3", purpose=Purpose.STOP, state=OrderState.ACCEPTED)
    yield recovery_card.words(
        "2 orders looked up, nothing in doubt",
        [*held, ex.trade(trade_id="T-4", stop=StopPlan(price=ex.D("2.00")))],
        lambda trade_id: [stop] if trade_id == "T-3" else [],
        was_killed=True,
        badges="PAPER · SYNTHETIC MARKET",
    )


def panels() -> Iterator[discord.ui.LayoutView]:
    """The panel's words: a good day, a day with everything wrong, ended."""
    now, trades, held = book_examples.now(), book_examples.trades(), book_examples.positions()
    well = status.build(
        now,
        parts=[
            status.Part(name="gateway", condition="ok"),
            status.Part(name="paper", condition="ok"),
        ],
        trades=trades,
        positions=held,
        accounts=[book_examples.ACCOUNT],
        n_approvals=1,
        limits=book_examples.gauges(),
    )
    report = panel.build(
        now,
        sections=("positions", "alerts", "brokers"),
        status=well,
        limits=book_examples.gauges(),
        rooms=[ROOM],
        positions=positions.build(now, trades=trades, positions=held),
        alerts=alerts_report.build(now, alerts=[ex.alert(), ex.alert(alert_id="A-2")], n_in_all=2),
    )
    yield _laid_out(panel_card.blocks(report), panel_card.tone(report).value)
    ill = replace(
        report,
        status=replace(
            well,
            halted="emergency stop by Tom",
            tripped="main",
            unsound="the disk is full",
            is_reconciled=False,
            problems=(("alpaca", "no connection for 40 s"), ("feed", "silent")),
        ),
        stopped="stopped by Ada: holiday",
        rooms=(replace(ROOM, problem="the channel is gone"),),
    )
    yield _laid_out(panel_card.blocks(ill), panel_card.tone(ill).value)
    yield _laid_out(panel_card.stopped(report), Tone.QUIET.value)


def _laid_out(blocks: list[str], colour: int) -> discord.ui.LayoutView:
    view = discord.ui.LayoutView()
    box: discord.ui.Container[discord.ui.LayoutView] = discord.ui.Container(accent_colour=colour)
    for words in blocks:
        box.add_item(discord.ui.TextDisplay(words))
    view.add_item(box)
    return view


def _played() -> Iterator[discord.Embed]:
    full, empty = backtest_report(40), backtest_report(0)
    yield backtest_card.show(full, has_picture=False)
    yield backtest_card.show(empty)
    yield backtest_card.compared(backtests_report())
    yield backtest_card.listed([full, empty], "`BT-7` options: played 43%", ex.frame())
    yield backtest_card.listed([], "", ex.frame())
