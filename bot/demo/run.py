"""The demo from curtain to curtain: play, stop, prove, draw, write down, and perhaps stay open."""

import asyncio
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bot.charts import ChartError
from bot.demo import books, pictures, serve, transcript
from bot.demo.crash import SECOND_HALF
from bot.demo.script import FIRST_HALF, Story
from bot.demo.stage import PORT, Missed, Stage, set_up
from bot.demo.telling import Telling
from engine.clock import Clock, SystemClock

OK, FAILED, INTERRUPTED = 0, 1, 130


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to run it."""

    folder: Path = Path("demo-out")
    port: int = PORT
    serves: bool = False
    """Keep everything running afterwards, for play."""


def main(options: Options) -> int:
    """Run it; exit code 0 when every step came about and every figure agrees."""
    return asyncio.run(_guarded(options, SystemClock()))


async def _guarded(options: Options, clock: Clock) -> int:
    """Whichever way this process is asked to end, the bot ends first."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - asyncio.run made one
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, task.cancel)
    telling = Telling(clock)
    try:
        stage = await set_up(options.folder, clock, options.port)
    except Missed as why:
        telling.plain(f"The demo did not start: {why}")
        return FAILED
    code = INTERRUPTED
    try:
        code = await _play(Story(stage, telling), options)
        if code == OK and options.serves:
            await serve.stay_open(stage, telling)
    except asyncio.CancelledError:
        telling.plain("\nStopped.")
    except Missed as why:
        telling.plain(f"\nStopped: {why}. The bot's own log: {stage.log}")
        code = FAILED
    finally:
        await stage.close()
    return code


async def _play(it: Story, options: Options) -> int:
    stage, telling = it.stage, it.telling
    telling.plain(
        "TradeStream demo: the real bot, paper money, a made-up market, a Discord on this "
        f"machine.\nWatch it on {stage.sandbox.api_base}\n"
    )
    try:
        await stage.start_bot()
        telling.say("The bot is connected: books opened, commands registered.")
        for step in (*FIRST_HALF, *SECOND_HALF):
            await step(it)
        await stage.stop_bot()
        read = await books.read(stage)
        proven = books.compare(read, stage)
        drawn = await pictures.draw(stage, read)
    except (Missed, ChartError, AssertionError) as why:
        _write(it, failed=str(why) or "a figure was not as expected")
        telling.plain(f"\nTHE DEMO FAILED\n{why}\nThe bot's own log: {stage.log}")
        return FAILED
    _write(it, read=read, proven=proven, drawn=drawn)
    telling.plain("\n" + "\n".join(books.table(read.report)) + "\n")
    telling.plain("\n".join(f"✓ {line}" for line in proven))
    telling.plain(_where_to_look(stage, telling.after_s, serves=options.serves))
    return OK


def _write(
    it: Story,
    *,
    read: books.Books | None = None,
    proven: list[str] | None = None,
    drawn: dict[str, bytes] | None = None,
    failed: str = "",
) -> None:
    show = transcript.Show(
        sandbox=it.stage.sandbox,
        lines=it.telling.lines,
        back_at=it.back_at,
        books=read,
        proven=proven or [],
        pictures=drawn or {},
        failed=failed,
    )
    file = it.stage.folder / "transcript.html"
    file.write_text(transcript.page(show), encoding="utf-8")


def _short(path: Path) -> str:
    """A path as one would type it here."""
    with suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def _where_to_look(stage: Stage, after_s: float, *, serves: bool) -> str:
    folder, python = stage.folder, _short(Path(sys.executable))
    verify = f"{python} -m bot --config {folder}/config.yaml db verify --report"
    lines = [
        f"\nDone in {after_s:.0f} s. Look at:",
        f"  {folder}/transcript.html   the whole conversation in one file",
        f"  {folder}/pnl-dark.png, pnl-light.png, trade-*.png   the pictures",
        f"  {folder}/desk.db   the books: {verify}",
    ]
    if not serves:
        lines.append("  make demo SERVE=1   the same, and then it stays open for you to play")
    return "\n".join(lines)
