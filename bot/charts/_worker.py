"""The drawing process: reads questions from its stdin, writes pictures to its stdout.

It holds no secrets (the bot hands it a bare environment), opens no sockets, and ends when the bot
does: its stdin then closes.
"""

import importlib
import pickle
import sys

from bot.beside import HEAD, begin, say


def main() -> None:
    """Answer until the bot is gone."""
    questions, answers = sys.stdin.buffer, begin()
    while True:
        head = questions.read(HEAD.size)
        if len(head) < HEAD.size:
            return
        body = questions.read(HEAD.unpack(head)[1])
        is_bad, answer = _answer(body)
        say(answers, is_bad, answer)


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


if __name__ == "__main__":
    main()
