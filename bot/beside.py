"""Processes beside the bot: started with a bare environment, spoken to in frames over their pipes.

They hold no secrets and open no sockets.
"""

import asyncio
import os
import signal
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

HEAD = struct.Struct("<BI")
"""Before each message: its kind, and how long it is."""
_ROOT = Path(__file__).resolve().parents[1]
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "MPLCONFIGDIR")
_MOST_BYTES = 8 * 1024 * 1024


async def start(module: str) -> asyncio.subprocess.Process:
    """Run a module of ours, with pipes to its input and from its output."""
    paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={k: os.environ[k] for k in _KEPT if k in os.environ}
        | {"PYTHONPATH": os.pathsep.join(p for p in paths if p)},
        limit=_MOST_BYTES,
    )


def begin() -> BinaryIO:
    """In such a process: where its answers go. Trading first, Ctrl-C is the bot's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        os.nice(10)
    answers = sys.stdout.buffer
    sys.stdout = sys.stderr  # a stray print must not get between the answers
    return answers


def say(out: BinaryIO, kind: int, body: bytes) -> None:
    """One message to the bot."""
    out.write(HEAD.pack(kind, len(body)) + body)
    out.flush()
