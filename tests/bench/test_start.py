"""Start of the real process: launched -> trading ready, with an empty and a full store.

Run with ``make bench``. Nothing is asserted but that it became ready.
"""

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.bench.history import KEY
from tests.bench.meter import line, say
from tests.discord.process import Process, bot, discord_server

pytestmark = pytest.mark.bench

ROUNDS = 7


def cpu_ms(process: Process) -> float:
    """Processor time of it so far."""
    stat = Path(f"/proc/{process.child.pid}/stat").read_text()
    fields = stat.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


async def test_launch_to_trading_ready(tmp_path: Path, history: Path) -> None:
    """Wall time of the launch as a user sees it, interpreter included."""
    (tmp_path / "empty").mkdir()
    shutil.copytree(history, tmp_path / "full")
    say()
    for name in ("empty", "full"):
        folder = tmp_path / name
        key = folder / "audit.key"
        key.write_text(KEY.decode() + "\n")
        key.chmod(0o600)
        wall, cpu, rss = [], [], []
        for _ in range(ROUNDS):
            storage = {"url": f"sqlite:///{folder}/desk.db"}
            async with discord_server() as sandbox, bot(folder, sandbox, storage=storage) as it:
                await it.until(lambda seen: seen["trading_ready"])
                wall.append((time.monotonic() - it.started_at) * 1000)
                cpu.append(cpu_ms(it))
                await it.until(lambda seen: seen["ready"])
                rss.append(it.rss_mb())
        say(f"launch -> trading ready, {name} store")
        line("  wall", wall)
        line("  processor time", cpu)
        line("  resident memory", rss, "MB")
