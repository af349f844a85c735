"""What people read of routes, orders, brokers and the quality of quotes."""

from dataclasses import replace
from datetime import timedelta

from bot import text
from bot.cards import brokers, orders, routes
from engine.domain.order import OrderState, Purpose
from engine.domain.source import RouteRule
from engine.domain.trade import Account
from engine.reports import brokers as broker_report
from engine.reports import orders as order_report
from engine.reports import routes as routes_report
from tests.unit.reports import examples as ex
from tests.unit.reports.examples import NOW, D


def plain(words: str | None) -> str:
    return (words or "").replace(text.NBSP, " ")


def test_routes_of_one_asset_class_are_the_rules_that_it_meets_and_no_others():
    rules = (
        RouteRule(assets=frozenset({"option"}), accounts=("second",)),
        RouteRule(author_ids=frozenset({4711}), accounts=("main",)),
    )

    def shown(asset):
        report = routes_report.build(
            ex.frame(),
            running=rules,
            configured=(),
            accounts={"main": "alpaca", "second": "tastytrade"},
            rooms={},
            asset=asset,
        )
        embed = routes.show(report)
        return plain(embed.title), plain(embed.description)

    title, body = shown("stock")
    assert title == "Stocks go by 1 rule, the first that fits"
    assert "everything by" in body
    assert "option" not in body
    assert "Only what decides about that" in body
    assert shown("option")[0] == "Options go by 2 rules, the first that fits"
    assert "Only what decides" not in shown("")[1]


def order_card(order, at=NOW):
    frame = replace(ex.frame(), now=at)
    row = order_report.row(order, frame, (1, 3, 10, 30))
    return plain(orders.one(row, frame.stamp("A-1")).description)


def test_an_order_says_its_average_price_and_of_a_repeat_which_one_it_is():
    part = ex.order(state=OrderState.PARTIAL, leg_filled=(D(1),), avg_price=D("2.54"))
    assert "filled 1 of 2 at 2.54 on average" in order_card(part)
    assert "Attempt" not in order_card(part)
    assert "filled 1 of 2 at n/a (its executions" in order_card(replace(part, avg_price=None))
    again = replace(part, attempt=1, leg_filled=())
    assert "**Attempt** 2" in order_card(again)
    assert "average" not in order_card(again)


def test_an_order_in_doubt_says_when_it_is_looked_up_and_when_a_person_is_called():
    order = ex.order(state=OrderState.UNKNOWN, leg_filled=(), updated_at=NOW)
    soon = order_card(order, NOW + timedelta(seconds=2))
    assert f"looked up again {text.ago(NOW + timedelta(seconds=3))}" in soon
    assert f"a person is called {text.ago(NOW + timedelta(seconds=30))}" in soon
    late = order_card(order, NOW + timedelta(seconds=31))
    assert "a person decides: /order resolve" in late
    assert "Next" not in order_card(replace(order, state=OrderState.ACCEPTED))


def test_a_reason_that_only_repeats_the_purpose_is_left_out():
    stop = ex.order(purpose=Purpose.STOP, reason="stop")
    assert "Why" not in order_card(stop)
    assert "**Why** margin" in order_card(replace(stop, reason="margin"))


def test_a_broker_says_whether_the_login_holds_and_that_it_tells_no_limit():
    link = broker_report.Connection(
        name="alpaca", is_paper=True, has_stream=True, gate="", off="", problem=""
    )
    calls = broker_report.Api(
        provider="alpaca",
        n_calls=3,
        per_min=3,
        n_limited=0,
        n_failed=0,
        limit=None,
        remaining=None,
        last_ms=None,
    )

    def shown(knows_us):
        report = broker_report.build(
            ex.frame(),
            connections=[link],
            accounts=[Account(name="main", broker="alpaca")],
            orders=(),
            money={"main": broker_report.unasked("main", "no", knows_us=knows_us)},
            apis={"alpaca": calls},
        )
        return plain(brokers.one(report).description)

    assert "✓ login holds" in shown(True)
    assert "✗ login refused" in shown(False)
    assert "login n/a (it did not say)" in shown(None)
    assert "limit left n/a (it tells none)" in shown(True)


def test_what_works_at_a_broker_is_listed_before_what_waits_for_a_person():
    works = ex.order(order_id="W", state=OrderState.ACCEPTED)
    asks = ex.order(
        order_id="P", state=OrderState.PENDING_APPROVAL, updated_at=NOW + timedelta(hours=1)
    )
    report = order_report.build(ex.frame(), orders=[works, asks], limit=1)
    assert [row.order_id for row in report.rows] == ["W"]
