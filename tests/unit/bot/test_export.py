"""Exported files: exact, complete, and harmless in a spreadsheet."""

import csv
import io
import json
import zipfile
from decimal import Decimal

import pytest

from bot import export
from engine.reports import Missing, positions
from tests.unit.reports import examples as ex

ROWS = [
    {"name": "=cmd()", "price": Decimal("2.10"), "why": Missing("no quote")},
    {"name": "plain", "price": None, "more": 'x,"y"\nz'},
]


def test_csv_keeps_figures_exactly_and_says_what_is_missing():
    first, second = csv.DictReader(io.StringIO(export.as_csv(ROWS).decode(), newline=""))
    assert first == {"name": "'=cmd()", "price": "2.10", "why": "n/a (no quote)", "more": ""}
    assert second["more"] == 'x,"y"\nz'
    assert second["price"] == ""


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_becomes_a_formula(evil):
    row = csv.reader(io.StringIO(export.as_csv([{"a": evil}]).decode(), newline=""))
    assert next(row) == ["a"]
    assert next(row)[0].startswith("'")


def test_a_negative_figure_stays_a_figure():
    assert b"\r\n-5.10\r\n" in export.as_csv([{"a": Decimal("-5.10")}])


def test_json_rounds_nothing():
    assert json.loads(export.as_json(ROWS))[0]["price"] == "2.10"


def test_what_discord_would_not_take_is_zipped_or_refused(monkeypatch):
    monkeypatch.setattr(export, "MOST_BYTES", 2_000)
    made = export.as_file("trades", [{"a": "x" * 100}] * 50, "csv")
    assert made.name == "trades.csv.zip"
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        assert archive.namelist() == ["trades.csv"]
    monkeypatch.setattr(export, "MOST_BYTES", 50)
    with pytest.raises(ValueError, match="larger than Discord takes"):
        export.as_file("trades", [{"a": "x" * 100}] * 50, "csv")


def test_a_journals_data_stays_data():
    """It was written as Python prints it, which nothing else reads."""
    row = [{"data": {"cash_usd": Decimal("1.50"), "legs": ("SPY", None)}}]
    expected = {"cash_usd": "1.50", "legs": ["SPY", None]}
    assert json.loads(export.as_json(row)) == [{"data": expected}]
    cell = next(csv.DictReader(io.StringIO(export.as_csv(row).decode(), newline="")))["data"]
    assert json.loads(cell) == expected


def test_positions_say_at_which_broker_and_account_they_are():
    """Row A42: the same symbol at two brokers was two rows that nothing told apart."""
    made = positions.build(
        ex.frame(ex.quote(ex.SPY_CALL, "3.08", "3.12")),
        trades=[ex.trade(), ex.trade(trade_id="T-2", account="far", broker="schwab")],
        positions=[],
    )
    rows = export.position_rows(made)
    assert [(r["account"], r["broker"]) for r in rows] == [("main", "paper"), ("far", "schwab")]
