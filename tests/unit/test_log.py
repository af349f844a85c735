"""The log: one JSON object per line, its story's id in it, no secret in it."""

import asyncio
import base64
import html
import io
import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from bot import log

ROOT = Path(__file__).parents[2]
CANARY = "zq7Kiwi/+ 'ü\"\\9&Zk=="


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """A log at DEBUG that knows the canary, as it was written."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.getLogRecordFactory())
    hooks = (sys.excepthook, threading.excepthook)
    root.handlers[:] = []
    out = io.StringIO()
    log.start(level="DEBUG", secrets=[CANARY], stream=out)
    yield out
    logging.captureWarnings(capture=False)
    root.handlers[:], level, factory = before
    root.setLevel(level)
    logging.setLogRecordFactory(factory)
    sys.excepthook, threading.excepthook = hooks


def fail(error: Exception) -> None:
    raise error


def entries(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_says_when_what_who_and_which_story(lines: io.StringIO) -> None:
    with log.story("C-7"):
        logging.getLogger("engine.flows").info("sent %s", "O-1", extra={"order_id": "O-1"})
    logging.getLogger("engine.flows").info("later")
    first, second = entries(lines)
    assert str(first.pop("at")).endswith("Z")
    assert first == {
        "level": "INFO",
        "logger": "engine.flows",
        "correlation": "C-7",
        "message": "sent O-1",
        "extra": {"order_id": "O-1"},
    }
    assert second["correlation"] == ""


async def test_each_task_keeps_its_own_story(lines: io.StringIO) -> None:
    async def work(name: str) -> None:
        with log.story(name):
            await asyncio.sleep(0)
            logging.getLogger("x").info("from %s", name)

    await asyncio.gather(*(work(f"C-{n}") for n in range(5)))
    assert all(
        e["message"] == f"from {e['correlation']}" for e in entries(lines) if e["logger"] == "x"
    )


def test_an_exception_stays_on_one_line_with_its_trace(lines: io.StringIO) -> None:
    try:
        fail(ValueError("bad\nnews"))
    except ValueError:
        logging.getLogger("x").exception("it broke")
    (entry,) = entries(lines)
    assert "Traceback" in str(entry["exception"])
    assert "bad\nnews" in str(entry["exception"])


def carriers() -> dict[str, object]:
    """The canary in every dress it was seen in."""
    return {
        "plain": CANARY,
        "in a sentence": f"token={CANARY}; next",
        "url-quoted": f"http://127.0.0.1/?t={quote(CANARY, safe='')}",
        "url-quoted path": quote(CANARY),
        "url-quoted, lower case": quote(CANARY, safe="").lower(),
        "a form": urlencode({"t": CANARY}),
        "html": html.escape(CANARY),
        "repr": repr(CANARY),
        "json": json.dumps({"t": CANARY}),
        "json, unicode": json.dumps({"t": CANARY}, ensure_ascii=False),
        "base64": base64.b64encode(CANARY.encode()).decode(),
        "hex": CANARY.encode().hex(),
        "nested": {"headers": {"Authorization": f"Bot {CANARY}"}, "list": [CANARY, (CANARY,)]},
        "bytes": CANARY.encode(),
    }


def marks() -> set[str]:
    """Pieces of the canary that must be nowhere, as plain text and in its dresses."""
    return {
        "zq7Kiwi",
        base64.b64encode(CANARY.encode()).decode()[4:20],
        CANARY.encode().hex()[4:24],
        "9&Zk",
        "9%26Zk",
    }


def assert_clean(text: str) -> None:
    for mark in marks():
        assert mark.lower() not in text.lower(), mark


@pytest.mark.parametrize("dress", carriers())
def test_the_canary_never_appears(lines: io.StringIO, dress: str) -> None:
    logger, value = logging.getLogger("x"), carriers()[dress]
    logger.debug("value %s", value)
    logger.debug("%r", value, extra={"payload": value})
    logger.warning(value)
    try:
        fail(RuntimeError(value))
    except RuntimeError:
        logger.exception("failed", stack_info=True)
    assert len(entries(lines)) == 4
    assert_clean(lines.getvalue())


def test_the_canary_is_not_in_a_chain_of_exceptions(lines: io.StringIO) -> None:
    def call(token: str) -> None:
        raise KeyError(token)

    try:
        try:
            call(CANARY)
        except KeyError as error:
            raise RuntimeError("outer") from error
    except RuntimeError:
        logging.getLogger("x").exception("failed")
    assert "KeyError" in lines.getvalue()
    assert_clean(lines.getvalue())


def test_a_broken_log_call_loses_the_line_but_shows_no_argument(
    lines: io.StringIO, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log.start(level="DEBUG", secrets=[CANARY], file=tmp_path / "desk.log", stream=lines)
    root = logging.getLogger()  # without pytest's own handler, which raises
    root.handlers[:] = [h for h in root.handlers if isinstance(h.formatter, log.JsonLines)]
    logging.getLogger("x").info("%d", CANARY)
    err = capsys.readouterr().err
    assert err.count("a log line of x was lost: TypeError") == 2, "for the file as well"
    assert_clean(err + lines.getvalue())
    log.start(stream=lines)  # lets go of the file


def test_warnings_uncaught_exceptions_and_threads_come_through_it_too(lines: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn(f"old {CANARY}", stacklevel=1)
        logging.captureWarnings(capture=False)
    try:
        fail(ValueError(CANARY))
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    worker = threading.Thread(target=fail, args=(ValueError(CANARY),))
    worker.start()
    worker.join()
    assert len(entries(lines)) == 3
    assert_clean(lines.getvalue())


def test_what_looks_like_a_secret_is_taken_out_though_nobody_named_it(lines: io.StringIO) -> None:
    token = "M" + "a" * 24 + "." + "b" * 6 + "." + "c" * 30
    logging.getLogger("x").info("Bot %s", token)
    logging.getLogger("x").info("%s", "postgresql://desk:" + "hunter22" + "@db/x")
    assert token not in lines.getvalue()
    assert "hunter22" not in lines.getvalue()


def test_a_short_secret_does_not_black_out_the_log() -> None:
    assert log.Redactor(["a", ""])("a banana") == "a banana"


@pytest.mark.parametrize(
    ("secret", "written"),
    [
        ("hunter22", base64.b64encode(b"hunter22").decode()),
        ("hunter22", base64.b64encode(b"hunter22").decode().rstrip("=")),
        ("pä\x07ssword", repr("pä\x07ssword")),
        ("pass'word", repr('pass\'word says "no"')),  # escaped for the sake of the other kind
    ],
)
def test_a_secret_is_known_however_long_it_is_and_whatever_stands_beside_it(
    secret: str, written: str
) -> None:
    clean = log.Redactor([secret])(written)
    assert "[secret]" in clean
    assert written.strip("'=\"")[:6] not in clean


def test_a_second_start_takes_the_place_of_the_first(lines: io.StringIO) -> None:
    again = io.StringIO()
    log.start(secrets=[CANARY], stream=again)
    logging.getLogger("x").info("once")
    assert "once" not in lines.getvalue()
    assert again.getvalue().count("once") == 1


def test_a_secret_inside_another_leaves_no_rest() -> None:
    assert log.Redactor(["abcdef", "abcdefghij"])("x abcdefghij y") == "x [secret] y"


def test_the_file_rotates_is_ours_alone_and_clean(lines: io.StringIO, tmp_path: Path) -> None:
    file = tmp_path / "logs" / "desk.log"
    log.start(level="INFO", secrets=[CANARY], file=file, max_bytes=2_000, backups=2, stream=lines)
    for number in range(60):
        logging.getLogger("x").info("line %d %s", number, CANARY)
    logging.getLogger("x").debug("not at this level")
    written = sorted(file.parent.iterdir())
    assert [f.name for f in written] == ["desk.log", "desk.log.1", "desk.log.2"]
    for path in written:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.stat().st_size <= 2_000
        assert_clean(path.read_text())
    assert json.loads(file.read_text().splitlines()[-1])["message"] == "line 59 [secret]"
    log.start(stream=lines)  # lets go of the file


def run(program: str, name: str) -> "subprocess.CompletedProcess[str]":
    """A process of its own that has a secret in its environment under this name."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], name: CANARY},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_warning_of_a_library_shows_no_secret() -> None:
    program = (
        "import os, warnings; from bot import log\n"
        "said = os.environ['SAID']; log.start(secrets=[said]); warnings.warn('with ' + said)\n"
    )
    done = run(program, "SAID")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stderr)["logger"] == "py.warnings"
    assert_clean(done.stdout + done.stderr)


def test_a_crash_of_the_process_shows_no_secret(tmp_path: Path) -> None:
    """An exception that nobody caught, before any log was set up."""
    config = tmp_path / "config.yaml"
    config.write_text("accounts: {main: {broker: paper}}\n")
    program = (
        "import sys, bot.config\n"
        "def broken(*a):\n"
        "    import os; raise RuntimeError('with ' + os.environ['TS_DISCORD_TOKEN'])\n"
        "bot.config.load = broken\n"
        "from bot.__main__ import main\n"
        f"sys.exit(main(['--config', {str(config)!r}, 'check']))\n"
    )
    done = run(program, "TS_DISCORD_TOKEN")
    assert done.returncode == 1
    assert json.loads(done.stderr)["message"] == "check crashed"
    assert_clean(done.stdout + done.stderr)
