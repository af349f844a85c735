"""The commands that people get are those of the specification, parameter by parameter."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.cli import commands

SPEC = Path(__file__).parents[3] / "shared" / "spec" / "commands.md"
LATER = frozenset(
    {
        *("market-sentiment", "news", "economic-calendar", "signals", "strategy-performance"),
        *("ml-status", "screener", "strategy", "options", "workflow", "rules", "backtest"),
        *("agents", "ml", "report", "readiness", "rollout", "backup"),
    }
)
"""First words of commands whose engines are later work: absent rather than empty."""
ABSENT = {
    "prefs panel": "the panel is one message for all: /panel sections chooses",
}
LEFT_OUT = {
    "buy": {"strategy": "there are no strategies yet"},
    "sell": {"strategy": "there are no strategies yet"},
    "sector-analysis": {"sector": "all eleven fit on one card"},
    "data": {"source": "/data sources lists them all"},
    "risk": {"path": "it is called limit"},
    "audit": {"since": "hours back"},
    "approvals": {"strategy": "there are no strategies yet"},
    "notify": {"sel": "names with commas", "mod": "one parameter, with suggestions"},
    "journal": {"mod": "opens by itself when no text is given"},
}
"""Parameters that a command does not have, and why."""
WORDS = {"str", "int", "num", "bool", "user", "chan", "file", "enum", "enum-multi", "mod", "sel"}


def rows() -> Iterator[tuple[list[str], set[str]]]:
    """Full names of a row's commands, and the names of its parameters."""
    for row in SPEC.read_text(encoding="utf-8").splitlines():
        if not row.startswith("| /"):
            continue
        cells = re.split(r"(?<!\\)\|", row)
        head, parameters = cells[1].replace("*", "").strip(), cells[2]
        names: list[str] = []
        if " · /" in head:
            names = [part.strip().lstrip("/") for part in head.split("·")]
        else:
            group, _, leaves = head.lstrip("/").partition(" ")
            split = [leaf.strip() for leaf in re.split(r"[·/]", leaves) if leaf.strip()]
            names = [f"{group} {leaf}" for leaf in split] or [group]
        plain = re.sub(r"\{[^}]*\}|=\S+|\([^)]*\)|[0-9–≤ ]+ ?\d*|\?", " ", parameters)
        found = set(re.findall(r"[a-z][a-z_-]+", plain)) - WORDS
        yield names, found


@pytest.mark.skipif(not SPEC.exists(), reason="the specification is not here")
async def test_every_command_in_scope_is_there_with_its_parameters() -> None:
    tree = {c.qualified_name: c for c in await commands.tree() if hasattr(c, "parameters")}
    seen, missing = set(), []
    for names, wanted in rows():
        group = names[0].split()[0]
        if group in LATER:
            continue
        there = [n for n in names if n in tree]
        missing += [n for n in names if n not in tree and n not in ABSENT]
        seen |= set(there)
        has = {p.display_name for n in there for p in tree[n].parameters}
        missing += [
            f"{' · '.join(names)}: {name}"
            for name in sorted(wanted - has - set(LEFT_OUT.get(group, {})))
        ]
    assert missing == []
    assert len(seen) > 120


async def test_nothing_of_later_work_is_there_and_empty() -> None:
    names = {c.qualified_name.split()[0] for c in await commands.tree()}
    assert not names & LATER
