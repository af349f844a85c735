"""The process that plays a room again: the desk's own code at another time, beside the desk.

It holds no secrets, opens no sockets and no files. Without the bot it ends at its next word.
"""

import asyncio
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from bot import replay
from bot.beside import begin, say
from bot.replay import Played, Terms
from engine.backtest import Assumed, tape
from engine.domain.alert import RawAlert
from engine.domain.candle import Candles

AT, DONE, FAILED = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be played."""

    messages: Sequence[RawAlert]
    series: Sequence[tuple[Candles, int]]
    """With the direction of who first opened it."""
    costs: Assumed
    terms: Terms


def main() -> None:
    """One job: read, play, say."""
    out = begin()
    job: Job = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - only the bot writes to it
    try:
        say(out, DONE, pickle.dumps(asyncio.run(_play(job, out))))
    except Exception as error:  # noqa: BLE001 - whatever broke, people are told
        say(out, FAILED, f"{type(error).__name__}: {error}".encode()[:500])


async def _play(job: Job, out: BinaryIO) -> tuple[Played, Played]:
    quotes = [q for series, side in job.series for q in tape(series, side, job.costs)]
    terms = replace(job.terms, tape=quotes)
    n = len(job.messages)

    def told(done: int) -> None:
        say(out, AT, str(done).encode())

    ours = await replay.play(job.messages, terms, guarded=True, told=told)
    free = await replay.play(job.messages, terms, guarded=False, told=lambda k: told(n + k))
    return ours, free


if __name__ == "__main__":
    main()
