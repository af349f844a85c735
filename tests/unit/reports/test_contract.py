"""A new file in a ★ folder is held to its contract without being asked."""

import importlib
import inspect
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def files(folder: str) -> list[str]:
    """Names of the things in a folder."""
    found = (ROOT / folder).glob("*.py")
    return sorted(f.stem for f in found if not f.stem.startswith("_"))


@pytest.mark.parametrize("name", files("engine/reports"))
def test_every_report_is_built_by_a_pure_function(name):
    report = importlib.import_module(f"engine.reports.{name}")
    assert not inspect.iscoroutinefunction(report.build)
    assert report.__doc__


@pytest.mark.parametrize("name", files("bot/cards"))
def test_a_card_that_shows_a_report_has_its_name(name):
    card = importlib.import_module(f"bot.cards.{name}")
    if not hasattr(card, "show"):  # words of our own: no report behind them
        return
    report = importlib.import_module(f"engine.reports.{name}")
    first = next(iter(inspect.signature(card.show).parameters.values()))
    assert first.name == "report"
    assert getattr(report, first.annotation.__name__) is first.annotation
