"""The demo's stage: a Discord on loopback in this process, the real bot in a process of its own."""

import asyncio
import fcntl
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import yaml

from bot.config.layers import merged
from bot.demo import world
from bot.demo.market import SEED, Market
from bot.sandbox import Sandbox
from bot.sandbox.actor import Actor
from bot.sandbox.errors import NotAnswered, Refused
from bot.sandbox.interactions import Interaction
from bot.sandbox.message import Message
from engine.clock import Clock

PORT = 8503
PATIENCE_S = 40.0
"""How long the demo waits for anything; a busy machine may need much of it."""
_LEFT_OVERS = (
    *("desk.db*", "audit.key", "bot.log", "market.*", "config.yaml", "transcript.html"),
    *("pnl-*.png", "trade-*.png"),
)

T = TypeVar("T")


class Missed(Exception):
    """A step of the demo did not come about; the text says which, and what was there instead."""


class Stage:
    """Discord, market and bot, and how the demo looks at them: through Discord alone."""

    def __init__(self, folder: Path, clock: Clock, sandbox: Sandbox) -> None:
        self.folder = folder
        self.clock = clock
        self.sandbox = sandbox
        self.market = Market(folder / "market.json", clock)
        self.config = folder / "config.yaml"
        self.log = folder / "bot.log"
        self._bot: asyncio.subprocess.Process | None = None
        self._write_config()

    # -- people -------------------------------------------------------------------------------

    def user(self, name: str, *, strict: bool = True) -> Actor:
        """The hands of one of the demo's people."""
        return self.sandbox.user(name, strict=strict)

    async def press(self, who: str, card: Message, label: str, *, strict: bool = True) -> str:
        """Press a button; what the bot answers to the person who pressed."""
        return await self._said(lambda: self.user(who, strict=strict).click(card, label))

    async def click(self, who: str, card: Message, label: str) -> None:
        """Press a button that changes its own message; nothing private is said."""
        await self._acked(lambda: self.user(who).click(card, label))

    async def ask(self, who: str, card: Message, label: str) -> None:
        """Press a button that asks back in private, and say yes there."""
        asked = await self._acked(lambda: self.user(who).click(card, label))
        note = await self.until(
            lambda: next((n for n in _notes(asked) if n.labels), None),
            f"{label} never asked for confirmation",
        )
        await self.confirm(who, note)

    async def confirm(self, who: str, question: Message) -> None:
        """Say yes to a confirmation: its first button."""
        await self.click(who, question, question.labels[0])

    async def choose(self, who: str, card: Message, value: str) -> str:
        """Choose in a card's menu; the answer."""
        return await self._said(lambda: self.user(who).choose(card, value))

    async def command(self, who: str, where: str, command: str, **options: Any) -> str:
        """Use a slash command; what the bot answers."""
        return await self._said(lambda: self.user(who).slash(where, command, **options))

    async def fill_in(self, who: str, card: Message, label: str, **fields: str) -> str:
        """Press a button that opens a dialog, fill it in and send it; the answer."""
        asked = await self._acked(lambda: self.user(who).click(card, label))
        return await self._said(lambda: self.user(who).submit(asked, fields))

    async def arrival(self) -> None:
        """Wait until prices are where they were led to, and the bot has had time to hear of it."""
        left = (self.market.arrives_at - self.clock.now()).total_seconds()
        await self.clock.sleep(max(left, 0.0) + 0.5)

    async def _said(self, act: Callable[[], Interaction]) -> str:
        used = await self._acked(act)

        def words() -> str:
            return next((note.text for note in _notes(used) if note.text), "")

        return await self.until(words, f"nothing was said to {used.user.name} about {used.name}")

    async def _acked(self, act: Callable[[], Interaction]) -> Interaction:
        """Act once more when a busy machine let Discord's three seconds pass."""
        try:
            try:
                return await act().acked()
            except NotAnswered:
                return await act().acked()
        except (NotAnswered, Refused) as why:
            raise Missed(str(why)) from None

    # -- looking ------------------------------------------------------------------------------

    def find(self, where: str, *words: str, button: str = "") -> Message | None:
        """The newest message of a channel that says all of this and offers this button."""
        for message in reversed(self.sandbox.channel(where).messages):
            text = plain(message)
            if all(word in text for word in words) and (not button or button in message.labels):
                return message
        return None

    async def see(self, where: str, *words: str, button: str = "") -> Message:
        """Wait for such a message.

        Raises:
            Missed: it never came.
        """
        wanted = " + ".join((*words, f"[{button}]") if button else words)
        return await self.until(
            lambda: self.find(where, *words, button=button),
            lambda: f"#{where} never showed {wanted}\n{self._newest(where)}",
        )

    async def until(self, check: Callable[[], T | None], why: Callable[[], str] | str) -> T:
        """Wait for something to be there; a bot that dies meanwhile ends the wait.

        Raises:
            Missed: it never was.
        """

        def look() -> T | None:
            if self._bot is not None and self._bot.returncode is not None:
                raise Missed(f"the bot ended by itself (exit code {self._bot.returncode})")
            return check()

        try:
            found = await self.sandbox.until(look, PATIENCE_S)
        except TimeoutError:
            raise Missed(why if isinstance(why, str) else why()) from None
        assert found is not None  # noqa: S101 - until() returns truthy values only
        return found

    def _newest(self, where: str) -> str:
        messages = self.sandbox.channel(where).messages[-3:]
        return "\n".join(f"  there: {' / '.join(plain(m).splitlines())}" for m in messages)

    # -- the bot ------------------------------------------------------------------------------

    async def start_bot(self) -> None:
        """Start it as a user would, and wait until it is connected and ready to trade."""
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("TS_", "TRADESTREAM_"))}
        with self.log.open("ab") as log:
            self._bot = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot", "run", "--config", str(self.config)),
                env=keep | {"TS_DISCORD_TOKEN": world.TOKEN},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await self.until(lambda: self.sandbox.gateway.is_connected, "the bot never connected")

    @property
    def is_running(self) -> bool:
        """Whether the bot lives."""
        return self._bot is not None and self._bot.returncode is None

    @property
    def pid(self) -> int:
        """The bot's process id."""
        return self._bot.pid if self._bot is not None else 0

    async def kill_bot(self) -> None:
        """``kill -9``: no goodbye, no last write."""
        bot, self._bot = self._bot, None
        if bot is None:
            raise Missed("there was no bot to kill")
        with suppress(ProcessLookupError):  # somebody else was quicker
            os.kill(bot.pid, signal.SIGKILL)
        await bot.wait()
        self._sweep(bot.pid)

    async def stop_bot(self) -> None:
        """Ask it to end, as a supervisor would.

        Raises:
            Missed: it did not, or not cleanly.
        """
        bot, self._bot = self._bot, None
        if bot is None:
            return
        with suppress(ProcessLookupError):
            bot.terminate()
        try:
            async with asyncio.timeout(PATIENCE_S):
                code = await bot.wait()
        except TimeoutError:
            raise Missed(f"the bot did not end within {PATIENCE_S:.0f} s") from None
        finally:
            self._sweep(bot.pid)
        if code:
            raise Missed(f"the bot ended with exit code {code}")

    def _sweep(self, pid: int) -> None:
        """Nothing of the bot's process group outlives it."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)

    async def close(self) -> None:
        """Whatever happened: no process and no port stays behind."""
        if self._bot is not None:
            self._sweep(self._bot.pid)
            await self._bot.wait()
            self._bot = None
        await self.sandbox.stop()

    def complaints(self) -> list[str]:
        """Warnings and errors of the bot's log; empty when all was well."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line for line in lines if not line.startswith("{") or _level(line) in _LOUD]

    def _write_config(self) -> None:
        values = merged(
            world.settings(self.sandbox.api_base, self.sandbox.gateway_url),
            {
                "storage": {"url": "sqlite:///desk.db"},
                "accounts": {"main": {"broker": "paper"}},
                "feed": {"kind": "synthetic", "plan": "market.json", "seed": SEED},
                "health": {"port": None},
                "risk": world.DEMO_RISK,
            },
        )
        head = "# Made by `make demo`: its own server, a made-up market, everything on loopback.\n"
        self.config.write_text(head + yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


_LOUD = ("WARNING", "ERROR", "CRITICAL")


def _notes(used: Interaction) -> list[Message]:
    """What the bot answered to an interaction, by whichever door."""
    return [n for n in (*used.followups, used.original) if n is not None and not n.is_loading]


def plain(message: Message) -> str:
    """What a message says, without its formatting."""
    return message.text.replace("\u00a0", " ").replace("**", "")


def _level(line: str) -> str:
    try:
        return str(json.loads(line).get("level", ""))
    except ValueError:
        return "ERROR"


async def set_up(folder: Path, clock: Clock, port: int = PORT) -> Stage:
    """A clean folder, a Discord on this port (or another when it is taken), no bot yet.

    Raises:
        Missed: another demo is at work in the folder.
    """
    _prepare(folder)
    try:
        sandbox = await Sandbox.start(world.world(), port=port, token=world.TOKEN)
    except OSError:
        sandbox = await Sandbox.start(world.world(), port=0, token=world.TOKEN)
    return Stage(folder, clock, sandbox)


def _prepare(folder: Path) -> None:
    """One demo per folder, until this process ends; what the last one left is gone."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Missed(f"another demo is at work in {folder}; stop it first") from None
    for pattern in _LEFT_OVERS:
        for file in folder.glob(pattern):
            file.unlink()
