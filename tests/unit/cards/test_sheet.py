"""What people look at before a release is all there is: no card and no chart is left out."""

import pytest

from bot import charts
from tests import contact_sheet, sheet


@pytest.fixture(scope="module")
def shown() -> set[str]:
    return {name for name, _ in sheet.cards()}


def test_every_function_that_makes_a_card_is_on_the_sheet(shown: set[str]) -> None:
    wanted = {
        f"{m.__name__.rsplit('.', 1)[1]}.{n}" for m in sheet.modules() for n in sheet.makers(m)
    }
    assert wanted
    assert not wanted - shown


def test_every_file_of_cards_is_on_the_sheet_those_without_embeds_too(shown: set[str]) -> None:
    files = {m.__name__.rsplit(".", 1)[1] for m in sheet.modules()}
    assert not files - {name.partition(".")[0] for name in shown}


def test_every_chart_is_on_the_sheet() -> None:
    assert not set(charts.names()) - {chart for _, chart, _ in contact_sheet.sheets()}


def test_the_sheet_leaves_the_cards_as_they_were() -> None:
    before = [getattr(m, n) for m in sheet.modules() for n in sheet.makers(m)]
    with sheet.signed():
        pass
    assert before == [getattr(m, n) for m in sheet.modules() for n in sheet.makers(m)]
