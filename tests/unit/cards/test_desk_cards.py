"""What people read of routes, orders, brokers and the quality of quotes."""

from bot import text
from bot.cards import routes
from engine.domain.source import RouteRule
from engine.reports import routes as routes_report
from tests.unit.reports import examples as ex


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
