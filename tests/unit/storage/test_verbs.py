"""``tradestream db`` and ``tradestream audit``: one line of figures, and an exit code to trust."""

import asyncio
import json
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from bot.__main__ import main
from engine.domain.money import ZERO
from engine.domain.record import Event
from engine.domain.trade import Account, TradeState
from storage.database import in_words
from storage.migrations import HEAD
from storage.sql import SqlStore
from tests.unit.storage.kit import Side, entry, event, execution, fact, trade

AUDIT_KEY = "0123456789abcdef0123456789abcdef0123456789abcdef"


class Home:
    """A folder with a config.yaml, and the command line run in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self.file = folder / "var" / "desk.db"
        self._config = folder / "config.yaml"
        self._config.write_text(
            "accounts:\n  main: {broker: paper}\nstorage:\n  url: sqlite:///var/desk.db\n"
        )

    def run(self, *words: str) -> tuple[int, str]:
        code = main(["--config", str(self._config), *words])
        said = self._capsys.readouterr()
        return code, said.out + said.err

    def json(self, *words: str) -> tuple[int, Any]:
        code, said = self.run(*words, "--json")
        return code, json.loads(said)

    def commit(self, *events: Event) -> None:
        async def once() -> None:
            store = SqlStore(f"sqlite:///{self.file}", AUDIT_KEY.encode())
            await store.open()
            await store.commit(events)
            await store.close()

        asyncio.run(once())

    def sql(self, statement: str) -> None:
        with sqlite3.connect(self.file) as connection:
            connection.execute(statement)
        connection.close()


@pytest.fixture
def home(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Home:
    monkeypatch.setenv("TS_AUDIT_KEY", AUDIT_KEY)
    return Home(tmp_path, capsys)


def round_trip() -> list[Event]:
    """Bought 3 at 1.20, sold 3 at 1.50, 1.95 fee each way: 90.00 - 3.90 = 86.10."""
    deposit = entry(
        9,
        kind="deposit",
        trade_id="",
        qty=ZERO,
        price=ZERO,
        cash_usd=Decimal(10_000),
        fee_usd=ZERO,
    )
    sold = execution(2, trade_id="T-1", side=Side.SELL, price=Decimal("1.50"))
    booked = entry(
        2,
        trade_id="T-1",
        qty=Decimal(-3),
        price=Decimal("1.50"),
        cash_usd=Decimal("448.05"),
        realised_usd=Decimal("86.10"),
        closed_qty=Decimal(3),
    )
    made = Decimal("86.10")
    account = Account(
        name="main",
        broker="paper",
        cash_usd=10_000 + made,
        deposits_usd=Decimal(10_000),
        realised_usd=made,
        fees_usd=Decimal("3.90"),
    )
    closed = trade(1, state=TradeState.CLOSED, realised_usd=made, fees_usd=Decimal("3.90"))
    return [event(deposit), event(execution(1), entry(1)), event(sold, booked, closed, account)]


def test_upgrade_makes_the_database(home: Home) -> None:
    assert home.run("db", "upgrade") == (0, f"The database has schema {HEAD}; 0 event(s).\n")
    assert home.file.stat().st_mode & 0o777 == 0o600
    assert home.run("db", "verify")[0] == 0


def test_verify_counts_what_it_proved(home: Home) -> None:
    home.commit(event(trade(), fact()), event())
    code, said = home.run("db", "verify")
    assert code == 0
    assert said == (
        "The journal is whole: 2 event(s), chain and head sealed; 2 record(s) equal its replay.\n"
        f"Schema {HEAD}: 1 trades, 1 facts.\n"
    )
    assert home.run("audit", "verify") == (0, said.splitlines()[0] + "\n")
    code, found = home.json("audit", "verify")
    assert (code, found["is_ok"], found["n_events"]) == (0, True, 2)


def test_verify_runs_beside_a_running_desk(home: Home) -> None:
    async def go() -> None:
        store = SqlStore(f"sqlite:///{home.file}", AUDIT_KEY.encode())
        await store.open()
        await store.commit([event(trade())])
        code, said = await asyncio.to_thread(home.run, "db", "verify")
        assert code == 0, said
        code, said = await asyncio.to_thread(home.run, "db", "upgrade")
        assert code == 1
        assert "in use by another TradeStream (process" in said
        await store.commit([event(trade(2))])
        await store.close()

    asyncio.run(go())


def test_the_report_recomputes_every_figure(home: Home) -> None:
    home.commit(*round_trip())
    code, said = home.run("db", "verify", "--report")
    assert code == 0, said
    assert said.splitlines()[2:] == [
        "trade           account     symbol          realised      fees",
        "T-1             main        SPY                86.10      3.90",
        (
            "main: realised 86.10, fees 3.90, "
            "cash 10,086.10 = deposits 10,000.00 + bookings 86.10: equal"
        ),
        "All figures agree.",
    ]
    code, found = home.json("db", "verify", "--report")
    assert code == 0
    assert found["is_ok"]
    assert found["table"]["trades"][0]["realised_usd"] == "86.10"
    assert found["table"]["accounts"][0]["cash_usd"] == "10086.10"


def test_a_stored_total_that_is_a_cent_off_is_named(home: Home) -> None:
    *rest, last = round_trip()
    sold, booked, closed, account = last.puts
    from dataclasses import replace

    wrong = replace(closed, realised_usd=Decimal("86.11"))
    poor = replace(account, cash_usd=Decimal("10086.09"))
    home.commit(*rest, event(sold, booked, wrong, poor))

    code, said = home.run("db", "verify", "--report")

    assert code == 1
    assert "Figures differ: trade T-1, account main." in said
    assert home.run("db", "verify")[0] == 0  # journal and tables are sound all the same


def test_a_changed_row_is_named_and_fails(home: Home) -> None:
    home.commit(event(trade()), event(fact()))
    home.sql("DROP TRIGGER audit_no_update")
    home.sql("UPDATE audit SET actor = 'me' WHERE seq = 2")

    code, said = home.run("audit", "verify")

    assert code == 1
    assert said == ("The journal does NOT verify at event 2: row 2 is not as it was written.\n")
    code, found = home.json("db", "verify")
    assert (code, found["is_ok"], found["first_bad_seq"]) == (1, False, 2)


def test_a_damaged_file_is_said_to_be_damaged(home: Home) -> None:
    home.commit(event(trade()))
    raw = home.file.read_bytes()
    home.file.write_bytes(raw[:4096] + bytes(8192) + raw[12288:])
    code, said = home.run("db", "verify")
    assert code == 1
    assert "damaged" in said


def test_backup_and_restore_from_the_command_line(home: Home) -> None:
    home.commit(event(trade()))
    code, said = home.run("db", "backup")
    assert code == 0
    made = Path(said.split(": ")[0])
    assert made.parent == home.folder / "backups"
    home.commit(event(fact()))

    code, said = home.run("db", "restore", str(made))

    assert code == 0
    assert said.startswith(f"Restored 1 event(s) from {made}; what was there before is kept as ")
    code, found = home.json("db", "verify")
    assert (code, found["n_events"]) == (0, 1)
    code, found = home.json("db", "backup", str(home.folder / "copy.jsonl.gz"))
    assert (code, found["n_events"]) == (0, 1)


def test_a_copy_of_unsound_books_is_made_and_said_to_be_unsound(home: Home) -> None:
    home.commit(event(trade()), event(fact()))
    home.sql("DROP TRIGGER audit_no_update")
    home.sql("UPDATE audit SET actor = 'me' WHERE seq = 2")
    code, said = home.run("db", "backup", str(home.folder / "copy.db"))
    assert code == 1
    assert "row 2 is not as it was written. This copy of it cannot be restored." in said
    assert (home.folder / "copy.db").exists()
    assert home.run("db", "backup", "--json", str(home.folder / "copy2.db"))[0] == 1
    code, said = home.run("db", "restore", str(home.folder / "copy.db"))
    assert code == 1


@pytest.mark.parametrize("action", ["verify", "backup"])
def test_a_database_that_is_not_there_is_not_made(home: Home, action: str) -> None:
    code, said = home.run("db", action)
    assert code == 1
    assert "does not exist" in said
    assert not home.file.exists()


def test_an_action_must_be_named(home: Home) -> None:
    assert home.run("db")[0] == 2
    assert home.run("audit")[0] == 2
    assert home.run("db", "restore")[0] == 2


def test_an_error_of_the_database_is_told_without_the_statement_and_its_values() -> None:
    gone = Exception("no such\n  table")
    error = OperationalError("SELECT doc FROM trades WHERE key = ?", ("T-SECRET",), gone)
    assert "T-SECRET" in str(error)
    assert in_words(error) == "no such table"
    assert in_words(KeyError()) == "KeyError"
