"""Under the bot's name: mode, day, positions, and a colour; never more often than Discord takes."""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import discord
import pytest

from bot.panel.presence import EVERY_S, Presence, colour, words
from engine.reports import Missing
from engine.reports import status as status_report
from tests.unit.reports import examples as ex


def report(change: str | None = "1200", **more: Any) -> status_report.StatusReport:
    line = status_report.AccountLine(
        name="main",
        broker="paper",
        equity_usd=Decimal(101_200),
        day_change_usd=Missing("no quote") if change is None else Decimal(change),
        realised_today_usd=Decimal(0),
        n_trades_today=3,
        loss_streak=0,
    )
    built = status_report.build(ex.frame())
    today = line.day_change_usd
    return replace(built, **({"accounts": (line,), "pnl_today_usd": today, "n_open": 3} | more))


def test_it_says_mode_day_and_positions() -> None:
    assert words(report()) == "PAPER · +1.2 % · 3 pos"
    assert words(report("-20")) == "PAPER · 0.0 % · 3 pos"
    assert words(report(None)) == "PAPER · 3 pos", "a figure that is not known is not 0"
    assert words(report(halted="by hand")) == "PAPER · HALTED · +1.2 % · 3 pos"


def test_red_is_no_entries_amber_is_look_here() -> None:
    assert colour(report(), is_heard=True) is discord.Status.online
    assert colour(report(), is_heard=False) is discord.Status.idle
    assert colour(report(problems=(("feed", "down"),)), is_heard=True) is discord.Status.idle
    assert colour(report(halted="by hand"), is_heard=True) is discord.Status.dnd
    assert colour(report(is_reconciled=False), is_heard=True) is discord.Status.dnd


async def test_nothing_is_sent_while_nothing_changed_and_anew_after_a_new_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[str] = []
    now = report()

    async def change(*, activity: discord.CustomActivity, status: discord.Status) -> None:
        sent.append(f"{activity.name} {status}")

    monkeypatch.setattr("bot.panel.presence.status_of", lambda _: now)
    app: Any = SimpleNamespace(
        link=SimpleNamespace(is_up=True),
        bot=SimpleNamespace(change_presence=change),
        desk=SimpleNamespace(book=SimpleNamespace(facts={})),
    )
    presence = Presence(app)
    await presence.tell()
    await presence.tell()
    assert sent == ["PAPER · +1.2 % · 3 pos online"]
    presence.forget()
    await presence.tell()
    assert len(sent) == 2
    now = report(n_open=4)
    await presence.tell()
    assert sent[-1].endswith("4 pos online")
    app.link.is_up = False
    presence.forget()
    await presence.tell()
    assert len(sent) == 3
    assert EVERY_S >= 15, "Discord takes five changes in 20 s, and other things are said too"
