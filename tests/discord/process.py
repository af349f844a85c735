"""The unmodified program as a process, against a sandbox and a made-up market."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bot.demo import world
from bot.sandbox import Sandbox
from tests.live import config_file


def free_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass
class Process:
    """One run of ``python -m bot run``."""

    child: asyncio.subprocess.Process
    port: int
    log: Path
    started_at: float = field(default_factory=time.monotonic)

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        address = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(address) as answer:
            return answer.status, await answer.json()

    async def facts(self) -> dict[str, Any] | None:
        try:
            return (await self.get("/health"))[1]
        except aiohttp.ClientError:
            return None

    async def until(self, check: Any, timeout_s: float = 40.0) -> dict[str, Any]:
        """Wait for something to be true of its health."""
        seen: dict[str, Any] | None = None
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            seen = await self.facts()
            if seen is not None and check(seen):
                return seen
            assert self.child.returncode is None, self.text()
            await asyncio.sleep(0.02)
        raise AssertionError(f"never true; health {seen}; log {self.text()[-2000:]}")

    async def ended(self, timeout_s: float = 40.0) -> int:
        return await asyncio.wait_for(self.child.wait(), timeout_s)

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def lines(self) -> list[dict[str, Any]]:
        found = []
        for line in self.text().splitlines():
            with suppress(ValueError):
                found.append(json.loads(line))
        return found

    def rss_mb(self) -> float:
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0


@asynccontextmanager
async def bot(
    folder: Path, sandbox: Sandbox, *, token: str = world.TOKEN, port: int = 0, **more: Any
) -> AsyncIterator[Process]:
    """Start it; it is gone afterwards whatever happened."""
    port = port or free_port()
    config = config_file(folder, sandbox, health={"port": port}, **more)
    log = folder / f"log-{port}.txt"
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("TS_", "TRADESTREAM_"))}
    with log.open("wb") as sink:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run", "--config", str(config)),
            env=keep | {"TS_DISCORD_TOKEN": token},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    made = Process(child, port, log)
    try:
        yield made
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, 9)
        await child.wait()


@asynccontextmanager
async def discord_server(**more: Any) -> AsyncIterator[Sandbox]:
    sandbox = await Sandbox.start(
        more.pop("world", None) or world.world(), token=world.TOKEN, **more
    )
    try:
        yield sandbox
    finally:
        await sandbox.stop()
