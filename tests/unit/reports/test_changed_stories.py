"""Alerts that were edited, rewritten, halved, or are about another alert's trade."""

import pytest

from engine.domain.desk import AlertState, ApprovalState
from engine.domain.order import OrderState
from engine.domain.trade import TradeState
from engine.reports import alert_card, approval_card
from tests.unit.reports.examples import (
    D,
    alert,
    approval,
    frame,
    intent,
    order,
    several_accounts,
    trade,
)

EDITED = alert(text="BTO SPY 604C @ 2.10", earlier_texts=("BTO SPY 603C 1/31 @ 2.50",))


def newer(number: int = 1):
    return intent(intent_id=f"A-1/0e{number}", trade_id=f"T-1e{number}", limit=D("2.15"))


def test_an_edited_alert_shows_the_order_of_its_newest_text_alone():
    void = order(state=OrderState.VOID, leg_filled=(), reason="its message was edited")
    card = alert_card.build(
        alert(state=AlertState.HELD),
        frame(),
        intents=[intent(), newer()],
        orders=[void],
        approvals=[approval(state=ApprovalState.WITHDRAWN), approval(approval_id="P-1-0e1")],
    )
    assert [one.limit for one in card.leanings] == [D("2.15")]
    steps = {step.name: step for step in card.steps}
    assert steps["risk"].text == "3 of 3 passed"
    assert steps["order"].state == "ahead"


def test_what_was_filled_before_an_edit_stays_on_the_card():
    card = alert_card.build(
        alert(), frame(), intents=[intent(), newer()], trades=[trade(alert_id="A-1")]
    )
    assert len(card.leanings) == 2


def test_an_order_changed_by_hand_takes_the_place_of_the_one_before():
    changed = intent(intent_id="A-1/0r1", qty=D(1))
    card = alert_card.build(alert(), frame(), intents=[intent(), changed])
    assert [one.words for one in card.leanings] == ["Buy to open 1 contract SPY 603C 1/31"]


def test_a_person_who_wrote_it_anew_is_named_and_the_author_edited_nothing():
    fixed = approval(kind="fix", state=ApprovalState.APPROVED, decided_by=42)
    card = alert_card.build(EDITED, frame(), approvals=[fixed])
    assert (card.rewritten_by, card.n_edits) == (42, 0)
    assert alert_card.build(EDITED, frame()).n_edits == 1


def test_half_an_order_is_shown_as_half():
    half = order(qty=D(1))
    card = alert_card.build(alert(), frame(), intents=[intent()], orders=[half])
    assert card.leanings[0].words == "Buy to open 1 contract SPY 603C 1/31"
    ticket = approval_card.build(approval(), frame(), intent=intent(), order=half).ticket
    assert ticket is not None
    assert (ticket.qty, ticket.value_usd, ticket.risk_usd) == (D(1), D(255), D(45))
    assert sum(target.qty for target in ticket.targets) == D(1)
    assert ticket.sizing.startswith("1 of 1% of")


def test_an_alert_about_another_alerts_trade_says_what_it_did_and_nothing_of_its_entry():
    closing = alert(alert_id="A-2", state=AlertState.MANAGED, reason="closing 1 of 2 × SPY")
    card = alert_card.build(closing, frame(), trades=[trade(alert_id="A-1")])
    assert [(step.name, step.state.value) for step in card.steps] == [
        ("parsed", "done"),
        ("applied", "done"),
    ]


@pytest.mark.parametrize(
    ("approval_id", "text"),
    [
        ("P-2HEQ-0", "BTO SPY 603C 1/31 @ 2.50"),
        ("P-2HEQ-0f", "BTO SPY 603C 1/31 @ 2.50"),
        ("P-2HEQ-0e1", "BTO SPY 604C @ 2.10"),
        ("P-2HEQ-1w1", "BTO SPY 604C @ 2.10"),
        ("P-2HEQ-0e7", "BTO SPY 604C @ 2.10"),
    ],
)
def test_a_question_keeps_the_words_it_was_asked_about(approval_id: str, text: str):
    asked = approval(approval_id=approval_id)
    assert approval_card.build(asked, frame(), alert=EDITED).raw_text == text


def test_an_alert_to_several_accounts_says_what_became_of_it_in_each():
    several = several_accounts()
    card = alert_card.build(several.pop("record"), frame(), **several)
    found = {one.account: one for one in card.accounts}
    assert [one.state for one in card.accounts] == [
        TradeState.OPEN,
        TradeState.PENDING,
        None,
        TradeState.CLOSED,
    ]
    assert (found["main"].qty, found["main"].price) == (2, D("2.55"))
    assert found["prop_ny"].qty is None
    assert "loss limit" in found["prop_ny"].said
    assert found["kids"].realised_usd == D("-48.70")
    assert not alert_card.build(alert(), frame()).accounts


def test_two_trades_of_one_alert_in_an_account_say_both_verdicts():
    twice = alert(by_account=(("main", "sent"), ("roth", "sent"), ("main", "too many positions")))
    card = alert_card.build(twice, frame())
    assert {one.account: one.said for one in card.accounts} == {
        "main": "sent; too many positions",
        "roth": "sent",
    }
