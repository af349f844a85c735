"""The grammar of #actions."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.access import PERMISSIONS
from bot.actions import every, has_emergency, read
from engine.domain.errors import ActionSyntaxError

D = Decimal
GOOD = {
    "#AAPL": ("info", {"HELD": "AAPL"}),
    "#brk.b": ("info", {"HELD": "BRK.B"}),
    "#/MES": ("info", {"HELD": "MES"}),
    "#$SPY info": ("info", {"HELD": "SPY"}),
    "#BTC/USD": ("info", {"HELD": "BTC/USD"}),
    "#AAPL close": ("close", {"HELD": "AAPL"}),
    "#AAPL close 25": ("close", {"HELD": "AAPL", "QTY": D(25)}),
    "#AAPL CLOSE 50%": ("close", {"HELD": "AAPL", "PCT": D(50)}),
    "#AAPL close 50 %": ("close", {"HELD": "AAPL", "PCT": D(50)}),
    "#AAPL stop 175": ("stop", {"HELD": "AAPL", "STOP": D(175)}),
    "#AAPL stop .05": ("stop", {"HELD": "AAPL", "STOP": D("0.05")}),
    "#AAPL stop $175.50": ("stop", {"HELD": "AAPL", "STOP": D("175.50")}),
    "#AAPL target 185": ("target", {"HELD": "AAPL", "TARGET": D(185)}),
    "#AAPL trailing 2%": ("trailing", {"HELD": "AAPL", "TRAIL": D(2)}),
    "#AAPL trailing 2atr": ("trailing", {"HELD": "AAPL", "ATR": D(2)}),
    "#AAPL trailing 1.5 ATR": ("trailing", {"HELD": "AAPL", "ATR": D("1.5")}),
    "#AAPL add 25 @ 180": ("add", {"HELD": "AAPL", "QTY": D(25), "PRICE": D(180)}),
    "#buy TSLA 50": ("buy", {"UNIT": "TSLA", "QTY": D(50)}),
    "#buy TSLA $5000 @ 240 stop 233 target 260": (
        "buy",
        {"UNIT": "TSLA", "USD": D(5000), "PRICE": D(240), "STOP": D(233), "TARGET": D(260)},
    ),
    "#BUY SPY 603C 11/21 2 @ 2.15": (
        "buy",
        {"UNIT": "SPY 603C 11/21", "QTY": D(2), "PRICE": D("2.15")},
    ),
    "#buy TSLA 50 stop 230": ("buy", {"UNIT": "TSLA", "QTY": D(50), "STOP": D(230)}),
    "#sell /MES 1": ("sell", {"UNIT": "/MES", "QTY": D(1)}),
    "#buy TSLA analyze": ("analyze", {"UNIT": "TSLA"}),
    "#watch /MES": ("watch", {"UNIT": "/MES"}),
    "#unwatch aapl": ("unwatch", {"UNIT": "aapl"}),
    "#alert AAPL > 190": ("alert", {"UNIT": "AAPL", "SIGN": ">", "PRICE": D(190)}),
    "#set-stops": ("set-stops", {}),
    "#set-stops 2 %": ("set-stops", {"TRAIL": D(2)}),
    "#cancel-all protective": ("cancel-all", {"PROTECTIVE": True}),
    "#order-TSAB12 modify qty 3 price 2.10": (
        "order-modify",
        {"ORDER": "TSAB12", "QTY": D(3), "PRICE": D("2.10")},
    ),
    "#resume": ("resume", {}),
    "#close-all": ("close-all", {}),
    "#Emergency-Stop": ("emergency-stop", {}),
    "#cancel-all": ("cancel-all", {}),
    "#order-TSAB12 status": ("order-status", {"ORDER": "TSAB12"}),
    "#Order-tsab12 Cancel": ("order-cancel", {"ORDER": "TSAB12"}),
    "#approve P-ABC123-0": ("approve", {"ID": "P-ABC123-0"}),
    "#REJECT p-abc123-0": ("reject", {"ID": "p-abc123-0"}),
}


@pytest.mark.parametrize("text", GOOD)
def test_every_form_is_read(text: str) -> None:
    (found,) = read(text)
    assert (found.action.name, found.found) == GOOD[text]


BAD = [
    "#", "# AAPL", "AAPL close", "#AAPL close 25 please", "#AAPL stop", "#AAPL stop 1,000",
    "#AAPL stop -5", "#AAPL stop 0", "#AAPL stop 1e3", "#AAPL stop NaN", "#AAPL stop inf",
    "#AAPL stop ١٧٥", "#AAPL trailing 2", "#AAPL trailing %", "#AAPL close %", "#AAPL buy 5",
    "#close-all now", "#cancel-all 5", "#order- cancel",
    "#order-TSAB12", "#order-TSAB12 sell",
    "#order-TS;AB cancel", "#approve", "#approve P-1 P-2", "#reject me now",
    "#emergency-stop please", "#TOOLONGSYMBOL", "#AA PL close", "#<@1>",
    "#buy", "#buy TSLA", "#buy TSLA fifty", "#buy TSLA 50 240", "#buy TSLA 50 @", "#sell",
    "#buy TSLA 50 target 1 stop 2", "#buy TSLA -5", "#buy TSLA stop 230", "#alert AAPL 190",
    "#alert AAPL >= 190", "#watch", "#watch A B", "#set-stops 2", "#resume now",
    "#order-TSAB modify", "#order-TSAB modify price", "#cancel-all everything", "#ß", "#ﬁ",
    "#AAPL stop 1234567890", "#AAPL stop 1.1234567", "##AAPL", "#AAPL\u200b", "#AAPL;close",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_whatever_is_not_exactly_an_action_is_none(text: str) -> None:
    with pytest.raises(ActionSyntaxError, match="Nothing was"):
        read(text)


def test_lines_are_in_order_and_at_most_ten() -> None:
    assert [a.action.name for a in read("#AAPL\n\n  #close-all  \n#SPY close")] == [
        "info",
        "close-all",
        "close",
    ]
    assert len(read("\n".join(["#AAPL"] * 10))) == 10
    with pytest.raises(ActionSyntaxError, match="these are 11"):
        read("\n".join(["#AAPL"] * 11))


def test_one_bad_line_spoils_the_message_but_an_emergency_is_found() -> None:
    text = "#AAPL close\n#oops oops\n #EMERGENCY-stop "
    with pytest.raises(ActionSyntaxError):
        read(text)
    assert has_emergency(text)
    assert not has_emergency("say #emergency-stop")


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert len(read(text)) <= 10
    except ActionSyntaxError:
        return


@given(st.text(min_size=1, max_size=12))
def test_a_symbol_is_never_something_else_than_was_typed(text: str) -> None:
    """Upper case of ``ß`` is ``SS``, of a ligature two letters."""
    try:
        (action,) = read(f"#{text}")
    except (ActionSyntaxError, ValueError):
        return
    said = action.found.get("HELD", "")
    assert action.action.name != "info" or said.lower() == text.strip().lstrip("$/").lower()


def test_every_action_shows_examples_that_it_reads_itself_and_names_its_rights() -> None:
    for name, action in every().items():
        for example in action.examples:
            text = example.replace("TS…", "TSAB12").replace("P-…", "P-AB12-0")
            (found,) = read(f"#{text}")
            assert found.action.name == name, example
        assert {action.permission, action.press} <= set(PERMISSIONS), name
        assert action.says
