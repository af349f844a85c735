"""What /performance compare: means, and figures of each side against sums by hand."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from bot.cards import sides as card
from bot.reading.sides import beside, offered
from engine.domain.errors import UserError
from engine.domain.trade import LedgerEntry, Trade
from engine.reports import Missing
from tests.unit.reports.examples import NOW, D, book, frame

RHEA, MIKE = 7, 8


class Store:
    def __init__(self, trades, entries):
        self.kept = {Trade: trades, LedgerEntry: entries}

    async def find(self, kind, **_):
        return self.kept.get(kind, [])


def desk():
    """Two rooms with an author each; days ago, result, class, room, author, broker."""
    rows = (
        (0, "100", "option", "options", RHEA, "paper"),
        (3, "-40", "spread", "options", RHEA, "paper"),
        (0, "-30", "stock", "stocks", MIKE, "alpaca"),
        (9, "25", "stock", "stocks", MIKE, "alpaca"),
        (40, "-5", "future", "futures", None, "paper"),
    )
    trades, entries, account = book([row[1] for row in rows])
    made, booked = [], []
    for trade, entry, (ago, _, asset, room, author, broker) in zip(
        trades, entries, rows, strict=True
    ):
        at = NOW - timedelta(days=ago)
        more = {"asset": asset, "source": room, "author_id": author, "broker": broker}
        made.append(replace(trade, closed_at=at, **more))
        booked.append(replace(entry, booked_at=at))
    far = replace(account, name="far", broker="alpaca", deposits_usd=D(500), realised_usd=D(-5))
    near = replace(account, realised_usd=D(55))
    alerts = {
        "1": SimpleNamespace(author_id=RHEA, author_name="Rhea"),
        "2": SimpleNamespace(author_id=MIKE, author_name="Mike"),
        "3": SimpleNamespace(author_id=99, author_name="Nobody we followed"),
    }
    return SimpleNamespace(
        book=SimpleNamespace(
            accounts={"main": near, "far": far},
            positions={},
            alerts=alerts,
            intake={},
            round_trips={t.trade_id: t for t in made},
            open_trades=list,
        ),
        store=Store(made, booked),
        settings=SimpleNamespace(sectors={}),
        brokers={"paper": None, "alpaca": None, "schwab": None},
    )


async def ask(compare, period="1m", **more):
    return await beside(desk(), frame(), period, compare=compare, **more)


async def test_every_kind_is_told_apart_by_the_cent():
    for compare, expected in (
        ("strategy", {"options": "60", "stocks": "-5"}),
        ("by author", {"Rhea": "60", "Mike": "-5"}),
        ("Broker", {"paper": "60", "alpaca": "-5"}),
        ("asset", {"options": "60", "equity": "-5"}),
        (
            "period",
            {
                "1 day": "70",
                "1 week": "30",
                "1 month": "55",
                "3 months": "50",
                "this year": "55",
                "since the start": "50",
            },
        ),
    ):
        found = await ask(compare)
        assert not found.is_pair
        made = {s.name: s.made.realised_usd for s in found.sides}
        assert made == {name: D(usd) for name, usd in expected.items()}, compare


@pytest.mark.parametrize(
    ("compare", "names", "results"),
    [
        ("stocks", ("all classes", "equity"), ("55", "-5")),
        ("Options", ("all classes", "options"), ("55", "60")),
        ("strategy: stocks", ("all rooms", "stocks"), ("55", "-5")),
        ("mike", ("all authors", "Mike"), ("55", "-5")),
        ("author:Rhea", ("all authors", "Rhea"), ("55", "60")),
        ("alpaca", ("all brokers", "alpaca"), ("55", "-5")),
        ("1w", ("1 month", "1 week"), ("55", "30")),
        ("before", ("1 month", "the month before"), ("55", "-5")),
    ],
)
async def test_one_is_compared_with_all(compare, names, results):
    found = await ask(compare)
    assert found.is_pair
    assert tuple(s.name for s in found.sides) == names
    assert [s.made.realised_usd for s in found.sides] == [D(r) for r in results]
    assert found.first_more_usd == D(results[0]) - D(results[1])
    assert card.show(found).description


async def test_what_was_named_is_compared_with_another_of_its_kind():
    found = await ask("stocks", asset="options")
    assert [s.name for s in found.sides] == ["options", "equity"]
    rooms = await ask("strategy: stocks", strategy="options")
    assert [(s.name, s.made.realised_usd) for s in rooms.sides] == [
        ("options", D(60)),
        ("stocks", D(-5)),
    ]
    assert "The first made $65.00 more" in (card.show(rooms).title or "").replace("\u00a0", " ")
    of_one = await ask("author", strategy="stocks")
    assert [s.name for s in of_one.sides] == ["Mike"]
    week = await ask("before", period="1w")
    assert [s.made.realised_usd for s in week.sides] == [D(30), D(25)]
    assert [s.made.n_closed for s in week.sides] == [3, 1]


async def test_a_brokers_return_is_of_its_own_deposits():
    found = await ask("alpaca")
    assert found.sides[1].made.return_pct == D(-1), "-5 of 500"


async def test_what_names_nothing_is_left_to_the_symbols_or_refused():
    for symbol in ("SPY", "QQQ", "PAPERX", "BTC/USD"):
        assert await ask(symbol) is None
    with pytest.raises(UserError, match="no author “Ninja” here; there are: Rhea, Mike"):
        await ask("author: Ninja")
    with pytest.raises(UserError, match="before all of it"):
        await ask("before", period="all")
    with pytest.raises(UserError, match="Nothing was traded by"):
        await ask("author", strategy="nobody")


async def test_a_side_that_closed_nothing_is_shown_with_its_reasons():
    nowhere = await ask("broker: schwab")
    assert nowhere.sides[1].made.realised_usd == Missing("no trades yet")
    assert "Which made more is n/a (no trades yet)" in (card.show(nowhere).title or "")
    found = await ask("crypto")
    second = found.sides[1].made
    assert second.n_closed == 0
    assert isinstance(second.profit_factor, Missing)
    assert "no closed trades yet" in (card.show(found).description or "")
    none = await ask("author", asset="crypto")
    assert none.sides == ()
    assert "no closed trades yet" in (card.show(none).title or "")


def test_kinds_are_offered_first_then_names():
    there = list(offered(desk()))
    assert there[:7] == ["strategy", "author", "broker", "asset", "period", "SPY", "QQQ"]
    assert {"strategy: stocks", "author: Rhea", "broker: alpaca", "period: before"} <= {*there}
    assert "author: Nobody we followed" not in there
