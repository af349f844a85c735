"""Figures as words, and other people's words made harmless."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import text
from engine.reports import Missing
from tests.unit.reports.examples import MES, SPY_CALL

D = Decimal
UNKNOWN = Missing("no quote")


@pytest.mark.parametrize(
    ("value", "plain", "signed"),
    [
        ("0", "$0.00", "$0.00"),
        ("-0.001", "$0.00", "$0.00"),
        ("1234.5", "$1,234.50", "+$1,234.50"),
        ("-5", "-$5.00", "-$5.00"),
        ("2.675", "$2.68", "+$2.68"),
        ("2.665", "$2.66", "+$2.66"),  # half to even, as everywhere
        ("1000000", "$1,000,000.00", "+$1,000,000.00"),
    ],
)
def test_dollars(value, plain, signed):
    assert text.usd(D(value)) == plain
    assert text.usd(D(value), sign=True) == signed


def test_unknown_figures_give_their_reason_or_stay_short():
    assert text.usd(UNKNOWN) == text.r(UNKNOWN) == text.price(UNKNOWN) == "n/a (no quote)"
    assert text.usd_short(UNKNOWN) == text.r_short(UNKNOWN) == text.pct_short(UNKNOWN) == "n/a"
    assert text.price_tight(UNKNOWN, MES) == text.price_short(UNKNOWN) == "n/a"


@pytest.mark.parametrize(
    ("value", "instrument", "expected"),
    [
        ("2.5", SPY_CALL, "2.50"),
        ("6324.25", MES, "6,324.25"),
        ("6330.125", MES, "6,330.125"),
        ("1.08345", None, "1.0834"),
        ("0", SPY_CALL, "0.00"),
        ("-1.2", SPY_CALL, "-1.20"),
    ],
)
def test_prices_have_the_decimals_of_their_tick(value, instrument, expected):
    assert text.price(D(value), instrument) == expected


def test_r_percent_and_quantities():
    assert text.r(D("1.305")) == "+1.30R"
    assert text.r(D("-0.004")) == "-0.0040R"
    assert text.r(D("0")) == "0.00R"
    assert text.pct(D("-0.00327")) == "-0.0033%"
    assert text.pct(D("0.04")) == "+0.040%"
    assert text.pct(D("-0.000000001")) == "0.0%"
    assert text.pct(D("21.31")) == "+21.3%"
    assert text.pct(D("-0.04"), sign=False) == "0.0%"
    assert text.plain(D("-0.004")) == "0.00"
    assert text.plain(D("-0.616")) == "-0.62"
    assert text.share(D("-0.4")) == "-0.4%"
    assert text.share(D("0.0034")) == "0.003%"
    assert text.share(D("0.5")) == "0.5%"
    assert text.share(D("0")) == "0%"
    assert text.share(D("24.6")) == "25%"
    assert text.plain(Missing("no quote")) == text.share(Missing("no quote")) == "n/a"
    assert text.pct(D("55.4"), sign=False, places=0) == "55%"
    assert [text.qty(D(v)) for v in ("2", "2.00", "0.250", "1500", "100")] == [
        "2",
        "2",
        "0.25",
        "1,500",
        "100",
    ]


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (None, "-"),
        (timedelta(seconds=-3), "0 s"),
        (timedelta(seconds=45), "45 s"),
        (timedelta(minutes=14, seconds=59), "14 min"),
        (timedelta(hours=2, minutes=5), "2 h 05 min"),
        (timedelta(days=3, hours=4), "3 d 4 h"),
    ],
)
def test_spans(span, expected):
    assert text.span(span).replace(text.NBSP, " ") == expected


def test_moments_are_discords_and_code_blocks_say_new_york():
    at = datetime(2026, 1, 30, 14, 31, 5, tzinfo=UTC)
    assert text.ago(at) == "<t:1769783465:R>"
    assert text.clock_time(at) == "<t:1769783465:T>"
    assert text.eastern(at) == "09:31:05 ET"
    assert text.eastern_date(at) == "Fri 01/30"


HOSTILE = (
    "@everyone @here <@123> <@&4> <#5> </cmd:6> `code` ```block``` **bold** __u__ ~~s~~ ||x|| "
    "[evil](https://evil.example) > quote # head <t:1:R> <:emoji:7>"
)


def test_foreign_text_neither_formats_nor_pings():
    shown = text.safe(HOSTILE, 1000)
    assert "@everyone" not in shown
    assert "@here" not in shown
    assert "<@" not in shown.replace("\\<", "")
    assert "://" not in shown
    for sign in "*_~`|[]<>#":
        assert sign not in shown.replace(f"\\{sign}", "")


def test_characters_that_hide_or_reorder_are_dropped():
    assert text.visible("a\u202eb\u200bc\x00d\r\ne\tf") == "a b c d\ne f"


def test_a_block_quote_says_when_it_was_cut():
    shown = text.quoted("BTO SPY 603C\n" * 100, 200)
    assert shown.startswith("> BTO SPY 603C\n")
    assert shown.endswith("-# cut: 1,299 characters in all")
    assert len(shown) <= 200
    assert text.quoted("one\n\ntwo") == "> one\n> two"
    assert text.quoted("") == "> (no text)"


@given(st.text(max_size=3000), st.integers(min_value=60, max_value=800))
def test_any_text_is_cut_to_size_and_never_pings(raw, limit):
    for shown in (text.safe(raw, limit), text.quoted(raw, limit), text.safe_line(raw, limit)):
        assert len(shown) <= limit
        assert "@everyone" not in shown
        assert "@here" not in shown
    assert "\n" not in text.safe_line(raw, limit)
    assert "```" not in text.code_safe(raw)


@given(st.text(alphabet="`*_~|<>#[]\\ab \n", max_size=200))
def test_discord_would_show_what_was_written(raw):
    """Unescaping gives the text back: nothing is lost, nothing formats."""
    shown = text.safe(raw, 1000)
    plain = ""
    signs = iter(shown)
    for sign in signs:
        plain += next(signs) if sign == "\\" else sign
    assert plain.replace(text.ZERO_WIDTH, "") == raw.replace("\r\n", "\n")


def test_own_escape_is_as_strict_as_the_librarys():
    for word in ("**a**", "`a`", "||a||", "~~a~~", "_a_"):
        assert text.safe(word) == discord.utils.escape_markdown(word)


def test_tables_line_up_and_fit_a_phone():
    shown = text.table([["a", "1.00"], ["long name", "22.00"]], "lr")
    assert shown == "```\na           1.00\nlong name  22.00\n```"
    assert text.table([], "lr") == ""


@given(
    st.lists(
        st.tuples(st.text(max_size=80), st.text(max_size=12), st.text(max_size=12)), max_size=10
    )
)
def test_no_table_is_wider_than_a_phone(rows):
    shown = text.table(rows, "lrr")
    assert all(len(line) <= text.TABLE_WIDTH for line in shown.splitlines())
    assert shown.count("```") == (2 if rows else 0)
