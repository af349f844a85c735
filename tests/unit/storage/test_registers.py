"""Registers of sent orders go with the books; login tokens never do."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from engine.domain.errors import StoreUnavailable
from storage import registers
from tests.unit.storage.kit import T0
from tests.unit.storage.test_verbs import Home, home  # noqa: F401 - a fixture

SECRET = "canary-access-token-0123456789"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What two adapters left."""
    tokens = tmp_path / "var" / "tokens"
    for name, text in {
        "etrade-live/etrade": SECRET,
        "etrade-live/etrade-orders": '\n{"id": "TS1"}',
        "etrade-live/etrade-fills": "{}",
        "webull-paper/webull-token": SECRET,
        "alpaca-paper/alpaca-children": '{"a": 1}',
    }.items():
        path = tokens / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
    return tokens


def test_registers_are_copied_and_tokens_are_named_and_left_out(
    tmp_path: Path, folder: Path
) -> None:
    saved = registers.save(folder, tmp_path / "copy.db")
    assert saved.registers == (
        "alpaca-paper/alpaca-children",
        "etrade-live/etrade-fills",
        "etrade-live/etrade-orders",
    )
    assert saved.left_out == ("etrade-live/etrade", "webull-paper/webull-token")
    assert "left out on purpose: etrade-live/etrade, webull-paper/webull-token" in saved.line()
    assert SECRET not in saved.path.read_text()
    assert saved.path.stat().st_mode & 0o777 == 0o600


def test_on_a_new_machine_everything_comes_back(tmp_path: Path, folder: Path) -> None:
    registers.save(folder, tmp_path / "copy.db")
    new = tmp_path / "new" / "tokens"
    said = registers.restore(new, tmp_path / "copy.db", T0)
    assert (new / "etrade-live/etrade-orders").read_text() == '\n{"id": "TS1"}'
    assert (new / "etrade-live/etrade-orders").stat().st_mode & 0o777 == 0o600
    assert "etrade-live/etrade-orders was put back" in said
    assert "etrade-live/etrade was left out on purpose: log in anew" in said
    assert not (new / "etrade-live/etrade").exists()


def test_a_newer_register_is_never_replaced_and_it_is_said(tmp_path: Path, folder: Path) -> None:
    registers.save(folder, tmp_path / "copy.db")
    newer = folder / "etrade-live/etrade-orders"
    newer.write_text('\n{"id": "TS1"}\n{"id": "TS2"}')
    (folder / "schwab-live").mkdir()
    (folder / "schwab-live/schwab-orders").write_text("")
    said = registers.restore(folder, tmp_path / "copy.db", T0 + timedelta(days=1))
    assert "TS2" in newer.read_text()
    (line,) = [s for s in said if "etrade-orders" in s]
    assert "is newer here and stays" in line
    (beside,) = (folder / "etrade-live").glob("etrade-orders.backup-*")
    assert beside.read_text() == '\n{"id": "TS1"}'
    assert "schwab-live/schwab-orders is not in the backup; it stays" in said


def test_a_backup_without_registers_says_what_is_lost(tmp_path: Path, folder: Path) -> None:
    (said,) = registers.restore(tmp_path / "none", tmp_path / "copy.db", T0)
    assert "cannot be told apart" in said
    (said,) = registers.restore(folder, tmp_path / "copy.db", T0)
    assert "the registers of this machine stay" in said


def test_a_copy_that_was_changed_is_refused_before_anything_is_replaced(
    home: Home,  # noqa: F811
    folder: Path,
) -> None:
    home.run("db", "upgrade")
    code, said = home.run("db", "backup", str(home.folder / "copy.db"))
    assert code == 0
    assert "3 register(s) of sent orders; left out on purpose:" in said
    beside = home.folder / "copy.db.registers"
    whole = json.loads(beside.read_text())
    beside.write_text(json.dumps(whole | {"body": whole["body"].replace("TS1", "TS9")}))
    before = home.file.read_bytes()
    code, said = home.run("db", "restore", str(home.folder / "copy.db"))
    assert code == 1
    assert "not as it was written" in said
    assert home.file.read_bytes() == before
    with pytest.raises(StoreUnavailable):
        registers.prove(home.folder / "copy.db")


def test_restoring_tells_what_became_of_each(home: Home, folder: Path) -> None:  # noqa: F811
    home.run("db", "upgrade")
    home.run("db", "backup", str(home.folder / "copy.db"))
    (folder / "etrade-live/etrade-orders").unlink()
    code, said = home.run("db", "restore", str(home.folder / "copy.db"))
    assert code == 0
    assert "etrade-live/etrade-orders was put back" in said
    assert "alpaca-paper/alpaca-children is as it was" in said
    code, found = home.json("db", "backup", str(home.folder / "second.db"))
    assert code == 0
    assert len(found["beside"]["registers"]) == 3
