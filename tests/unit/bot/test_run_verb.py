"""The start itself, before there is a desk."""

import argparse
import os
import signal
from pathlib import Path

import pytest

from bot.cli import run


def test_a_stop_that_is_asked_for_while_modules_are_read_in_ends_cleanly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """P-01: nothing is connected yet. Death by the signal counted as a crash."""

    def asked(_: Path | None) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("bot.config.load", asked)
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.fail("nobody hears it"))
    try:
        with pytest.raises(SystemExit) as left:
            run.run(argparse.Namespace(config=None))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert left.value.code == 0
