"""Exported files: exact, complete, and harmless in a spreadsheet."""

import csv
import io
import json
import zipfile
from decimal import Decimal

import pytest

from bot import export
from engine.reports import Missing

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
