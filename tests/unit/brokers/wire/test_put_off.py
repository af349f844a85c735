"""What a broker's library drags along is imported when it is touched, not before."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.brokers._wire.put_off import put_off

SLOW = "class Stamp:\n    def __init__(self, text):\n        self.text = text\n"
LIBRARY = """
import a_slow_module as slow
from a_slow_module import Stamp

FIRST = Stamp("first")


def text():
    return FIRST.text, Stamp("second").text, slow.Stamp("third").text
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "a_slow_module.py").write_text(SLOW)
    (tmp_path / "a_library.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("a_slow_module", "a_library"):
        sys.modules.pop(name, None)


def test_what_is_never_touched_is_never_imported(folder: Path) -> None:
    with put_off("a_slow_module"):
        import a_library  # type: ignore[import-not-found]
    assert "a_slow_module" not in sys.modules
    assert a_library.text() == ("first", "second", "third")
    assert sys.modules["a_slow_module"].__file__ == str(folder / "a_slow_module.py")


def test_what_is_touched_while_the_library_is_imported_is_the_real_thing(folder: Path) -> None:
    with put_off("a_slow_module"):
        import a_slow_module as standing_in  # type: ignore[import-not-found]

        assert standing_in.Stamp("now").text == "now"
        import a_slow_module

        assert a_slow_module.__file__ == str(folder / "a_slow_module.py")


def test_what_was_there_before_stays(folder: Path) -> None:
    import a_slow_module

    with put_off("a_slow_module"):
        import a_library
    assert a_library.slow is a_slow_module


def test_no_adapter_brings_pandas_along() -> None:
    adapters = "engine.brokers.tastytrade, engine.feeds.tastytrade, "
    adapters += "engine.brokers.alpaca.sdk_stream, engine.brokers.alpaca.sdk_data"
    heavy = "{'pandas', 'pandas_market_calendars', 'exchange_calendars'}"
    code = f"import sys, {adapters}; sys.exit(str({heavy} & set(sys.modules) or ''))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
