"""What a person reads on each card."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot import text
from bot.cards import (
    Tone,
    alert_card,
    approval_card,
    closing,
    market,
    message,
    mirror,
    pnl,
    positions,
    status,
    tone_of,
    trace,
    trade_card,
    trades,
    watchlist,
)
from engine.domain.alert import EmbedText, RawAlert
from engine.domain.desk import AlertState, ApprovalState, Intake
from engine.domain.order import OrderType, PlannedTarget, Verdict
from engine.domain.record import Event
from engine.domain.trade import StopPlan, TradeState
from engine.reports import Frame, Missing, Stamp
from engine.reports import alert_card as alert_report
from engine.reports import approval_card as approval_report
from engine.reports import closing as closing_report
from engine.reports import pnl as pnl_report
from engine.reports import positions as positions_report
from engine.reports import sectors as sectors_report
from engine.reports import status as status_report
from engine.reports import trace as trace_report
from engine.reports import trade_card as trade_report
from engine.reports import trades as trades_report
from engine.store import Journaled
from tests.unit.reports import examples as ex
from tests.unit.reports.examples import NOW, SPY_CALL, D

AT_310 = ex.frame(ex.quote(SPY_CALL, "3.08", "3.12"))
HELD = [ex.position(SPY_CALL, ex.lot("2", "2.55", "1.30"))]


def plain(words: str | None) -> str:
    return (words or "").replace(text.NBSP, " ")


def trade(made=None, frame=AT_310, **given):
    return trade_card.show(
        trade_report.build(made or ex.trade(), frame, **({"positions": HELD} | given))
    )


def test_the_title_of_a_trade_is_its_verdict():
    embed = trade()
    assert plain(embed.title) == "SPY 603C 1/31 long · ▲ +$108.70 (+1.21R)"
    assert embed.colour is not None
    assert embed.colour.value == Tone.GOOD.value
    assert embed.author.name == "PAPER"
    assert embed.footer.text == "ref A-1"


def test_a_loss_is_red_with_a_minus_and_an_arrow():
    embed = trade(ex.closed(3, "-51.30"), positions=[])
    assert plain(embed.title) == "SPY 603C 1/31 long · ▼ -$51.30 (-1.03R)"
    assert embed.colour is not None
    assert embed.colour.value == Tone.BAD.value
    assert "**Closed** by stop" in (embed.description or "")


def test_the_trade_table_adds_up_line_by_line():
    embed = trade()
    assert (embed.description or "").split("```")[1] == (
        "\n"
        "open       +$110.00\n"
        "open fees    -$1.30\n"
        "net        +$108.70  +1.21R\n"
        "return       +21.3%\n"
        "fees paid     $1.30\n"
    )


def test_fills_are_compared_with_what_was_alerted():
    assert (trade().description or "").split("```")[3] == (
        "\n"
        "              entry\n"
        "alerted        2.50\n"
        "achievable     2.54\n"
        "filled         2.55\n"
        "vs alert    -$10.00\n"
    )


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        (StopPlan(price=D("2.10")), "🔒 Stop** 2.10 fixed · -$91.30 if hit"),
        (StopPlan(price=D("2.55"), kind="breakeven"), "2.55 at break-even · -$1.30 if hit"),
        (StopPlan(price=D("2.90"), kind="trailing", trail_atr=D("2.0")), "2.90 trailing 2×ATR"),
        (StopPlan(price=D("2.90"), kind="trailing", trail_pct=D(2)), "2.90 trailing 2%"),
        (StopPlan(price=D("2.90"), kind="trailing", trail_usd=D("0.2")), "trailing 0.20 behind"),
        (None, "🔓 **No stop**"),
    ],
)
def test_the_stop_says_what_kind_it_is(stop, words):
    assert words in plain(trade(ex.trade(stop=stop)).description)


def test_an_unprotected_position_shouts_whatever_it_makes():
    embed = trade(ex.trade(is_unprotected_since=NOW))
    assert "**NO WORKING STOP**" in (embed.description or "")
    assert embed.colour is not None
    assert embed.colour.value == Tone.BAD.value


def test_unknown_figures_say_why_and_are_never_zero():
    embed = trade(frame=ex.frame())
    assert plain(embed.title) == "SPY 603C 1/31 long · P&L n/a"
    assert "n/a: no quote for SPY 603C 1/31" in (embed.description or "")
    assert "$0.00" not in (embed.description or "")


def test_badges_tell_mode_made_up_and_stale_prices():
    old = ex.quote(SPY_CALL, "3.08", "3.12", received_at=NOW - timedelta(seconds=9))
    live = Frame(now=NOW, mode="live", quotes={SPY_CALL.key: old}, is_synthetic=True)
    embed = trade(frame=live)
    assert embed.author.name == "LIVE · SYNTHETIC MARKET · STALE PRICES"
    assert "last quote <t:" in (embed.description or "")


@pytest.mark.parametrize(
    ("state", "words"),
    [(TradeState.PENDING, "not filled yet"), (TradeState.VOID, "never filled")],
)
def test_a_trade_without_fills_has_no_figures(state, words):
    empty = ex.trade(
        state=state, qty_opened=D(0), qty_open=D(0), entry_price=None, close_reason="expired"
    )
    embed = trade(empty, positions=[])
    assert words in (embed.title or "")
    assert "net" not in (embed.description or "")


# -- approvals -----------------------------------------------------------------------------------


def approval(changes=None, **given):
    made = approval_report.build(
        ex.approval(**(changes or {})),
        AT_310,
        **({"intent": ex.intent(), "alert": ex.alert(), "equity_usd": D(10000)} | given),
    )
    return approval_card.show(made)


def test_the_question_is_the_exact_order():
    embed = approval()
    assert embed.title == "Approve? Buy to open 2 contracts SPY 603C 1/31 @ limit 2.55"
    assert embed.colour is not None
    assert embed.colour.value == Tone.WAIT.value
    described = embed.description or ""
    assert "⏳ **Expires** <t:1769785800:R>" in described
    assert described.split("```")[1] == (
        "\n"
        "cost             $510.00\n"
        "loss at stop 1R   $90.00  0.9%\n"
        "stop                2.10\n"
        "target 1            3.20  × 1\n"
        "target 2            3.80  × 1\n"
        "reward            +2.11R\n"
    )
    assert "-# ✓ kill switch, daily loss, max positions" in described
    assert "> BTO SPY 603C 1/31 @ 2.50" in described


def test_a_check_that_said_no_is_first_and_has_its_figures():
    no = Verdict(check="daily_loss", is_ok=False, detail="loss of $312.40 reaches $300.00")
    described = approval(intent=ex.intent(verdicts=(*ex.intent().verdicts, no))).description or ""
    assert "**Risk** 3 of 4 checks passed\n✗ **daily loss** loss of $312.40" in described


def test_a_limit_that_is_near_is_said_before_the_question_is_answered():
    near = Verdict(check="daily_loss", is_ok=True, detail="today -$2,410.00 (-2.4 %), entries stop")
    described = approval(intent=ex.intent(verdicts=(near,))).description or ""
    assert "**Risk** 1 of 1 checks passed\n⚠ **daily loss** today -$2,410.00" in described


def test_a_market_order_says_so():
    embed = approval(intent=ex.intent(type=OrderType.MARKET, limit=None))
    assert (embed.title or "").endswith("at market")


@pytest.mark.parametrize(
    ("state", "word", "tone"),
    [
        (ApprovalState.APPROVED, "Approved:", Tone.GOOD),
        (ApprovalState.REJECTED, "Rejected:", Tone.QUIET),
        (ApprovalState.EXPIRED, "Expired:", Tone.QUIET),
        (ApprovalState.WITHDRAWN, "Withdrawn:", Tone.QUIET),
    ],
)
def test_a_decided_question_says_who_and_when(state, word, tone):
    embed = approval(
        {"state": state, "decision": "approved half", "decided_by": 102, "decided_at": NOW}
    )
    assert (embed.title or "").startswith(word)
    assert "**Approved half** by <@102> <t:1769785200:R>" in (embed.description or "")
    assert embed.colour is not None
    assert embed.colour.value == tone.value


def test_a_question_whose_time_is_over_does_not_look_open():
    embed = approval({"expires_at": NOW - timedelta(seconds=1)})
    assert (embed.title or "").startswith("Expired:")
    assert embed.colour is not None
    assert embed.colour.value == Tone.QUIET.value


# -- alerts --------------------------------------------------------------------------------------


def test_an_alert_tells_its_story_in_order():
    report = alert_report.build(
        ex.alert(), AT_310, intents=[ex.intent()], orders=[ex.order()], trades=[ex.trade()]
    )
    embed = alert_card.show(report)
    assert embed.title == "SPY 603C 1/31 · filled"
    described = embed.description or ""
    places = [
        described.index(word) for word in ("✓ parsed", "✓ risk", "✓ order", "✓ fill", "▸ held")
    ]
    assert places == sorted(places)
    assert "**▸ held** · 2 still open" in (embed.description or "")
    assert "achievable  2.54  1.6% worse" in (embed.description or "")


def test_an_alert_to_several_accounts_has_a_line_for_each_and_the_contract_once():
    several = ex.several_accounts()
    embed = alert_card.show(alert_report.build(several.pop("record"), AT_310, **several))
    said = embed.description
    assert said.count("Buy to open 2 contracts SPY 603C 1/31") == 1
    assert "✓ **main** holds 2 @ 2.55" in said
    assert "▸ **roth** sent" in said
    assert "✗ **prop\\_ny** the loss limit leaves $120.00 of room" in said
    assert "✓ **kids** closed ▼\xa0-$48.70" in said
    assert "Why" not in said
    many = ex.alert(by_account=tuple((f"a{n}", "sent") for n in range(50)))
    said = alert_card.show(alert_report.build(many, AT_310)).description
    assert "and 40 more accounts, 0 of them with a trade" in said
    assert "✗ **a0, a1, a2, a3, a4, a5, a6, a7, a8, a9** sent" in said, "the same, said once"
    assert len(said) < 4096


def test_a_refused_alert_says_why_once_and_what_did_not_happen():
    refused = ex.alert(state=AlertState.RISK_REJECTED, reason="limit of $300.00 reached")
    embed = alert_card.show(alert_report.build(refused, AT_310))
    described = embed.description or ""
    assert described.count("limit of $300.00 reached") == 1
    assert "did not happen: approval, order, fill, closed" in described
    assert embed.colour is not None
    assert embed.colour.value == Tone.BAD.value


@pytest.mark.parametrize("state", list(AlertState))
def test_every_state_of_an_alert_has_words(state):
    embed = alert_card.show(alert_report.build(ex.alert(state=state), AT_310))
    assert (embed.title or "").startswith("SPY · ")


# -- P&L and lists -------------------------------------------------------------------------------


def pnl_of(results, **changes):
    trades_, entries, account = ex.book(results)
    given = {"trades": trades_, "entries": entries, "accounts": [account]} | changes
    return pnl_report.build(AT_310, **given)


def test_pnl_is_proved_on_its_card():
    embed = pnl.show(pnl_of(["40.00", "-51.30", "120.55"]))
    assert plain(embed.title) == "P&L today · ▲ +$109.25 net"
    described = embed.description or ""
    assert "**2 of 3** closed trades won (67%)" in described
    assert "✓ **Adds up** Σ trades +$109.25 = Δ equity +$109.25" in described


def test_pnl_that_does_not_add_up_shouts():
    _, _, account = ex.book(["40.00"])
    embed = pnl.show(pnl_of(["40.00"], accounts=[replace(account, cash_usd=D(10000))]))
    assert "✗ **DOES NOT ADD UP**" in (embed.description or "")
    assert "off by +$40.00" in (embed.description or "")


def test_an_empty_book_says_no_trades_yet():
    embed = pnl.show(pnl_of([], accounts=[]))
    assert embed.title == "P&L today · no trades yet"
    assert "$" not in (embed.description or "")
    assert pnl.alt(pnl_of([], accounts=[])) == "P&L today: no closed trades yet"


def test_the_picture_is_named_only_when_there_is_one():
    report = pnl_of(["40.00"])
    assert pnl.show(report).image.url is None
    assert pnl.show(report, has_picture=True).image.url == "attachment://pnl.png"
    assert "+$40.00" in pnl.alt(report)


def test_a_missing_mark_leaves_realised_standing():
    report = pnl_report.build(
        ex.frame(), trades=[ex.trade()], entries=ex.book(["40.00"])[1], positions=HELD
    )
    embed = pnl.show(report)
    assert plain(embed.title) == "P&L today · ▲ +$40.00 realised, open n/a"
    assert "n/a: no quote for SPY 603C 1/31" in (embed.description or "")


def test_positions_show_result_stop_and_target_of_each():
    embed = positions.show(positions_report.build(AT_310, trades=[ex.trade()], positions=HELD))
    assert plain(embed.title) == "1 open · ▲ +$108.70"
    described = plain(embed.description)
    assert "**SPY 603C 1/31** long 2 · ▲ +$108.70 +1.21R" in described
    assert "2.55 → 3.10 · 🔒 2.10 fixed · 🎯 3.20 · 14 min · +21.3% · expires in 1 d" in described
    nothing = positions.show(positions_report.build(AT_310, trades=[], positions=[]))
    assert nothing.title == "Nothing is open"
    held = {"trades": [ex.trade()], "positions": HELD}
    other = positions.show(positions_report.build(AT_310, **held, asset="future", broker="paper"))
    assert other.title == "Nothing is open (future at paper)"
    assert "1 other trade is open" in (other.description or "")
    assert "main" not in described
    two = [ex.trade(), ex.trade(trade_id="T-2", account="far")]
    report = positions_report.build(AT_310, trades=two, positions=HELD)
    both = plain(positions.show(report).description)
    assert "expires in 1 d · main" in both, "which is which was not to be told"
    assert "expires in 1 d · far" in both


def test_targets_are_of_what_is_held_and_none_of_a_closed_trade():
    big = (PlannedTarget(price=D("3.20"), qty=D(36)),)
    one = {"positions": HELD, "orders": []}
    shown = trade_card.show(trade_report.build(ex.trade(targets=big), AT_310, **one))
    assert "T1 3.20 × 2" in plain(shown.description)
    over = ex.trade(targets=big, state=TradeState.CLOSED, qty_open=D(0), closed_at=ex.NOW)
    shown = trade_card.show(trade_report.build(over, AT_310))
    assert "Targets" not in plain(shown.description)


def test_why_a_sector_has_no_figure_is_said_once():
    report = sectors_report.build(AT_310, {}, "1d", exposure=None)
    assert "all: n/a (" in plain(market.sectors(report).description)


def test_trades_are_two_short_lines_each():
    report = trades_report.build(AT_310, trades=[ex.closed(1, "40.00")])
    assert (trades.show(report).description or "").split("```")[1] == (
        "\n-- Fri 01/30 --\n+1 SPY 603C 1/31    +$40.00\n  2.50→2.91 target   +0.80R\n"
    )
    waits = ex.trade(trade_id="T-9", state=TradeState.PENDING, qty_opened=D(0), qty_open=D(0))
    waits = replace(waits, opened_at=None, created_at=ex.NOW + timedelta(days=1))
    first = trades_report.build(AT_310, trades=[waits, ex.trade()], limit=1)
    assert first.rows[0].trade_id == ex.trade().trade_id, "what is held stood behind what waits"
    two = [ex.closed(1, "40.00"), replace(ex.closed(2, "40.00"), account="far")]
    both = trades.show(trades_report.build(AT_310, trades=two)).description or ""
    assert both.count("  in main\n") == both.count("  in far\n") == 1, "one could not be told"
    empty = trades.show(trades_report.build(AT_310, trades=[]))
    assert empty.title == "Recent trades · no trades yet"


def test_status_leads_with_whether_it_trades():
    _, _, account = ex.book(["40.00"])
    well = status_report.build(AT_310, accounts=[replace(account, day_start_equity_usd=D(10000))])
    assert plain(status.show(well).title) == "Ready to trade · today ▲ +$40.00"
    stopped = status.show(replace(well, halted="emergency stop by Tom"))
    assert plain(stopped.title) == "HALTED, no new entries · today ▲ +$40.00"
    assert stopped.colour is not None
    assert stopped.colour.value == Tone.BAD.value
    starting = status.show(replace(well, is_reconciled=False))
    assert plain(starting.title).startswith("Not ready to trade")


def test_trace_shows_first_and_last_hops_of_a_long_story():
    events = [
        Journaled(
            seq=i, event=Event(kind=f"k{i}", ref="A-1", at=NOW + timedelta(seconds=i), actor="desk")
        )
        for i in range(60)
    ]
    report = trace_report.build(AT_310, ref="A-1", events=events)
    assert report is not None
    described = trace.show(report).description or ""
    assert "**k0**" in described
    assert "**k59**" in described
    assert "36 hops between are left out" in described


def test_the_closing_card_is_red_when_the_books_disagree():
    made, entries, account = ex.book(["40.00"])
    lying = [replace(made[0], realised_usd=D(41))]
    report = closing_report.build(
        AT_310, trades=lying, entries=entries, accounts=[account], positions=[]
    )
    embed = closing.show(report)
    assert embed.title == "Closing · THE BOOKS DO NOT AGREE"
    assert "✗ trades: 1 trades differ" in (embed.description or "")
    assert "? journal: not verified here" in (embed.description or "")


# -- words of our own ----------------------------------------------------------------------------


def test_a_question_has_its_end():
    embed = message.question(
        title="Close 2?", lines=["**now** 3.10"], stamp=Stamp(at=NOW), ends_at=NOW, again="moved"
    )
    assert "⚠ **moved**\n**now** 3.10\n⏳ **Expires** <t:1769785200:R>" in (embed.description or "")


def intake(**changes):
    said = RawAlert(
        guild_id=1,
        channel_id=11,
        message_id=5,
        author_id=7,
        author_name="Ann",
        posted_at=NOW,
        received_at=NOW,
        text="good morning",
    )
    return Intake(
        source="room",
        message=replace(said, **changes),
        content_hash="x",
        verdict="ignored: chat",
    )


def test_the_mirror_tells_who_what_and_verdict():
    assert mirror.line(intake()) == "💬 <#11> **Ann** good morning · *ignored: chat*"
    alerted = replace(intake(), alert_id="A-1", verdict="alert")
    assert mirror.line(alerted).startswith("🔔 <#11> **Ann**")


def test_the_mirror_reads_embeds_and_says_when_there_is_no_text():
    boxed = intake(text="", embeds=(EmbedText(title="BTO", fields=(("x", "SPY 603C"),)),))
    assert "BTO SPY 603C" in mirror.line(boxed)
    assert "(picture)" in mirror.line(intake(text="", n_attachments=1))
    assert "(no text)" in mirror.line(intake(text=""))
    assert "(edit 2)" in mirror.line(intake(edit_no=2))


def test_colour_follows_the_sign_to_the_cent():
    assert tone_of(D("0.01")) is Tone.GOOD
    assert tone_of(D("-0.01")) is Tone.BAD
    assert tone_of(D("0.004")) is Tone.QUIET
    assert tone_of(Missing("x")) is Tone.QUIET


@pytest.mark.parametrize("called", ["/MES", "/MESZ26", "SPY 603C 1/31"])
def test_a_symbol_that_the_market_does_not_have_is_said_in_whole_words(called):
    said = watchlist._why(f"the made-up market has no {called}", "/MES")
    assert said == "the made-up market does not have it"


def test_a_parts_reason_does_not_say_its_name_twice():
    """``✗ alpaca alpaca does not answer``."""
    part = status_report.Part(name="alpaca", condition="bad", text="alpaca does not answer")
    made = status_report.build(AT_310, accounts=[], parts=[part])
    assert "✗ **alpaca** does not answer" in plain(status.show(made).description)
