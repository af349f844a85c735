"""Time, ids and chance come from engine/clock.py alone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    Path("engine/clock.py"),  # the one place that reads the machine
    Path("bot/sandbox/clock.py"),  # the sandbox stands for Discord, which has a clock of its own
}
BANNED = {
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "datetime.date.today",
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
    "uuid.uuid1",
    "uuid.uuid4",
    "random",
    "numpy.random",
    "secrets.choice",
    "secrets.randbelow",
}


MENTIONED = re.compile(rf"\b({'|'.join({name.split('.')[0] for name in BANNED})})\b")
"""Whoever imports none of them cannot use any: those files need not be parsed."""


def files() -> list[Path]:
    found = [
        p for folder in ("engine", "storage", "bot", "cogs") for p in (ROOT / folder).rglob("*.py")
    ]
    return sorted(p.relative_to(ROOT) for p in found if p.relative_to(ROOT) not in ALLOWED)


def uses(source: str) -> Iterator[tuple[int, str]]:
    """Line and full name of every banned thing that ``source`` imports or names."""
    if not MENTIONED.search(source):
        return
    tree = ast.parse(source)
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for local, full in _imported(node):
                known[local] = full
                if _is_banned(full):
                    yield node.lineno, full
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_banned(full := _full_name(node, known)):
            yield node.lineno, full


def _is_banned(full: str) -> bool:
    parts = full.split(".")
    return any(".".join(parts[:n]) in BANNED for n in range(1, len(parts) + 1))


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """Local name -> full name."""
    for name in node.names:
        if isinstance(node, ast.ImportFrom):
            yield name.asname or name.name, f"{node.module}.{name.name}"
        else:
            top = name.name.split(".")[0]
            yield (name.asname, name.name) if name.asname else (top, top)


def _full_name(node: ast.Attribute, known: dict[str, str]) -> str:
    parts: list[str] = [node.attr]
    inner: ast.expr = node.value
    while isinstance(inner, ast.Attribute):
        parts.append(inner.attr)
        inner = inner.value
    if not isinstance(inner, ast.Name):
        return ""
    return ".".join([known.get(inner.id, f"local {inner.id}"), *reversed(parts)])


def test_nobody_but_the_clock_asks_the_machine() -> None:
    found = [
        f"{path}:{line}: {name}"
        for path in files()
        for line, name in uses((ROOT / path).read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\ndatetime.now()",
        "from datetime import datetime as dt, UTC\ndt.now(UTC)",
        "import datetime\ndatetime.datetime.utcnow()",
        "import datetime as d\nd.date.today()",
        "import time\nx = time.time()",
        "import time as t\nt.time_ns()",
        "from time import time",
        "import uuid\nuuid.uuid4()",
        "from uuid import uuid4",
        "import random",
        "from random import choice",
        "import numpy as np\nnp.random.default_rng()",
        "from numpy.random import default_rng",
        "import secrets\nsecrets.choice('ab')",
    ],
)
def test_the_rule_goes_red(source: str) -> None:
    assert list(uses(source))


@pytest.mark.parametrize(
    "source",
    [
        "clock.now()",
        "self._clock.now()",
        "import time\ntime.monotonic()",
        "from datetime import datetime\ndatetime.fromisoformat('2026-01-01')",
        "def f(random):\n    return random.pick",
    ],
)
def test_the_rule_leaves_the_injected_clock_alone(source: str) -> None:
    assert not list(uses(source))
