"""Whose alerts were good, by name; a person's own orders are no alerts."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from engine.domain.source import MANUAL
from engine.reports import alert_stats, day, pnl
from tests.unit.reports.examples import NOW, alert, book, frame, order


def test_own_orders_are_not_counted_as_alerts_and_an_author_of_two_rooms_stands_once():
    heard = [
        alert(alert_id="A-1", author_id=7, author_name="Olivia", source="one"),
        alert(alert_id="A-2", author_id=7, author_name="Olivia", source="two"),
        alert(alert_id="A-3", author_id=7, author_name="Olivia", source=MANUAL),
    ]
    sent = order(alert_id="A-3", sent_at=heard[2].received_at + timedelta(milliseconds=1))
    found = alert_stats.build(frame(), days=7, alerts=heard, trades=[], orders=[sent])
    assert found.funnel[0] == ("received", 2)
    assert [(a.author, a.n_alerts) for a in found.authors] == [("Olivia", 2)]
    assert not isinstance(found.p50_s, Decimal)
    told = day.build(frame(), on=NOW.date(), entries=[], trades=[], alerts=heard)
    assert told.n_alerts == 2


def test_results_stand_by_the_author_s_name_and_two_of_one_name_apart():
    trades, entries, _ = book(["100", "-50", "25"])
    ids = (800000000000000101, 800000000000000202, None)
    trades = [replace(t, author_id=i) for t, i in zip(trades, ids, strict=True)]

    def names(authors):
        made = pnl.build(
            frame(), period="all", trades=trades, entries=entries, by="author", authors=authors
        )
        return {g.name: g.realised_usd for g in made.groups}

    assert names({ids[0]: "Olivia", ids[1]: "Tom"}) == {"Olivia": 100, "Tom": -50, "unknown": 25}
    assert names({ids[0]: "Olivia", ids[1]: "Olivia"}) == {
        "Olivia …0101": 100,
        "Olivia …0202": -50,
        "unknown": 25,
    }
    assert "author …0101" in names({})
