"""The drawing process: reads questions from its stdin, writes pictures to its stdout.

It holds no secrets (the bot hands it a bare environment), opens no sockets, and ends when the bot
does: its stdin then closes.
"""

import importlib
import os
import pickle
import signal
import struct
import sys
from contextlib import suppress
from typing import BinaryIO

_HEAD = struct.Struct("<BI")


def main() -> None:
    """Answer until the bot is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the bot's business
    with suppress(OSError):
        os.nice(10)  # trading first
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # a stray print must not get between the pictures
    while True:
        head = questions.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return
        body = questions.read(_HEAD.unpack(head)[1])
        is_bad, answer = _answer(body)
        _say(answers, is_bad, answer)


def _answer(body: bytes) -> tuple[bool, bytes]:
    try:
        name, data, theme = pickle.loads(body)  # noqa: S301 - only the bot writes to this pipe
        if name == "-":
            _load_all()
            return False, b""
        chart = importlib.import_module(f"bot.charts.{name}")
        return False, chart.draw(data, theme)
    except Exception as error:  # noqa: BLE001 - whatever broke, the bot falls back to words
        return True, f"{type(error).__name__}: {error}".encode()[:2000]


def _load_all() -> None:
    """Import every chart and draw its example, so that the first real picture is quick."""
    from bot.charts import names

    for name in names():
        chart = importlib.import_module(f"bot.charts.{name}")
        for theme in ("dark", "light"):
            chart.draw(chart.EXAMPLE, theme)


def _say(out: BinaryIO, is_bad: bool, answer: bytes) -> None:
    out.write(_HEAD.pack(is_bad, len(answer)) + answer)
    out.flush()


if __name__ == "__main__":
    main()
