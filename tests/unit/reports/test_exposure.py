"""Exposure against figures worked out by hand; what has no quote is n/a, never nothing."""

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.reports import Missing, exposure
from tests.contact_sheet import exposure_report
from tests.unit.reports.examples import SPY_CALL, D, book, frame, lot, position, quote, trade


def test_options_count_a_hundred_times_futures_their_notional_shorts_against_longs():
    found = exposure_report()
    by_name = {r.name: r for r in found.rows}
    assert by_name["SPY"].gross_usd == D("3.1") * 12 * 100
    assert by_name["AAPL"].gross_usd == 187 * 60
    assert by_name["AAPL"].net_usd == -187 * 60
    assert by_name["MES"].gross_usd == 6330 * 5
    assert [r.name for r in found.rows] == ["MES", "AAPL", "SPY"]
    assert found.gross_usd == 3720 + 11220 + 31650
    assert found.net_usd == 3720 - 11220 + 31650
    assert found.n_open == 3
    assert found.largest.name == "MES"


def test_shares_are_of_equity_and_concentration_of_one_holding_is_one():
    held = [position(SPY_CALL, lot("2", "2.00"))]
    account = replace(book(["10"])[2], cash_usd=D(9_380))
    found = exposure.build(
        frame(quote(SPY_CALL, "3.1", "3.1")), trades=[trade()], positions=held, accounts=[account]
    )
    assert found.equity_usd == 9_380 + 620
    assert found.gross_pct == D("6.2")
    assert found.hhi == 1


@pytest.mark.parametrize("by", ["symbol", "asset", "source", "account", "broker"])
def test_every_grouping_adds_up_to_the_same_whole(by):
    held = [position(SPY_CALL, lot("2", "2.00"))]
    account = book(["10"])[2]
    found = exposure.build(
        frame(quote(SPY_CALL, "3", "3")),
        trades=[trade()],
        positions=held,
        accounts=[account],
        by=by,
    )
    assert sum((r.gross_usd for r in found.rows), Decimal(0)) == found.gross_usd == 600


def test_without_a_quote_the_group_the_sum_and_the_equity_are_not_known():
    held = [position(SPY_CALL, lot("2", "2.00"))]
    found = exposure.build(frame(), trades=[trade()], positions=held, accounts=[book(["10"])[2]])
    for figure in (found.gross_usd, found.equity_usd, found.rows[0].pct, found.hhi):
        assert isinstance(figure, Missing)
        assert "SPY" in figure.reason
    empty = exposure.build(frame(), trades=[], positions=[], accounts=[])
    assert empty.gross_usd == 0
    assert empty.equity_usd == Missing("no account")
