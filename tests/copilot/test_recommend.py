"""The rules of advice, each shown to speak and to stay silent."""

from datetime import timedelta
from decimal import Decimal

import pytest

from bot import actions, said
from bot.reading.briefing import called_off
from engine.copilot import filing, ideas, recommend, score
from engine.copilot.correlator import event_of
from engine.domain.alert import Action, Alert
from engine.domain.desk import AlertState
from engine.domain.order import PlannedTarget, Verdict
from engine.domain.quote import Leg
from engine.domain.trade import StopPlan
from engine.reports import limits, opportunities, positions, recommendations
from engine.reports.recommendations import Urgency
from tests.copilot import book
from tests.unit.reports import examples as ex
from tests.unit.reports.examples import NOW, D


def held(mark: str = "2.55", *, bounds=None, n_entries=0, called=frozenset(), **changes):
    """One SPY put spread's leg, long 2 from 2.55, stop 2.10, target 3.80, marked so."""
    low = f"{D(mark) - D('0.01'):f}"
    high = f"{D(mark) + D('0.01'):f}"
    frame = ex.frame(ex.quote(ex.SHORT_PUT, low, high))
    facts = {
        "legs": (Leg(instrument=ex.SHORT_PUT),),
        "targets": (PlannedTarget(price=D("3.80"), qty=D(2)),),
        **changes,
    }
    trade = ex.trade(**facts)
    qty = f"{trade.qty_open:f}"
    report = positions.build(
        frame,
        trades=[trade],
        positions=[ex.position(ex.SHORT_PUT, ex.lot(qty, "2.55", "1.30"))],
    )
    return recommend.Held(
        positions=report, limits=bounds, called_off=called, n_working_entries=n_entries
    )


def test_a_gain_of_one_risk_is_worth_half():
    assert list(recommend.take(held("2.90"))) == []
    (found,) = recommend.take(held("3.05"))
    assert found.action == "#SPY close 50%"
    assert found.urgency is Urgency.LATER
    (found,) = recommend.take(held("3.50"))
    assert found.urgency is Urgency.TODAY
    assert list(recommend.take(held("3.05"), D(3))) == []


def test_near_its_target_half_is_taken_whatever_the_risk():
    (found,) = recommend.take(held("3.70", risk_usd=None))
    assert "of the way to its target" in found.reason.text
    assert found.at_stake_usd == (D("3.70") - D("2.55")) * 200


def test_a_gain_that_expires_is_taken_whole():
    (found,) = recommend.take(expiring("2.80"))
    assert found.action == "#SPY close"
    assert found.urgency is Urgency.NOW


def expiring(mark: str):
    """The call that expires tomorrow."""
    frame = ex.frame(ex.quote(ex.SPY_CALL, mark, mark))
    report = positions.build(
        frame,
        trades=[ex.trade(targets=())],
        positions=[ex.position(ex.SPY_CALL, ex.lot("2", "2.55", "1.30"))],
    )
    return recommend.Held(positions=report)


def test_of_one_unit_the_stop_goes_to_the_entry_on_its_tick():
    one = {"qty_open": D(1), "qty_opened": D(1), "entry_price": D("2.553")}
    (found,) = recommend.take(held("3.60", **one))
    assert found.action == "#SPY stop 2.56"
    (found,) = recommend.take(held("3.60", **one, stop=StopPlan(price=D("3.00"))))
    assert found.action == "#SPY", "the stop is tighter already: only shown"


def test_a_symbol_that_is_held_twice_is_shown_not_closed():
    view = book.seen()
    row = view.positions.rows[0]
    action, _ = recommend.close_action(row, {"SPY": 2}, Decimal(100))
    assert action == "#SPY"


def test_a_loss_is_cut_near_its_stop_and_not_before():
    assert list(recommend.cut(held("2.30"))) == []
    (found,) = recommend.cut(held("2.15"))
    assert found.action == "#SPY close"
    assert found.urgency is Urgency.TODAY
    assert found.at_stake_usd < 0


def test_nothing_that_protects_is_pressing():
    just_now = NOW - timedelta(seconds=3)
    assert list(recommend.cut(held("2.60", is_unprotected_since=just_now))) == []
    (found,) = recommend.cut(held("2.60", is_unprotected_since=NOW - timedelta(seconds=9)))
    assert found.urgency is Urgency.NOW
    (found,) = recommend.cut(held("2.60", stop=None))
    assert "no working stop" in found.reason.text


def test_a_room_that_gave_up_is_heard():
    assert list(recommend.cut(held("2.70"))) == []
    (found,) = recommend.cut(held("2.70", called=frozenset({"T-1"})))
    assert found.urgency is Urgency.NOW
    trade = ex.trade()
    closing = ex.alert(
        parsed=Alert(signals=(ex.signal(action=Action.STC),)),
        state=AlertState.HELD,
        received_at=NOW,
    )
    assert called_off([trade], [closing]) == {"T-1"}
    done = ex.alert(
        parsed=Alert(signals=(ex.signal(action=Action.STC),)),
        state=AlertState.CLOSED,
        received_at=NOW,
    )
    assert called_off([trade], [done]) == frozenset()
    assert called_off([trade], [ex.alert(state=AlertState.HELD, received_at=NOW)]) == frozenset()


def test_a_limit_that_is_nearly_used_asks_for_the_worst_position():
    quiet = list(recommend.risk(held("2.30", bounds=book.limits_report("70"))))
    assert quiet == []
    (found,) = recommend.risk(held("2.30", bounds=book.limits_report("85")))
    assert found.action == "#SPY close"
    (found,) = recommend.risk(held("2.30", bounds=book.limits_report("100")))
    assert found.urgency is Urgency.NOW
    (found,) = recommend.risk(held("2.60", bounds=book.limits_report("85"), n_entries=2))
    assert found.action == "#cancel-all"
    assert list(recommend.risk(held("2.60", bounds=book.limits_report("85")))) == []
    assert list(recommend.risk(held("2.30"))) == []


def test_the_note_on_risk_speaks_of_halts_first():
    frame = book.frame()
    assert recommend.risk_note(None) is None
    assert recommend.risk_note(book.limits_report("10")) is None
    note = recommend.risk_note(limits.build(frame, accounts=[], halted="emergency stop by Tom"))
    assert said.sentence(note) == "Entries are halted: emergency stop by Tom. Exits keep working."
    assert recommend.risk_note(book.limits_report("90")) is not None


def test_without_quotes_every_rule_stays_silent_or_says_so():
    report = positions.build(ex.frame(), trades=book.open_trades(), positions=book.held())
    view = recommend.Held(positions=report, limits=None)
    assert list(recommend.take(view)) == []
    assert {a.symbol for a in recommend.cut(view)} == {"MES"}, "only what has no stop"


def test_the_list_is_ordered_once_per_trade_and_every_action_is_valid():
    seen = book.seen()
    rows = seen.advice.rows
    assert [r.urgency for r in rows] == sorted((r.urgency for r in rows), reverse=True)
    for row in rows:
        assert actions.read_line(row.action).text == row.action
        assert len(row.action) <= 90
        assert not row.reason.unknown
    twice = recommendations.build(seen.frame, title="x", advised=[*rows, *rows], rules=(), limit=1)
    assert twice.n_in_all == len(rows)
    assert len(twice.rows) == 1


# -- ideas ----------------------------------------------------------------------------------------


def idea_of(mark="2.52", **changes):
    """The only idea of one intent that was not sent."""
    facts = {
        "intents": [ex.intent()],
        "alerts": [ex.alert(state=AlertState.HELD)],
        "approvals": [],
        "held": [],
    }
    return next(ideas.ideas(book_frame(mark), **{**facts, **changes}), None)


def book_frame(mark: str = "2.52"):
    """The call at its alerted price."""
    return ex.frame(ex.quote(ex.SPY_CALL, mark, mark))


def test_an_alert_that_was_not_taken_is_an_idea_until_it_is_or_is_gone():
    assert idea_of() is not None
    assert idea_of(held=["T-1"]) is None
    for state in (AlertState.FILLED, AlertState.WITHDRAWN, AlertState.CLOSED):
        assert idea_of(alerts=[ex.alert(state=state)]) is None
    assert idea_of(alerts=[]) is None
    old = ex.intent(created_at=NOW - timedelta(days=2))
    assert idea_of(intents=[old]) is None


def test_what_several_accounts_may_do_is_one_idea_and_its_question_the_one_that_waits():
    here = ex.intent()
    there = ex.intent(intent_id="A-1/1-far", trade_id="T-far", account="far")
    waits = ex.approval(intent_id=there.intent_id)
    found = list(
        ideas.ideas(
            book_frame(),
            intents=[here, there],
            alerts=[ex.alert(state=AlertState.HELD)],
            approvals=[waits],
            held=[],
        )
    )
    assert [i.approval_id for i in found] == [waits.approval_id]


def test_its_score_falls_with_refusals_price_and_age():
    best = idea_of().score
    no = Verdict(check="daily_loss", is_ok=False, code="x", detail="reached")
    refused = idea_of(intents=[ex.intent(verdicts=(*ex.intent().verdicts, no))])
    assert refused.score < best
    assert refused.failed == ("reached",)
    worse = idea_of("3.20")
    assert worse.score < best
    aged = idea_of(intents=[ex.intent(created_at=NOW - timedelta(hours=20))])
    assert aged.score < best
    assert 0 <= refused.score <= 100


def test_one_that_waits_becomes_advice_and_never_approves_by_itself():
    waiting = idea_of(approvals=[ex.approval()])
    found = ideas.advice(waiting)
    assert found.action == "#approve P-1-0"
    assert actions.read_line(found.action)
    assert ideas.advice(idea_of()) is None
    report = opportunities.build(book_frame(), ideas=[waiting], rules=(), min_score=101)
    assert report.rows == ()
    assert report.n_in_all == 1


# -- what became of it ----------------------------------------------------------------------------


def filed(advice):
    """As it stands in the books."""
    document = filing.recommendation(advice, said.plain, at=NOW, user_id=7)
    return document, filing.read(document)


def test_advice_is_filed_under_its_day_and_scored_by_price():
    (advice,) = recommend.take(held("3.05"))
    document, body = filed(advice)
    assert document.document_id == filing.recommendation_id(advice, NOW + timedelta(hours=5))
    assert document.document_id != filing.recommendation_id(advice, NOW + timedelta(days=1))
    trade = ex.trade(legs=(Leg(instrument=ex.SHORT_PUT),))
    later = NOW + timedelta(days=1)
    frame = ex.frame(ex.quote(ex.SHORT_PUT, "2.74", "2.75"))
    found = score.outcome(body, NOW, later, trade, frame.unit(trade.legs))
    assert found["followed"] is False
    assert found["helped"] is True, "it fell after it should have been taken"
    assert found["moved_pct"] == "-10.00"
    closed = ex.closed(1, "50", closed_at=later)
    assert score.outcome(body, NOW, later, closed, None)["followed"] is True
    assert score.outcome(body, NOW, later, trade, None) is None, "no price yet: later"


def test_advice_without_a_price_is_scored_without_one():
    (advice,) = recommend.risk(held("2.60", bounds=book.limits_report("85"), n_entries=1))
    _, body = filed(advice)
    found = score.outcome(body, NOW, NOW + timedelta(days=1), None, None)
    assert found["helped"] is None
    assert found["followed"] is None


@pytest.mark.parametrize("text", ["n/a (no quote)", "", "NaN", "x", None])
def test_what_was_no_figure_stays_none(text):
    assert filing.number(text) is None


def test_a_fall_of_spy_is_a_fall_of_the_market_and_one_of_a_stock_is_its_own() -> None:
    assert event_of(book.asked("what if SPY falls 5%?")).symbol == ""
    assert event_of(book.asked("what if AAPL falls 5%?")).symbol == "AAPL"
