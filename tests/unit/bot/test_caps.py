"""The page of what brokers can do is what their adapters declare."""

from pathlib import Path

from bot.cli import caps
from engine import registry
from engine.brokers._wire.lanes import entries_per_min

PAGE = Path(__file__).parents[3] / "docs" / "brokers" / "README.md"


def test_the_page_of_brokers_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == caps.page(), (
        "out of date: tradestream caps > docs/brokers/README.md"
    )


def test_every_broker_stands_on_the_page_with_all_that_it_trades() -> None:
    page = caps.page()
    for name in registry.names("engine.brokers"):
        rows = [line for line in page.splitlines() if line.startswith(f"| {name} |")]
        assert rows, name
        assert all(" - |" not in row for row in rows), "order types or times that are none"


def test_every_broker_has_a_page_of_its_own() -> None:
    for name in registry.names("engine.brokers"):
        if name != "paper":
            assert (PAGE.parent / f"{name}.md").is_file(), name


def test_entries_a_minute_are_what_the_lanes_let_out_beside_exits() -> None:
    assert entries_per_min({"all": (150, 60)}) == 30  # each with what follows it
    assert entries_per_min({"all": (120, 60)}, requests=2) == 20
    assert entries_per_min({"exit": (5, 1), "order": (3, 1), "read": (2, 2)}) == 180
    assert entries_per_min({"all": (2, 1.05)}, requests=2) == 28, "one of two, each second"
