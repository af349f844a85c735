"""From nothing to a first approved paper trade: init, run, /setup, an alert, a click."""

import asyncio
import os
import re
import stat
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.app import App
from bot.cli import init
from bot.config import load
from bot.process import Process
from bot.sandbox import Sandbox, World, default_world
from bot.sandbox.interactions import Interaction
from bot.sandbox.message import Message
from tests.discord.kit import plain
from tests.live import SPEC, HandFeed

TOKEN = "sandbox-token"
KEEP = {k: v for k, v in os.environ.items() if not k.startswith(("TS_", "TRADESTREAM_"))}
ROOT = Path(__file__).parents[2]


async def verb(folder: Path, *words: str, **environment: str) -> tuple[int, str]:
    """Run one verb of the program as a person would, in a folder of his own."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *words),
        cwd=folder,
        env=KEEP | {"PYTHONPATH": str(ROOT)} | environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(child.communicate(), 30)
    return child.returncode or 0, said.decode()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Path]:
    """``tradestream run`` in that folder; its log."""
    log = folder / "log.txt"
    with log.open("wb") as sink:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run"),
            cwd=folder,
            env=KEEP | {"PYTHONPATH": str(ROOT), "TS_HEALTH__PORT": "0"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    try:
        yield log
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, 9)
        await child.wait()


def newest(sandbox: Sandbox, where: str, *words: str, button: str = "") -> Message | None:
    for message in reversed(sandbox.channel(where).messages):
        if all(w in plain(message) for w in words) and (not button or button in message.labels):
            return message
    return None


async def told(sandbox: Sandbox, used: Interaction) -> Message:
    """What is said privately about a press."""

    def words() -> Message | None:
        notes = [n for n in (*used.followups, used.original) if n and not n.is_loading]
        return next((n for n in notes if n.ephemeral_for is used.user), None)

    return await sandbox.until(words, 15)


async def test_from_nothing_to_a_first_approved_paper_trade(tmp_path) -> None:
    began = time.monotonic()
    spec = SPEC if SPEC.exists() else None
    sandbox = await Sandbox.start(token=TOKEN, spec=spec)
    try:
        (tmp_path / "token.txt").write_text(TOKEN + "\n")
        code, said = await verb(
            tmp_path,
            *("init", "--yes", "--practice", "--token-file", "token.txt"),
            *("--api-base", sandbox.api_base),
        )
        assert code == 0, said
        assert TOKEN not in said
        assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
        async with running(tmp_path) as log:
            trade = await first_trade(sandbox)
            await survives_doctor(tmp_path)
            assert '"level": "ERROR"' not in log.read_text()
        assert not sandbox.problems, sandbox.problems
    finally:
        await sandbox.stop()
    assert trade
    assert time.monotonic() - began < 180, "under three minutes"


async def first_trade(sandbox: Sandbox) -> str:
    """What the server's owner does, step by step."""
    await sandbox.until(lambda: sandbox.gateway.is_connected, 20)
    await sandbox.until(lambda: sandbox.commands.of(sandbox.guild().id), 20)
    refused = sandbox.user("tom", strict=False).slash("desk", "setup")
    await refused.replied()
    assert plain(refused.reply).startswith("⛔")
    olivia = sandbox.user("olivia")
    asked = olivia.slash("desk", "setup")
    await asked.replied()
    assert "○ <@&" in plain(asked.reply), "roles that are there are taken"
    assert "+ #orders" in plain(asked.reply)
    done = olivia.click(asked, "Set it up")
    await done.replied(20)
    words = plain(done.reply)
    assert "everything works" in words, words
    assert "You now have" in words
    assert "mention the bot" in (sandbox.channel("copilot").topic or "")
    example = re.search(r"`(Long [^`]+)`", done.reply.text)
    assert example is not None, words
    olivia.say("alert-room", example[1])
    card = await sandbox.until(lambda: newest(sandbox, "approvals", button="Approve"), 10)
    asked_back = await told(sandbox, olivia.click(card, "Approve"))
    assert "Before your first order" in plain(asked_back)
    await told(sandbox, olivia.click(asked_back, "I understand and accept"))
    answer = await told(sandbox, olivia.click(card, "Approve"))
    assert "approved" in plain(answer), plain(answer)
    await sandbox.until(lambda: newest(sandbox, "desk-panel", "1 position"), 20)
    return example[1]


async def survives_doctor(folder: Path) -> None:
    code, said = await verb(folder, "doctor")
    assert "✓ token: accepted" in said, said
    assert "✗ setup" in said, "the file does not know what the books know"
    assert code == 1


@asynccontextmanager
async def bare(folder: Path, monkeypatch: Any, world: World) -> AsyncIterator[tuple[App, Sandbox]]:
    """A bot that nobody has set up, in this process."""
    monkeypatch.setenv("TS_DISCORD_TOKEN", TOKEN)
    sandbox = await Sandbox.start(world, token=TOKEN)
    guild = world.guilds[0].id
    init._write(
        folder / "config.yaml", guild, sandbox.api_base, sandbox.gateway_url, practice=False
    )
    app = App(load(folder / "config.yaml", {"health": {"port": None}}), feed=HandFeed())
    try:
        await app.start_desk()
        Process(app).show()
        await sandbox.online()
        await sandbox.until(app.bot.is_ready, 10)
        yield app, sandbox
    finally:
        await app.stop()
        await sandbox.stop()


async def test_what_the_bot_may_not_do_is_said_and_chosen_by_hand_instead(
    tmp_path, monkeypatch
) -> None:
    few = ("view_channel", "send_messages", "embed_links", "attach_files", "read_message_history")
    world = replace(default_world(), bot_permissions=few)
    async with bare(tmp_path, monkeypatch, world) as (app, sandbox):
        olivia = sandbox.user("olivia")
        asked = olivia.slash("desk", "setup")
        await asked.replied()
        assert "I lack Manage Channels, Manage Roles" in plain(asked.reply)
        refused = await told(sandbox, olivia.click(asked, "Set it up"))
        assert "Nothing was done" in plain(refused)
        assert not app.config.discord.is_set_up
        for what, chosen in (
            ("channel:admin", sandbox.channel("admin").id),
            ("channel:approvals", sandbox.channel("approvals").id),
            ("role:admin", world.guilds[0].roles[0].id),
        ):
            menu = await told(sandbox, olivia.choose(asked, what, menu="ts:setup:what"))
            answer = await told(sandbox, olivia.choose(menu, str(chosen)))
            assert "is now" in plain(answer), plain(answer)
        assert app.config.discord.roles.admin == {world.guilds[0].roles[0].id}
        assert app.config.discord.channels.approvals == sandbox.channel("approvals").id
        late = sandbox.user("tom", strict=False).choose(
            asked, "channel:orders", menu="ts:setup:what"
        )
        assert "⛔" in plain(await told(sandbox, late))
        elsewhere = olivia.slash("desk", "setup")
        await elsewhere.replied()
        assert "private admin channel alone" in plain(elsewhere.reply), "admins, there, from now on"


async def test_a_second_setup_makes_nothing_twice(tmp_path, monkeypatch) -> None:
    async with bare(tmp_path, monkeypatch, default_world()) as (app, sandbox):
        olivia = sandbox.user("olivia")
        asked = olivia.slash("desk", "setup")
        await asked.replied()
        done = await told(sandbox, olivia.click(asked, "Set it up"))
        assert "everything works" in plain(done), plain(done)
        made = sandbox.channel("desk-admin")
        assert app.config.discord.channels.admin == made.id, "one of our own"
        n_rooms, n_roles = len(made.guild.channels), len(made.guild.roles)
        again = olivia.slash("desk-admin", "setup")
        await again.replied()
        assert "is set up" in plain(again.reply)
        await told(sandbox, olivia.click(again, "Set it up"))
        assert (len(made.guild.channels), len(made.guild.roles)) == (n_rooms, n_roles)
        versions = await app.settings.history()
        assert [v.why for v in versions] == ["/setup"]


async def test_init_names_a_folder_that_cannot_be_written_before_it_asks(tmp_path) -> None:
    for folder in (tmp_path / "nowhere", Path("/proc")):  # not even the superuser may write there
        code, said = await verb(
            tmp_path, "init", "--yes", "--config", str(folder / "config.yaml"), TS_DISCORD_TOKEN="x"
        )
        assert code == 1
        assert said.startswith(f"tradestream init: the folder {folder} cannot be written")
        assert "Nothing was written." in said
        assert len(said.splitlines()) == 1


async def test_init_says_what_is_wrong_before_it_writes_anything(tmp_path) -> None:
    world = replace(default_world(), privileged_intents=("members",))
    sandbox = await Sandbox.start(world, token=TOKEN)
    base = ("--api-base", sandbox.api_base)
    try:
        code, said = await verb(tmp_path, "init", "--yes", *base)
        assert code == 1
        assert "There is no token" in said
        code, said = await verb(tmp_path, "init", "--yes", *base, TS_DISCORD_TOKEN="wrong")
        assert code == 1
        assert "does not accept it" in said
        assert "Reset Token" in said
        assert not list(tmp_path.iterdir())
        code, said = await verb(tmp_path, "init", "--yes", *base, TS_DISCORD_TOKEN=TOKEN)
        assert code == 1
        assert "switch on Message Content Intent" in said
        assert (tmp_path / "config.yaml").exists()
        assert not (tmp_path / ".env").exists(), "the token stays where it was"
        code, said = await verb(tmp_path, "init", "--yes", *base, TS_DISCORD_TOKEN=TOKEN)
        assert "is there already" in said
        code, said = await verb(
            tmp_path, "init", "--yes", "--api-base", "http://example.org", TS_DISCORD_TOKEN=TOKEN
        )
        assert "--force" in said or "this machine" in said
        code, said = await verb(tmp_path, "doctor", TS_DISCORD_TOKEN=TOKEN)
        assert code == 1
        assert "✗ Message Content Intent: off" in said
    finally:
        await sandbox.stop()
