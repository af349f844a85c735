"""What a person calls a thing that he wants to trade."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import naming
from engine.domain.alert import Action
from engine.domain.errors import UserError
from engine.domain.order import Side

ON = date(2026, 11, 16)
D = Decimal


def named(typed: str, side: Side = Side.BUY) -> tuple[object, ...]:
    s = naming.entry(typed, side, ON)
    return s.asset, s.symbol, s.contract, s.expiry, s.strike, s.right


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("aapl", ("stock", "AAPL", None, None, None, None)),
        ("$ES", ("stock", "ES", None, None, None, None)),
        ("brk.b", ("stock", "BRK.B", None, None, None, None)),
        ("SPY 603C 11/21", ("option", "SPY", None, date(2026, 11, 21), D(603), "C")),
        ("spy  602.5p 11/20", ("option", "SPY", None, date(2026, 11, 20), D("602.5"), "P")),
        ("SPY 11/21 603C", ("option", "SPY", None, date(2026, 11, 21), D(603), "C")),
        ("SPY 603C 1/15", ("option", "SPY", None, date(2027, 1, 15), D(603), "C")),
        ("SPY 603C 1/15/27", ("option", "SPY", None, date(2027, 1, 15), D(603), "C")),
        ("SPY261120C00603000", ("option", "SPY", None, date(2026, 11, 20), D(603), "C")),
        ("SPY   261120C00603000", ("option", "SPY", None, date(2026, 11, 20), D(603), "C")),
        ("/ES", ("future", "ES", None, None, None, None)),
        ("mes", ("future", "MES", None, None, None, None)),
        ("M2K", ("future", "M2K", None, None, None, None)),
        ("/6E", ("future", "6E", None, None, None, None)),
        ("/MESZ26", ("future", "MES", "MESZ26", None, None, None)),
        ("btc/usd", ("crypto", "BTC", None, None, None, None)),
    ],
)
def test_every_kind_is_named_as_traders_write_it(typed: str, meant: tuple[object, ...]) -> None:
    assert naming.is_name(typed)
    assert named(typed) == meant


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("ES", "write /ES or "),
        ("CL", "write /CL or "),
        ("SPY 603C", "Which expiry"),
        ("SPY 603C 2/30", "2/30 is no day"),
        ("TOOLONG", "nothing that I can name"),
        ("", "nothing that I can name"),
        ("SPY stop 230", "nothing that I can name"),
        ("SPY 603X 11/21", "nothing that I can name"),
        ("SPY ٦٠٣C 11/21", "nothing that I can name"),
        ("@everyone", "nothing that I can name"),
    ],
)
def test_what_may_be_two_things_or_none_is_refused(typed: str, why: str) -> None:
    with pytest.raises(UserError, match=why) as refused:
        naming.entry(typed, Side.BUY, ON)
    assert "Nothing was sent" in str(refused.value)


def test_the_verb_follows_from_side_and_kind() -> None:
    verbs = {
        ("AAPL", Side.BUY): Action.BUY,
        ("AAPL", Side.SELL): Action.SHORT,
        ("SPY 603C 11/21", Side.BUY): Action.BTO,
        ("SPY 603C 11/21", Side.SELL): Action.STO,
        ("/MES", Side.BUY): Action.LONG,
        ("/MES", Side.SELL): Action.SHORT,
        ("BTC/USD", Side.BUY): Action.BUY,
    }
    for (typed, side), action in verbs.items():
        found = naming.entry(typed, side, ON).action
        assert found is action, typed
        assert found.effect.opens


@given(st.text(max_size=40))
def test_any_text_is_named_or_refused(typed: str) -> None:
    try:
        found = naming.entry(typed, Side.BUY, ON)
    except UserError:
        return
    assert naming.is_name(typed)
    assert found.symbol.isascii()
