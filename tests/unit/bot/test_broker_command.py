"""``tradestream broker``: the owner lets the desk in through a terminal; the token is ours."""

import asyncio
import io
import os
import stat
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import __main__ as start
from bot.config.file import read_yaml
from engine.brokers.paper import PaperSettings
from engine.clock import SystemClock
from tests.conformance.broker_bench import MemoryVault
from tests.venues import etrade, schwab
from tests.venues.venue import Venue

ROOT = Path(__file__).parents[3]
NUMBER = "84010429"


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("TS_", "TRADESTREAM_")) or name == "CREDENTIALS_DIRECTORY":
            monkeypatch.delenv(name)


async def opened(kind: type[Venue]) -> Venue:
    terms = PaperSettings(start_cash_usd={NUMBER: Decimal(1000)})
    return await kind(SystemClock(), MemoryVault(), terms).start()


@pytest.fixture
async def at_etrade() -> AsyncIterator[etrade.EtradeVenue]:
    venue = await opened(etrade.EtradeVenue)
    assert isinstance(venue, etrade.EtradeVenue)
    yield venue
    await venue.stop()


@pytest.fixture
async def at_schwab() -> AsyncIterator[schwab.SchwabVenue]:
    venue = await opened(schwab.SchwabVenue)
    assert isinstance(venue, schwab.SchwabVenue)
    yield venue
    await venue.stop()


def configured(folder: Path, name: str, url: str) -> Path:
    values: dict[str, Any] = read_yaml(ROOT / "config.yaml")
    addresses = dict.fromkeys(("rest_url", "token_url", "authorize_url"), url)
    values["brokers"] = {name: addresses}
    values["accounts"] = {"main": {"broker": name}}
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(values))
    return file


def token_files(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("etrade") if p.is_file()]


async def said(monkeypatch: pytest.MonkeyPatch, words: list[str], typed: str | None = None) -> int:
    """Run it in a thread of its own, as the venue lives on this loop."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("" if typed is None else typed))
    return await asyncio.to_thread(start.main, words)


async def test_a_code_becomes_a_token_that_nobody_else_may_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    at_etrade: etrade.EtradeVenue,
) -> None:
    file = str(configured(tmp_path, "etrade", at_etrade.url))
    monkeypatch.setenv("TS_ETRADE_KEY", etrade.KEY)
    monkeypatch.setenv("TS_ETRADE_SECRET", etrade.SECRET)
    words = ["--config", file, "broker"]
    assert await said(monkeypatch, [*words, "check", "etrade"]) == 1
    assert "tradestream broker connect etrade" in capsys.readouterr().err
    assert await said(monkeypatch, [*words, "connect", "etrade"], "WRONG\n") == 1
    assert await said(monkeypatch, [*words, "connect", "etrade"], f"{at_etrade.code}\n") == 0
    told = capsys.readouterr()
    assert f"{at_etrade.url}?key={etrade.KEY}&token=" in told.out
    assert "etrade is connected until" in told.out
    assert "account …429: margin" in told.out
    assert NUMBER not in told.out
    (token,) = token_files(tmp_path)
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    kept = token.read_text()
    assert any(secret in kept for secret in at_etrade.tokens)
    assert not any(secret in told.out + told.err for secret in at_etrade.tokens)
    assert await said(monkeypatch, [*words, "check", "etrade"]) == 0
    assert "dry run: ok" in capsys.readouterr().out


async def test_the_address_of_the_browser_becomes_a_consent_of_seven_days(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    at_schwab: schwab.SchwabVenue,
) -> None:
    file = str(configured(tmp_path, "tda", at_schwab.url))
    monkeypatch.setenv("TS_SCHWAB_KEY", schwab.KEY)
    monkeypatch.setenv("TS_SCHWAB_SECRET", schwab.SECRET)
    words = ["--config", file, "broker", "connect", "tda"]
    assert await said(monkeypatch, words, "https://127.0.0.1:8182/?code=A&state=other\n") == 1
    assert "another page" in capsys.readouterr().err
    at_schwab.codes.add("C0.abc@")
    monkeypatch.setattr("secrets.token_urlsafe", lambda _: "a-state")
    typed = "https://127.0.0.1:8182/?code=C0.abc%40&session=x&state=a-state\n"
    assert await said(monkeypatch, words, typed) == 0
    told = capsys.readouterr()
    assert "schwab is connected until" in told.out
    assert "account …429: margin" in told.out
    assert await said(monkeypatch, [*words[:3], "check", "schwab"]) == 0
    assert "orders: ok" in capsys.readouterr().out


async def test_nothing_pasted_changes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    at_etrade: etrade.EtradeVenue,
) -> None:
    file = str(configured(tmp_path, "etrade", at_etrade.url))
    monkeypatch.setenv("TS_ETRADE_KEY", etrade.KEY)
    monkeypatch.setenv("TS_ETRADE_SECRET", etrade.SECRET)
    assert await said(monkeypatch, ["--config", file, "broker", "connect", "etrade"]) == 1
    assert "nothing was changed" in capsys.readouterr().err
    assert token_files(tmp_path) == []


@pytest.mark.parametrize("name", ["paper", "etrade", "nobody"])
async def test_a_broker_that_is_not_configured_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text((ROOT / "config.yaml").read_text())
    assert await said(monkeypatch, ["--config", str(file), "broker", "check", name]) == 78
    assert f"brokers.{name}" in capsys.readouterr().err


async def test_a_missing_key_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(configured(tmp_path, "etrade", "http://127.0.0.1:9"))
    assert await said(monkeypatch, ["--config", file, "broker", "connect", "etrade"]) == 78
    assert "TS_ETRADE_KEY" in capsys.readouterr().err
