"""Every button and menu comes back from its id as it was made."""

import inspect
from typing import Any

import pytest

from bot.actions._button import ActionButton, OfferSelect
from bot.bulk import BulkSelect
from bot.buttons.advice import IdeaButton
from bot.buttons.alert import AlertButton
from bot.buttons.chart import ChartButton, Wish
from bot.buttons.journal import ReviewButton
from bot.buttons.notify import NotifyButton
from bot.buttons.position import PageButton, PositionSelect, Shown
from bot.buttons.risk import RiskSelect
from bot.buttons.setup import ChannelPick, RolePick, SetupButton, WhatSelect
from bot.buttons.trade import TradeButton
from bot.charts import Theme
from bot.confirm import ConfirmButton
from bot.dialogs import AgainButton
from bot.disclaimer import AcceptButton
from bot.lasting import Lasting, choice, choices
from bot.learning import LessonButton
from bot.panel.buttons import DeskButton, MenuSelect, RunButton, SectionsSelect
from bot.views import BUTTONS, ApprovalButton, WhichSelect

MADE: tuple[Lasting[Any], ...] = (
    ActionButton("SPY close 50%"),
    OfferSelect(),
    IdeaButton("AP-1"),
    AlertButton("A-1", "ignore"),
    BulkSelect("reject"),
    ChartButton(
        Wish(kind="candles", what="/MES", range="1m", timeframe="1h", shift=2, marks="av"), "b"
    ),
    ChartButton(Wish(kind="pnl", range="week", theme=Theme.LIGHT), "r"),
    ConfirmButton("0123456789abcdef", "no"),
    AgainButton("0123456789abcdef"),
    AcceptButton(7),
    ReviewButton(),
    LessonButton(3, "back"),
    NotifyButton("N-1", "60"),
    *(DeskButton(verb) for verb in DeskButton.LOOKS),
    MenuSelect(),
    RunButton("trades recent"),
    SectionsSelect(),
    RiskSelect(),
    ChannelPick("admin"),
    RolePick("trader"),
    SetupButton("check"),
    WhatSelect(),
    ApprovalButton("AP-1", 12, "half"),
    WhichSelect("AP-1", 3),
    TradeButton("T-1", "entry"),
    TradeButton("T-1/BRK.B", "close100"),
    PositionSelect(),
    PageButton(10, Shown(sort="risk", asset="option", broker="paper")),
)


def facts(item: Lasting[Any]) -> dict[str, Any]:
    """What the item itself keeps, and its id."""
    own = {k: v for k, v in vars(item).items() if not k.startswith("_") and k != "item"}
    return {**own, "custom_id": item.custom_id, "type": type(item)}


@pytest.mark.parametrize("made", MADE, ids=lambda made: made.custom_id)
async def test_an_id_says_all_that_its_button_stands_for(made: Lasting[Any]) -> None:
    (kind,) = [b for b in BUTTONS if b.__discord_ui_compiled_template__.fullmatch(made.custom_id)]
    match = kind.__discord_ui_compiled_template__.fullmatch(made.custom_id)
    nobody: Any = None
    assert match is not None
    assert facts(await kind.from_custom_id(nobody, nobody, match)) == facts(made)


def test_none_is_forgotten_here() -> None:
    assert {type(made) for made in MADE} == set(BUTTONS)
    assert all(inspect.isclass(b) and issubclass(b, Lasting) for b in BUTTONS)


def test_a_page_of_an_old_message_is_still_found() -> None:
    old = PageButton.__discord_ui_compiled_template__.fullmatch("ts:positions:20")
    assert old is not None
    assert facts(PageButton.of(old)) == facts(PageButton(20))


def test_what_was_chosen_comes_with_the_press() -> None:
    class Pressed:
        data: Any = None

    press: Any = Pressed()
    assert (choices(press), choice(press)) == ([], "")
    press.data = {"values": ["b", "a"]}
    assert (choices(press), choice(press)) == (["b", "a"], "b")
