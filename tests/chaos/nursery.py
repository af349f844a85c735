"""Lives of the bot for the price of a fork: its modules are read once, everything else is as ever.

Each life is a process of its own, from the first statement of ``python -m bot`` on, with its own
group, log and chance, and dies by ``kill -9`` like any other. Only what Python imports is shared,
which is most of what a start costs on a busy machine.
"""

import asyncio
import gc
import importlib
import json
import os
import pkgutil
import random
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

PACKAGES = ("engine", "storage", "bot", "cogs")
APART = ("bot.__main__", "bot.charts", "bot.demo", "bot.sandbox", "storage.migrations", "engine.ml")
"""Not part of a start."""


class Born:
    """One life, as :class:`asyncio.subprocess.Process` would show it."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self._nursery, self.pid = nursery, pid
        self._code: int | None = None

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it lives."""
        if self._code is None and not is_alive(self.pid):
            return -signal.SIGKILL
        return self._code

    def terminate(self) -> None:
        """SIGTERM."""
        os.kill(self.pid, signal.SIGTERM)

    async def wait(self) -> int:
        """Until it has ended; its exit code."""
        while self._code is None:
            if is_alive(self.pid):
                await asyncio.sleep(0.02)
            else:
                self._code = int((await self._nursery.tell({"bury": self.pid}))["code"])
        return self._code


class Nursery:
    """The process that all lives are forked from."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def open(self, broker: str) -> None:
        """Read the modules in, the broker's among them."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.nursery", broker),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert (await self._answer())["ready"]

    async def close(self) -> None:
        """No more lives."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            await process.wait()

    async def birth(self, config: Path, log: Path, env: dict[str, str]) -> Born:
        """``python -m bot run`` with this configuration, its output appended to ``log``."""
        words = ["run", "--config", str(config)]
        made = await self.tell({"run": words, "log": str(log), "env": env})
        return Born(self, int(made["pid"]))

    async def tell(self, what: dict[str, Any]) -> dict[str, Any]:
        """One request and its answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        async with self._turn:
            self._process.stdin.write(json.dumps(what).encode() + b"\n")
            return await self._answer()

    async def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return found


def is_alive(pid: int) -> bool:
    """Whether it runs still."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"


# -- inside


def _read_in(broker: str) -> None:
    for name in PACKAGES:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            is_others = found.name.startswith(("engine.brokers.", "engine.feeds."))
            if is_others and f".{broker}" not in found.name and "._" not in found.name:
                continue
            if not found.name.startswith(APART):
                with suppress(ImportError):  # of a library that is not here
                    importlib.import_module(found.name)


def _live(words: list[str], log: str, env: dict[str, str]) -> None:
    os.setsid()
    with Path(log).open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["bot", *words]
    random.seed()
    from bot.__main__ import main

    code = 1
    try:
        code = main(words)
    finally:
        sys.stdout.flush()
        os._exit(code)


def serve(broker: str) -> None:
    """Fork on request until nobody asks any more."""
    _read_in(broker)
    gc.freeze()  # so that a life's first collection does not copy all of it
    print(json.dumps({"ready": True}), flush=True)  # noqa: T201 - the answer
    for line in sys.stdin:
        asked = json.loads(line)
        if "bury" in asked:
            _, status = os.waitpid(asked["bury"], 0)
            answer = {"code": os.waitstatus_to_exitcode(status)}
        else:
            pid = os.fork()
            if not pid:
                _live(asked["run"], asked["log"], asked["env"])
            answer = {"pid": pid}
        print(json.dumps(answer), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    serve(sys.argv[1])
