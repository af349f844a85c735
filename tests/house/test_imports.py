"""The import rules of pyproject.toml hold, and go red when broken."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).parent / "lint-imports"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LINT), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_import_rules_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def small_house(tmp_path: Path) -> Path:
    """The real rules over a house of empty rooms."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in ("bot", "cogs", "storage", "engine"):
        for path in (ROOT / folder).rglob("*.py"):
            room = tmp_path / path.relative_to(ROOT)
            room.parent.mkdir(parents=True, exist_ok=True)
            room.touch()
    return tmp_path


def test_empty_rooms_break_no_rule(small_house: Path) -> None:
    done = lint(small_house)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("room", "imports"),
    [
        ("engine/desk.py", "discord"),
        ("engine/clock.py", "sqlalchemy"),
        ("engine/risk/__init__.py", "bot"),
        ("engine/risk/__init__.py", "time"),
        ("engine/exits/__init__.py", "asyncio"),
        ("engine/domain/order.py", "engine.bus"),
        ("engine/domain/order.py", "logging"),
        ("storage/__init__.py", "bot.config"),
        ("bot/access.py", "cogs"),
        ("cogs/__init__.py", "storage"),
        ("cogs/__init__.py", "engine.brokers.paper"),
        ("engine/bus.py", "engine.flows"),
        ("engine/flows/booking/fills.py", "engine.flows.exits.settle"),
    ],
)
def test_a_forbidden_import_goes_red(small_house: Path, room: str, imports: str) -> None:
    (small_house / room).write_text(f"import {imports}\n")
    done = lint(small_house)
    assert done.returncode == 1, done.stdout
    assert "BROKEN" in done.stdout


def test_stories_that_import_each_other_go_red(small_house: Path) -> None:
    flows = small_house / "engine" / "flows"
    (flows / "compare.py").write_text("from engine.flows import lists\n")
    (flows / "lists.py").write_text("from engine.flows import compare\n")
    done = lint(small_house)
    assert done.returncode == 1, done.stdout
    assert "No cycles are allowed" in done.stdout
