"""What tastytrade says, read strictly where it matters and tolerantly elsewhere."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.brokers.tastytrade import fills, translate
from engine.brokers.tastytrade.symbols import Foreign
from engine.brokers.tastytrade.translate import Unreadable
from engine.domain.instrument import option, stock
from engine.domain.order import OrderType, Side

D = Decimal
NOW = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
TODAY = NOW.date()
FIXTURES = Path(__file__).parents[4].parent / "shared/data/fixtures/tastytrade"


def raw(**more: Any) -> dict[str, Any]:
    """A working order of 10 shares, as the broker lists it."""
    leg = {
        "instrument-type": "Equity",
        "symbol": "AAPL",
        "action": "Buy to Open",
        "quantity": 10,
        "remaining-quantity": 10,
        "fills": [],
    }
    leg |= {key[4:]: more.pop(key) for key in [*more] if key.startswith("leg-")}
    return {
        "id": 54758826,
        "account-number": "5WT00001",
        "external-identifier": "TS000000000000000001",
        "status": "Live",
        "order-type": "Limit",
        "price": "150.5",
        "price-effect": "Debit",
        "updated-at": "2026-11-18T14:59:00.123+00:00",
        "legs": [leg],
        **more,
    }


def fill(n: int, qty: int, **more: Any) -> dict[str, Any]:
    return {
        "fill-id": f"1_{n}",
        "ext-exec-id": f"E{n}",
        "quantity": qty,
        "fill-price": "150.25",
        "filled-at": "2026-11-18T14:59:30.000+00:00",
        **more,
    }


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Received", "accepted"),
        ("Routed", "accepted"),
        ("In Flight", "accepted"),
        ("Live", "accepted"),
        ("Contingent", "accepted"),
        ("Cancel Requested", "accepted"),
        ("Replace Requested", "accepted"),
        ("Filled", "filled"),
        ("Cancelled", "canceled"),
        ("Removed", "canceled"),
        ("Expired", "expired"),
        ("Rejected", "rejected"),
        ("Quarantined", "unknown"),
        ("", "unknown"),
    ],
)
def test_every_status_has_a_state_and_a_new_one_is_unknown(status: str, state: str) -> None:
    order = translate.order_of(raw(status=status), "main", NOW)
    assert (order.state, order.raw_state) == (state, status)


def test_a_partly_filled_order_is_partial_though_the_broker_has_no_word_for_it() -> None:
    order = translate.order_of(raw(**{"leg-remaining-quantity": 7}), "main", NOW)
    assert (order.state, order.filled, order.qty) == ("partial", D(3), D(10))


def test_whatever_says_more_filled_counts_while_an_order_lives() -> None:
    listed = raw(**{"leg-fills": [fill(1, 4)], "leg-remaining-quantity": 10})
    assert translate.order_of(listed, "main", NOW).filled == 4
    counted = raw(**{"leg-fills": [fill(1, 4)], "leg-remaining-quantity": 5})
    assert translate.order_of(counted, "main", NOW).filled == 5


@pytest.mark.parametrize("status", ["Rejected", "Received"])
def test_nothing_left_of_a_refused_order_is_no_fill(status: str) -> None:
    """A replacement that is dropped may be answered as received."""
    gone = raw(status=status, **{"leg-remaining-quantity": 0})
    assert translate.order_of(gone, "main", NOW).filled == 0


def test_a_cancelled_order_that_was_replaced_says_so() -> None:
    order = translate.order_of(raw(status="Cancelled", **{"replacing-order-id": 9}), "main", NOW)
    assert order.state == "replaced"


def test_what_the_orders_before_it_filled_counts_for_a_replacement() -> None:
    order = translate.order_of(raw(**{"leg-remaining-quantity": 8}), "main", NOW, D(5))
    assert (order.qty, order.filled, order.state) == (D(15), D(7), "partial")


def test_a_spread_is_bought_when_paid_for_and_sold_when_received() -> None:
    legs = [
        {
            "instrument-type": "Equity Option",
            "symbol": f"SPY   261218C00{strike}000",
            "action": action,
            "quantity": size,
            "remaining-quantity": size,
        }
        for strike, action, size in ((600, "Sell to Open", 2), (610, "Buy to Open", 4))
    ]
    order = translate.order_of(raw(legs=legs, **{"price-effect": "Credit"}), "main", NOW)
    assert (order.side, order.qty, order.limit) == (Side.SELL, D(2), D("150.5"))
    assert [leg.ratio for leg in order.legs] == [1, -2]
    order = translate.order_of(raw(legs=legs), "main", NOW)
    assert (order.side, [leg.ratio for leg in order.legs]) == (Side.BUY, [-1, 2])


def test_an_order_of_somebody_else_has_no_client_id() -> None:
    for name in (None, "", "my-own-tag", "ts000000000000000001"):
        assert (
            translate.order_of(raw(**{"external-identifier": name}), "main", NOW).client_order_id
            == ""
        )


def test_times_come_as_text_and_as_milliseconds() -> None:
    at = datetime(2023, 7, 5, 22, 23, 15, 105000, tzinfo=UTC)
    assert translate.moment(1688595795105) == at
    assert translate.moment("1688595795105") == at
    assert translate.moment("2023-07-05T22:23:15.105Z") == at
    assert translate.moment("2023-07-05T18:23:15.105-04:00") == at
    for nonsense in (None, "", "yesterday", True, {}, "9" * 30, "²"):
        assert translate.moment(nonsense) is None


def test_figures_are_exact_and_nonsense_is_no_figure() -> None:
    assert translate.number("150.10") == D("150.10")
    assert translate.number(3) == 3
    shown = [f"{translate.number(text):f}" for text in ("200.0", "1.0", "1E+3", "2.10", "0.000")]
    assert shown == ["200", "1", "1000", "2.10", "0"], "a card says how many, without tenths"
    for nonsense in (None, "", "NaN", "Infinity", "a lot", True, [], {}):
        assert translate.number(nonsense) is None


@pytest.mark.parametrize("lacks", ["id", "legs"])
def test_an_order_without_what_every_order_has_is_unreadable(lacks: str) -> None:
    body = raw()
    del body[lacks]
    with pytest.raises(Unreadable):
        translate.order_of(body, "main", NOW)


def test_unknown_fields_are_none_of_our_business() -> None:
    body = raw(**{"moon-phase": "full", "leg-colour": ["blue"]})
    assert translate.order_of(body, "main", NOW) == translate.order_of(raw(), "main", NOW)


def position(**more: Any) -> dict[str, Any]:
    return {
        "symbol": "SPY   261218P00600000",
        "instrument-type": "Equity Option",
        "quantity": "3",
        "quantity-direction": "Short",
        "average-open-price": "4.5",
        "multiplier": 100,
        **more,
    }


def test_a_short_position_is_negative() -> None:
    held = translate.position_of(position(), "main", TODAY)
    assert held is not None
    assert (held.qty, held.avg_price) == (D(-3), D("4.5"))
    assert held.instrument == option("SPY", date(2026, 12, 18), D(600), "P")


def test_a_position_that_is_zero_is_none() -> None:
    assert translate.position_of(position(quantity=0), "main", TODAY) is None
    assert translate.position_of(position(**{"quantity-direction": "Zero"}), "main", TODAY) is None


def test_an_adjusted_contract_is_foreign_and_a_strange_direction_unreadable() -> None:
    with pytest.raises(Foreign):
        translate.position_of(position(multiplier=150), "main", TODAY)
    with pytest.raises(Unreadable):
        translate.position_of(position(**{"quantity-direction": "Up"}), "main", TODAY)
    with pytest.raises(Unreadable):
        translate.position_of(position(quantity=None), "main", TODAY)


def test_money_that_is_not_said_is_none_and_never_zero() -> None:
    said = translate.balance_of({"equity-buying-power": "10.00"}, "main", NOW)
    assert (said.cash_usd, said.equity_usd, said.buying_power_usd) == (None, None, D("10.00"))
    status = {"day-trade-count": 2, "is-frozen": False, "is-closed": None, "id": 7}
    said = translate.balance_of({"cash-balance": ""}, "main", NOW, status)
    assert said.cash_usd is None
    assert dict(said.facts) == {"day trades": "2", "frozen": "no"}


def test_a_refusal_names_the_first_inner_reason() -> None:
    body = {
        "error": {
            "code": "preflight_check_failure",
            "message": "One or more preflight checks failed",
            "errors": [{"code": "margin_check_failed", "message": "Not enough buying power"}],
        }
    }
    assert translate.refusal(body) == ("margin_check_failed", "Not enough buying power")
    assert translate.refusal(
        {
            "error": {
                "code": "validation_error",
                "errors": [{"domain": "legs", "reason": "is missing"}],
            }
        }
    ) == ("legs", "is missing")
    assert translate.refusal({"error": {"code": "not_permitted"}}) == ("not_permitted", "refused")
    for nothing in (None, {}, [], {"error": "no"}, {"error": {}}, {"errors": []}):
        assert translate.refusal(nothing) is None


# -- executions -------------------------------------------------------------------------------


def test_fills_are_named_by_order_leg_and_fill() -> None:
    body = raw(**{"leg-fills": [fill(1, 4), fill(2, 6)]})
    found = fills.order_fills(body, "main", TODAY, expected=D("0.01"))
    assert [f.execution_id for f in found] == ["TT261118-54758826-0-1_1", "TT261118-54758826-0-1_2"]
    assert [f.fee_usd for f in found] == [D("0.04"), D("0.06")]
    assert found[0].price == D("150.25")
    assert found[0].side is Side.BUY
    assert found[0].instrument == stock("AAPL")


def transaction(**more: Any) -> dict[str, Any]:
    return {
        "id": 252640963,
        "transaction-type": "Trade",
        "transaction-sub-type": "Buy to Open",
        "order-id": 54758826,
        "ext-exec-id": "E1",
        "commission": "5.00",
        "commission-effect": "Debit",
        "clearing-fees": "1.00",
        "clearing-fees-effect": "Debit",
        "regulatory-fees": "0.5",
        "regulatory-fees-effect": "Credit",
        "executed-at": "2026-11-18T21:00:00.000+00:00",
        **more,
    }


def test_what_was_really_paid_outweighs_what_was_expected() -> None:
    paid = fills.fees_in([transaction()])
    body = raw(**{"leg-fills": [fill(1, 4), fill(2, 6)]})
    found = fills.order_fills(body, "main", TODAY, expected=D("0.01"), fees=paid)
    assert [f.fee_usd for f in found] == [D("5.50"), D("0.06")]


def test_an_id_that_two_transactions_share_tells_nothing() -> None:
    both = [
        transaction(**{"ext-group-fill-id": "G", "ext-exec-id": "E1"}),
        transaction(**{"ext-group-fill-id": "G", "ext-exec-id": "E2", "commission": "1"}),
    ]
    paid = fills.fees_in(both)
    assert paid.of("54758826", {"ext-exec-id": "E2"}) == D("1.50")
    assert paid.of("54758826", {"ext-group-fill-id": "G"}) is None
    assert paid.of("1", {"ext-exec-id": "E2"}) is None


@pytest.mark.parametrize(
    "lacks", ["fill-id and ext-exec-id", "quantity", "fill-price", "filled-at"]
)
def test_a_fill_without_what_every_fill_has_is_unreadable(lacks: str) -> None:
    body = raw(**{"leg-fills": [fill(1, 4, **dict.fromkeys(lacks.split(" and ")))]})
    with pytest.raises(Unreadable):
        fills.order_fills(body, "main", TODAY)


def test_an_execution_that_a_transaction_takes_back_is_busted() -> None:
    body = raw(**{"leg-fills": [fill(1, 4), fill(2, 6)]})
    booked = fills.order_fills(body, "main", TODAY)
    rows = [
        transaction(id=1, **{"ext-exec-id": "E1"}),
        transaction(id=2, **{"ext-exec-id": "E2"}),
        transaction(id=3, **{"transaction-sub-type": "Reversal", "reverses-id": 2}),
    ]
    (bust,) = fills.busts(rows, {"54758826": body}, booked)
    assert (bust.kind, bust.of) == ("bust", booked[1].execution_id)
    assert bust.execution_id not in {f.execution_id for f in booked}
    assert fills.busts(rows[:2], {"54758826": body}, booked) == []


def test_a_fee_that_was_told_wrong_is_corrected_and_a_cent_is_not() -> None:
    (paid,) = fills.order_fills(
        raw(**{"leg-fills": [fill(1, 4)]}), "main", TODAY, expected=D("0.5")
    )
    assert fills.fee_corrections(paid, None) == [paid]
    assert fills.fee_corrections(paid, D("1.99")) == [paid]
    stranger = replace(paid, client_order_id="")
    assert fills.fee_corrections(stranger, D("1.50")) == [stranger]
    first, right = fills.fee_corrections(paid, D("1.50"))
    assert (first.execution_id, first.fee_usd, first.kind) == (paid.execution_id, D("1.50"), "fill")
    assert (right.kind, right.of, right.fee_usd) == ("correct", paid.execution_id, D("2.0000"))
    assert right.execution_id != paid.execution_id


def end(sub: str, **more: Any) -> dict[str, Any]:
    return {
        "id": 77,
        "transaction-type": "Receive Deliver",
        "transaction-sub-type": sub,
        "symbol": "SPY   261118C00600000",
        "instrument-type": "Equity Option",
        "underlying-symbol": "SPY",
        "quantity": "2",
        "executed-at": "2026-11-18T21:00:00.000+00:00",
        "value": "0.0",
        **more,
    }


def test_an_expiry_closes_at_nothing() -> None:
    found = fills.end_of(end("Expiration"), "main", TODAY, frozenset())
    assert found is not None
    assert (found.kind, found.price, found.qty, found.side) == ("expiry", D(0), D(2), Side.SELL)
    assert found.client_order_id == ""


@pytest.mark.parametrize(
    ("more", "side"),
    [({"action": "Buy to Close"}, Side.BUY), ({"action": None}, Side.SELL), ({}, Side.SELL)],
)
def test_what_an_end_does_to_the_holding_is_as_it_is_said(more: dict[str, Any], side: Side) -> None:
    found = fills.end_of(end("Expiration", **more), "main", TODAY, frozenset())
    assert found is not None
    assert found.side is side


def test_an_assignment_buys_the_option_back_and_delivers_shares_at_the_strike() -> None:
    shares = end(
        "Sell to Open",
        **{"symbol": "SPY", "instrument-type": "Equity", "quantity": "200", "price": "600"},
    )
    rows = [end("Assignment"), {**shares, "id": 78}]
    settled = fills.settled_underlyings(rows)
    option_end, delivery = (fills.end_of(row, "main", TODAY, settled) for row in rows)
    assert option_end is not None
    assert delivery is not None
    assert (option_end.kind, option_end.side, option_end.price) == ("exercise", Side.BUY, D(0))
    assert (delivery.kind, delivery.side, delivery.price, delivery.qty) == (
        "exercise",
        Side.SELL,
        D(600),
        D(200),
    )
    assert fills.end_of(rows[1], "main", TODAY, frozenset()) is None  # a transfer, say


def test_an_index_option_is_settled_at_its_worth() -> None:
    row = end("Cash Settled Exercise", symbol="SPXW  261118C06000000", value="2500.0")
    found = fills.end_of(row, "main", TODAY, frozenset())
    assert found is not None
    assert found.price == D("12.5")


def test_a_trade_or_a_deposit_is_no_end() -> None:
    for row in (transaction(), {"transaction-type": "Money Movement", "id": 1}):
        assert fills.end_of(row, "main", TODAY, frozenset()) is None


def test_the_broker_says_what_it_expects_to_take() -> None:
    said = {
        "order": raw(),
        "fee-calculation": {"total-fees": "1.30", "total-fees-effect": "Debit"},
    }
    assert fills.per_contract(said) == D("0.13")
    assert fills.per_contract({"order": raw()}) is None
    assert fills.per_contract({**said, "order": {"id": 1}}) is None


# -- sample bodies of others ------------------------------------------------------------------


@pytest.mark.skipif(not FIXTURES.exists(), reason="the shared samples are not on this machine")
def test_sample_bodies_of_others_are_read_or_refused_and_never_half_read() -> None:
    groups = json.loads((FIXTURES / "sdk_mock_bodies.json").read_text())
    n_read = 0
    for name, samples in groups.items():
        for sample in samples:
            n_read += _read(name, sample["json"])
    assert n_read >= 15


def _read(group: str, body: Any) -> int:
    """1 when something came of it."""
    if group == "account_balance":
        return int(translate.balance_of(body, "main", NOW).buying_power_usd is not None)
    if group == "current_position":
        try:
            return int(translate.position_of(body, "main", TODAY) is not None)
        except (Unreadable, Foreign):
            return 0
    if group in ("live_order_json", "live_order", "order_response") and "legs" in body:
        order = translate.order_of(body, "main", NOW)
        assert order.type is OrderType.LIMIT
        fills.order_fills(body, "main", TODAY)
        return 1
    if group in ("cli_status", "trading_status"):
        said = translate.balance_of({}, "main", NOW, body)
        return int(said.facts["options level"] == "Level 2")
    if group == "transaction":
        rows = body.get("data", {}).get("items", [body])
        assert fills.order_ids(rows) == {"12345"}
        return 1
    return 0
