"""The alert's story, the question to a person, and the lists."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.domain.alert import Alert, NotAnAlert
from engine.domain.desk import AlertState, ApprovalState
from engine.domain.order import OrderState, PlannedTarget, Purpose, Side, Verdict
from engine.domain.quote import Leg
from engine.domain.record import Event
from engine.domain.trade import TradeState
from engine.flows.trades import follow
from engine.reports import (
    Missing,
    alert_card,
    approval_card,
    closing,
    positions,
    replay,
    status,
    unit_label,
    unit_word,
    verb,
)
from engine.reports import alerts as alerts_report
from engine.reports import trace as trace_report
from engine.reports import trades as trades_report
from engine.store import ChainReport, Journaled
from tests.unit.reports.examples import (
    AAPL,
    CREDIT_SPREAD,
    MES,
    NOW,
    SPY_CALL,
    D,
    alert,
    approval,
    book,
    closed,
    frame,
    intent,
    lot,
    order,
    position,
    quote,
    signal,
    trade,
)

NO = Verdict(check="daily_loss", is_ok=False, code="daily_loss.reached", detail="limit reached")


def states(card: alert_card.AlertCard) -> dict[str, str]:
    return {step.name: step.state.value for step in card.steps}


def test_a_filled_alert_is_done_up_to_the_fill_and_held_now():
    card = alert_card.build(
        alert(), frame(), intents=[intent()], orders=[order()], trades=[trade()]
    )
    assert states(card) == {
        "parsed": "done",
        "risk": "done",
        "approval": "skipped",
        "order": "done",
        "fill": "done",
        "closed": "now",
    }
    assert card.steps[1].text == "3 of 3 passed"
    assert card.steps[4].text == "2 of 2 contracts"


def test_a_limit_that_is_near_is_told_with_the_checks_that_passed():
    near = Verdict(check="daily_loss", is_ok=True, code="daily_loss.near", detail="today -2.4 %")
    card = alert_card.build(
        alert(), frame(), intents=[intent(verdicts=(*intent().verdicts, near))], orders=[order()]
    )
    assert card.steps[1].text == "4 of 4 passed; today -2.4 %"
    assert states(card)["risk"] == "done"


def test_alerted_against_achievable_in_percent():
    leaning = alert_card.build(alert(), frame(), intents=[intent()]).leanings[0]
    assert (leaning.alerted, leaning.achievable) == (D("2.50"), D("2.54"))
    assert leaning.worse_pct == D("1.6")


def test_for_a_sale_a_lower_price_is_the_worse_one():
    sale = intent(side=Side.SELL, alerted_price=D("2.60"))
    leaning = alert_card.build(alert(), frame(), intents=[sale]).leanings[0]
    assert leaning.achievable == D("2.50")
    assert leaning.worse_pct == D("0.1") / D("2.6") * 100


def test_without_a_quote_the_gap_is_missing():
    leaning = alert_card.build(alert(), frame(), intents=[intent(quote=None)]).leanings[0]
    assert leaning.worse_pct == Missing("no quote")


def test_refused_by_risk_names_the_check_and_what_did_not_happen():
    refused = alert(state=AlertState.RISK_REJECTED, reason=NO.detail)
    card = alert_card.build(refused, frame(), intents=[intent(verdicts=(*intent().verdicts, NO))])
    assert states(card)["risk"] == "failed"
    assert card.steps[1].text == "1 of 4 said no: limit reached"
    assert states(card)["order"] == "skipped"


def test_a_waiting_approval_is_what_happens_now():
    card = alert_card.build(
        alert(state=AlertState.HELD), frame(), intents=[intent()], approvals=[approval()]
    )
    assert states(card)["approval"] == "now"
    assert states(card)["order"] == "ahead"


def test_who_approved_is_told():
    yes = approval(
        state=ApprovalState.APPROVED,
        decision="approved half",
        decided_by=102,
        decided_at=NOW,
    )
    card = alert_card.build(alert(), frame(), approvals=[yes])
    assert (card.steps[2].text, card.steps[2].by) == ("approved half", 102)
    assert card.steps[2].state is alert_card.StepState.DONE


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (OrderState.SUBMITTING, "now"),
        (OrderState.ACCEPTED, "done"),
        (OrderState.UNKNOWN, "failed"),
        (OrderState.REJECTED, "failed"),
        (OrderState.EXPIRED, "skipped"),
    ],
)
def test_the_order_step_follows_the_order(state, expected):
    sent = order(state=state, leg_filled=())
    assert states(alert_card.build(alert(), frame(), orders=[sent]))["order"] == expected


def test_a_message_that_needs_a_person_waits_at_parsing():
    unclear = alert(
        state=AlertState.HELD,
        parsed=Alert(signals=(signal(),), needs_human=True, question="603 or 630?"),
    )
    assert states(alert_card.build(unclear, frame()))["parsed"] == "now"


def test_a_message_that_became_chat_by_an_edit_failed_at_parsing():
    chat = alert(state=AlertState.WITHDRAWN, parsed=NotAnAlert(why="chat"))
    assert states(alert_card.build(chat, frame()))["parsed"] == "failed"


def test_a_closed_alert_tells_what_it_made():
    over = closed(1, "121.40", alert_id="A-1")
    card = alert_card.build(alert(state=AlertState.CLOSED), frame(), trades=[over])
    assert card.realised_usd == D("121.40")
    assert card.r_realised == D("121.40") / 50
    assert states(card)["closed"] == "done"


def test_a_repriced_entry_is_shown_once_with_its_newest_price():
    newer = intent(intent_id="A-1/0/r1", limit=D("2.60"))
    card = alert_card.build(alert(), frame(), intents=[intent(), newer])
    assert [one.limit for one in card.leanings] == [D("2.60")]


# -- approvals -----------------------------------------------------------------------------------


def test_the_exact_order_in_figures():
    card = approval_card.build(
        approval(), frame(), intent=intent(), alert=alert(), equity_usd=D(10000)
    )
    ticket = card.ticket
    assert ticket is not None
    assert (ticket.verb, ticket.qty, ticket.unit, ticket.label) == (
        "Buy to open",
        D(2),
        "contracts",
        "SPY 603C 1/31",
    )
    assert ticket.value_usd == D("510.00")
    assert ticket.risk_usd == D(90)
    assert ticket.risk_pct == D("0.9")
    # (0.65 + 1.25) x 100 / 90
    assert ticket.reward_r == D(190) / 90
    assert ticket.achievable == D("2.54")
    assert ticket.bid_ask == (D("2.50"), D("2.54"))


def test_a_credit_is_a_credit():
    sold = intent(legs=CREDIT_SPREAD, side=Side.SELL, limit=D("1.20"), targets=(), quote=None)
    ticket = approval_card.ticket(sold)
    assert ticket.is_credit
    assert ticket.value_usd == D("240.00")
    assert ticket.unit == "spreads"
    assert ticket.verb == "Sell to open"


def test_a_short_futures_ticket_counts_points_down():
    sold = intent(
        legs=(Leg(instrument=MES),),
        side=Side.SELL,
        limit=D("6324.25"),
        targets=(PlannedTarget(price=D("6317.25"), qty=D(1)),),
        risk_usd=D(50),
        quote=None,
    )
    ticket = approval_card.ticket(sold)
    assert ticket.reward_r == D(35) / 50  # 7 points x 5
    assert ticket.value_usd == D("63242.50")


def test_unknown_risk_and_equity_are_missing():
    ticket = approval_card.ticket(intent(risk_usd=None))
    assert ticket.risk_usd == Missing("no stop")
    assert ticket.risk_pct == Missing("no stop")
    assert approval_card.ticket(intent()).risk_pct == Missing("equity not known")


def test_a_pending_question_past_its_time_is_expired():
    late = approval(expires_at=NOW)
    assert approval_card.build(late, frame()).is_expired
    assert not approval_card.build(replace(late, state=ApprovalState.REJECTED), frame()).is_expired


def test_every_verdict_is_kept():
    made = intent(verdicts=(*intent().verdicts, NO))
    card = approval_card.build(approval(), frame(), intent=made)
    assert len(card.verdicts) == 4
    assert card.denied == (NO,)


# -- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("legs", "side", "purpose", "expected"),
    [
        ((Leg(instrument=SPY_CALL),), Side.BUY, Purpose.ENTRY, "Buy to open"),
        ((Leg(instrument=SPY_CALL),), Side.SELL, Purpose.STOP, "Sell to close"),
        ((Leg(instrument=SPY_CALL),), Side.BUY, Purpose.CLOSE, "Buy to close"),
        ((Leg(instrument=AAPL),), Side.BUY, Purpose.ENTRY, "Buy"),
        ((Leg(instrument=AAPL),), Side.SELL, Purpose.ENTRY, "Sell short"),
        ((Leg(instrument=AAPL),), Side.BUY, Purpose.CLOSE, "Buy to cover"),
        ((Leg(instrument=MES),), Side.SELL, Purpose.ENTRY, "Sell"),
    ],
)
def test_verbs_are_those_of_the_market(legs, side, purpose, expected):
    assert verb(legs, side, purpose) == expected


def test_units_have_names():
    assert unit_label((Leg(instrument=SPY_CALL),)) == "SPY 603C 1/31"
    assert unit_label(CREDIT_SPREAD) == "SPY 2/20 +600P -595P"
    assert unit_label((Leg(instrument=MES, ratio=2), Leg(instrument=AAPL))) == "+2x/MESH26 +AAPL"
    assert unit_word((Leg(instrument=AAPL),), D(1)) == "share"
    assert unit_word(CREDIT_SPREAD, D(2)) == "spreads"


# -- lists ---------------------------------------------------------------------------------------

HELD = [position(SPY_CALL, lot("2", "2.55", "1.30"))]
AT_310 = frame(quote(SPY_CALL, "3.08", "3.12"))


def test_positions_add_up_their_rows():
    made = positions.build(AT_310, trades=[trade()], positions=HELD)
    assert made.open_usd == D("110.00")
    assert made.net_usd == D("108.70")
    assert made.at_stops_usd == D("-91.30")


def test_positions_of_one_symbol_and_in_order():
    other = trade(trade_id="T-2", symbol="QQQ", risk_usd=D(500))
    kept = [*HELD, position(SPY_CALL, lot("2", "2.55", "1.30"), trade_id="T-2")]
    both = positions.build(AT_310, trades=[trade(), other], positions=kept, sort="risk")
    assert [c.trade_id for c in both.rows] == ["T-2", "T-1"]
    one = positions.build(AT_310, trades=[trade(), other], positions=kept, symbol="$qqq")
    assert [c.trade_id for c in one.rows] == ["T-2"]


def test_nothing_open_is_nothing():
    made = positions.build(AT_310, trades=[closed(1, "5")], positions=[])
    assert made.rows == ()


def test_trades_are_newest_first_and_sum_up():
    trades = [closed(1, "40"), closed(2, "-51.30"), trade()]
    made = trades_report.build(AT_310, trades=trades, positions=HELD, limit=2)
    assert [r.trade_id for r in made.rows] == ["T-1", "T-2"]
    assert made.n_in_all == 3
    assert trades_report.build(AT_310, trades=[], limit=5).net_usd == Missing("no trades yet")


def test_void_trades_are_listed_only_when_asked_for():
    void = trade(state=TradeState.VOID, qty_opened=D(0), qty_open=D(0), entry_price=None)
    assert trades_report.build(AT_310, trades=[void]).rows == ()
    assert len(trades_report.build(AT_310, trades=[void], with_void=True).rows) == 1


def test_alert_rows_tell_reading_and_result():
    page = alerts_report.build(
        frame(),
        alerts=[alert(trade_ids=("T-1",)), alert(alert_id="A-2")],
        trades={"T-1": closed(1, "121.40")},
        per_page=1,
    )
    assert page.n_pages == 2
    assert page.rows[0].read_as == "BTO SPY 603C 1/31 @ 2.50"
    assert page.rows[0].realised_usd == D("121.40")


def test_what_all_accounts_say_of_an_alert_is_said_once():
    said = (("main", "read after a gap"), ("far", "read after a gap"))
    reason = "main: read after a gap · far: read after a gap"
    (row,) = alerts_report.build(frame(), alerts=[alert(by_account=said, reason=reason)]).rows
    assert row.reason == "all 2 accounts: read after a gap"
    later = alert(by_account=said, reason="approved by Tom")
    assert alerts_report.build(frame(), alerts=[later]).rows[0].reason == "approved by Tom"


def test_status_counts_what_is_there_and_misses_what_is_not():
    _, _, account = book(["10"])
    made = status.build(AT_310, trades=[trade()], positions=HELD, accounts=[account])
    assert made.n_open == 1
    assert made.open_usd == D("110.00")
    assert isinstance(made.pnl_today_usd, Missing)
    known = replace(account, day_start_equity_usd=D(10000))
    assert status.build(AT_310, accounts=[known]).pnl_today_usd == D("10.00")


@pytest.mark.parametrize(
    ("changes", "may_trade"),
    [
        ({}, True),
        ({"halted": "emergency stop"}, False),
        ({"is_reconciled": False}, False),
        ({"problems": {"storage": "full"}}, False),
        ({"problems": {"channel orders": "gone"}}, True),
    ],
)
def test_status_knows_whether_entries_are_possible(changes, may_trade):
    assert status.build(frame(), **changes).may_trade is may_trade


def test_trace_lists_each_hop_with_its_rows():
    events = [
        Journaled(seq=7, event=Event(kind="alert.taken", ref="A-1", at=NOW, puts=(alert(),))),
        Journaled(
            seq=9,
            event=Event(
                kind="fill.booked",
                ref="A-1",
                at=NOW + timedelta(milliseconds=250),
                data={"qty": "2", "reason": ""},
                puts=(trade(version=2),),
            ),
        ),
    ]
    made = trace_report.build(frame(), ref="A-1", events=events, asked="T-1")
    assert made is not None
    assert [h.seq for h in made.hops] == [7, 9]
    assert made.hops[1].rows == ("trades T-1 v2",)
    assert made.hops[1].detail == "qty 2"
    assert made.took == made.hops[1].after == timedelta(milliseconds=250)
    assert trace_report.build(frame(), ref="A-9", events=[]) is None


def closing_of(results, **changes):
    trades, entries, account = book(results)
    entries = [replace(e, cash_usd=e.realised_usd) for e in entries]
    account = replace(account, cash_usd=account.realised_usd, deposits_usd=D(0))
    given = {"trades": trades, "entries": entries, "accounts": [account], "positions": []}
    return closing.build(frame(), **(given | changes))


def test_the_closing_table_proves_itself():
    made = closing_of(["40", "-51.30"], chain=ChainReport(n_events=12))
    assert made.is_ok
    assert [c.is_ok for c in made.checks] == [True, True, True, None, True]
    assert made.pnl.realised_usd == D("-11.30")
    assert made.equity_usd == D("-11.30")
    assert [r.trade_id for r in made.rows] == ["T-1", "T-2"]


def test_the_closing_table_finds_a_trade_that_lies():
    trades, _, _ = book(["40", "-51.30"])
    trades[0] = replace(trades[0], realised_usd=D("41"))
    made = closing_of(["40", "-51.30"], trades=trades)
    assert not made.is_ok
    assert made.checks[1].text == "1 trades differ from their ledger entries, first T-1"


def test_the_closing_table_finds_an_account_that_lies_and_a_broken_journal():
    _, _, account = book(["40"])
    lying = replace(account, cash_usd=D(1), deposits_usd=D(0))
    broken = ChainReport(n_events=3, first_bad_seq=2, reason="row changed")
    made = closing_of(["40"], accounts=[lying], chain=broken)
    assert [c.is_ok for c in made.checks] == [False, True, False, None, False]


def test_replay_compares_only_what_is_known_everywhere():
    full = replay.Case(at=NOW, label="SPY", alerted_usd=D(50), achievable_usd=D(36), ours_usd=D(30))
    partly = replay.Case(at=NOW, label="SPY", alerted_usd=None, achievable_usd=None, ours_usd=D(10))
    skipped = replay.Case(
        at=NOW,
        label="SPY",
        alerted_usd=D(5),
        achievable_usd=D(-30),
        ours_usd=D(0),
        skipped="chased",
    )
    made = replay.build(frame(), cases=[full, partly, skipped])
    assert (made.n, made.n_left_out, made.n_skipped) == (2, 1, 1)
    assert made.alerted.points == (D("50.00"), D("55.00"))
    assert made.achievable.total_usd == D("6.00")
    assert made.ours.points == (D("30.00"), D("30.00"))


def test_an_empty_replay_has_no_total():
    assert replay.build(frame(), cases=[]).ours.total_usd == Missing("no closed trades yet")


def test_trades_of_one_symbol_are_told_apart_by_their_account():
    """``AAPL is held more than once (36 × AAPL; 5 × AAPL)`` did not say where (A42)."""
    here = trade()
    assert follow.labels([here, trade(trade_id="T-2", account="far")]) == (
        "2 × SPY 603C 1/31 in main; 2 × SPY 603C 1/31 in far"
    )
    assert follow.labels([here, trade(trade_id="T-2")]) == ("2 × SPY 603C 1/31; 2 × SPY 603C 1/31")
