"""People read words: no state's own name, no underscore and no internal reason reaches a card."""

import re
from collections.abc import Iterator
from pathlib import Path

import discord
import pytest

from bot.cards import alert_card, alerts, approval_card, approvals, orders, trade_card, trades
from engine.domain import words
from engine.domain.desk import AlertState, ApprovalState
from engine.domain.order import OrderState, OrderType
from engine.domain.trade import TradeState
from engine.reports import alert_card as alert_report
from engine.reports import alerts as alerts_report
from engine.reports import approval_card as approval_report
from engine.reports import approvals as approvals_report
from engine.reports import orders as orders_report
from engine.reports import trade_card as trade_report
from engine.reports import trades as trades_report
from tests.discord.machine_words import found_in
from tests.unit.reports import examples as ex

HOUSE = Path(__file__).parents[2]
SPEAKING = ("bot/cards", "bot/panel", "bot/notify", "bot/actions", "cogs", "engine/copilot")
"""Folders whose every text is read by people."""
_RAW = re.compile(r"\bstate(\.value|\.name)?\.(lower|title|capitalize)\(\)|\.state\.(value|name)\b")


def text_of(embed: discord.Embed) -> str:
    fields = [f"{f.name} {f.value}" for f in embed.fields]
    return " ".join([embed.title or "", embed.description or "", *fields])


def shown() -> Iterator[tuple[str, discord.Embed]]:
    at = ex.frame(ex.quote(ex.SPY_CALL, "2.60", "2.64"))
    held = [ex.position(ex.SPY_CALL, ex.lot("2", "2.55", "1.30"))]
    for state in AlertState:
        record = ex.alert(state=state)
        built = alert_report.build(record, at, intents=[ex.intent()], orders=[ex.order()])
        yield f"alert {state}", alert_card.show(built)
        yield f"alerts {state}", alerts.show(alerts_report.build(at, alerts=[record]))
    for state in OrderState:
        order = ex.order(state=state, type=OrderType.STOP_LIMIT)
        yield f"orders {state}", orders.show(orders_report.build(at, orders=[order]))
        yield f"order {state}", orders.one(orders_report.row(order, at), at.stamp("order"))
        trade = trade_report.build(ex.trade(), at, positions=held, orders=[order])
        yield f"working {state}", trade_card.show(trade)
        story = alert_report.build(ex.alert(), at, intents=[ex.intent()], orders=[order])
        yield f"story {state}", alert_card.show(story)
    for state in ApprovalState:
        one = ex.approval(state=state)
        yield f"approval {state}", approval_card.show(approval_report.build(one, at))
        listed = approvals_report.build(at, approvals=[one], intents={}, days=7)
        yield f"approvals {state}", approvals.history(listed)
    for state in TradeState:
        trade = ex.trade(state=state, close_reason="close all", closed_at=ex.NOW)
        yield f"trade {state}", trade_card.show(trade_report.build(trade, at, positions=held))
        yield f"trades {state}", trades.show(trades_report.build(at, trades=[trade]))


@pytest.mark.parametrize(
    ("what", "embed"), list(shown()), ids=lambda x: x if type(x) is str else ""
)
def test_no_card_shows_a_state_by_its_own_name(what, embed):
    assert not found_in(text_of(embed)), what


def test_every_state_has_words():
    for table, kind in (
        (words.ALERT, AlertState),
        (words.ORDER, OrderState),
        (words.APPROVAL, ApprovalState),
        (words.TRADE, TradeState),
    ):
        assert set(table) == set(kind)
        assert not any(found_in(said) for said in table.values())


def test_what_people_read_takes_the_words_of_states_from_one_place():
    for folder in SPEAKING:
        for path in (HOUSE / folder).rglob("*.py"):
            hits = _RAW.findall(path.read_text(encoding="utf-8"))
            assert not hits, f"{path.relative_to(HOUSE)} makes words of a state's name"
