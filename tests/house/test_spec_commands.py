"""The commands that people get are those of the specification, parameter by parameter."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.access import ASKS, PERMISSIONS, Role
from bot.cli import commands

SPEC = Path(__file__).parents[3] / "shared" / "spec" / "commands.md"
LATER = frozenset(
    {
        *("market-sentiment", "economic-calendar", "signals", "strategy-performance"),
        *("ml-status", "screener", "strategy", "options", "workflow", "rules"),
        *("agents", "ml", "report", "readiness", "rollout", "backup"),
    }
)
"""First words of commands whose engines are later work: absent rather than empty."""
ABSENT = {
    "prefs panel": "the panel is one message for all: /panel sections chooses",
    "backtest optimize": "a room has no parameters that could be fitted",
}
LEFT_OUT = {
    "buy": {"strategy": "there are no strategies yet"},
    "sell": {"strategy": "there are no strategies yet"},
    "backtest": {
        "symbols": "a room says its own symbols",
        "mode": "nothing is fitted: the earlier and the later part are always shown",
        **dict.fromkeys(("strategy", "params", "trials", "metric"), "of optimize"),
    },
    "sector-analysis": {"sector": "all eleven fit on one card"},
    "data": {"source": "/data sources lists them all"},
    "risk": {"path": "it is called limit"},
    "audit": {"since": "hours back"},
    "approvals": {"strategy": "there are no strategies yet"},
    "notify": {"sel": "names with commas", "mod": "one parameter, with suggestions"},
    "journal": {"mod": "opens by itself when no text is given"},
}
"""Parameters that a command does not have, and why."""
_WORD = r"[VTA–]|C[12]|approver|§2\\.5"
WORDS = {"str", "int", "num", "bool", "user", "chan", "file", "enum", "enum-multi", "mod", "sel"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the specification: commands of one group, or of one kind."""

    names: tuple[str, ...]
    parameters: frozenset[str]
    choices: Mapping[str, frozenset[str]]
    """Parameter -> what it must offer."""
    roles: str
    confirms: str


def rows() -> Iterator[Row]:
    """Of both tables."""
    for line in SPEC.read_text(encoding="utf-8").splitlines():
        if not line.startswith("| /"):
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)]
        head, parameters = cells[1].replace("*", ""), cells[2]
        if " · /" in head:
            names = [part.strip().lstrip("/") for part in head.split("·")]
        else:
            group, _, leaves = head.lstrip("/").partition(" ")
            split = [leaf.strip() for leaf in re.split(r"[·/]", leaves) if leaf.strip()]
            names = [f"{group} {leaf}" for leaf in split] or [group]
        plain = re.sub(r"\{[^}]*\}|=\S+|\([^)]*\)|[0-9–≤ ]+ ?\d*|\?", " ", parameters)
        offered = re.findall(r"([a-z_-]+) enum\{([^}]*)\}", parameters)
        yield Row(
            names=tuple(names),
            parameters=frozenset(re.findall(r"[a-z][a-z_-]+", plain)) - WORDS,
            choices={n: frozenset(w.strip() for w in words.split(",")) for n, words in offered},
            roles=cells[4],
            confirms=cells[5],
        )


def by_name(row: Row, cell: str) -> dict[str, str]:
    """Which word of a cell is said of which command of its row.

    ``A``, ``A (status V)``, ``T check, A others``, ``V / A / A``, ``C1 load/import``.
    """
    leaves = {name: name.split()[-1] for name in row.names}
    parts = [part.strip() for part in cell.split("/")]
    if len(parts) == len(row.names) > 1 and all(re.fullmatch(_WORD, p) for p in parts):
        return dict(zip(row.names, parts, strict=True))
    first = re.match(rf"({_WORD})(?![a-z ]*[a-z])", cell) or re.match(rf"({_WORD}) \(", cell)
    said: dict[str, str] = {}
    inside = re.search(r"\(([^)]*)\)", cell)
    turned = re.findall(rf"([a-z/, -]+) ({_WORD})", inside[1]) if inside else []
    plain = [(words, word) for word, words in re.findall(rf"({_WORD}) ([a-z/ -]+)", cell)]
    for words, word in turned or plain:
        named = re.split(r"[,/ ]+", words)
        hit = [n for n, leaf in leaves.items() if leaf in named or leaf.split("-")[-1] in named]
        others = [n for n in row.names if n not in said] if "others" in named else []
        said |= dict.fromkeys(
            hit or others or (row.names if len(row.names) == 1 and not turned else ()), word
        )
    return {name: said.get(name, first[1] if first else "–") for name in row.names}


ROLES = {
    **dict.fromkeys(("chart pnl", "chart equity", "chart heatmap", "chart payoff"), "T"),
}
"""V/T of the charts, read: V for the market's, T for the desk's own figures."""
ASKED = {
    **dict.fromkeys(
        ("settings view", "settings diff", "settings history", "settings validate"), "–"
    ),
    **dict.fromkeys(("approvals history", "risk check"), "–"),
    **dict.fromkeys(("approvals reject", "approvals modify"), "–"),
    "order modify": "C1",
    "risk freeze": "C1",
    **dict.fromkeys(("settings set", "settings rollback", "risk set"), "C2"),
    **dict.fromkeys(("settings load", "settings import"), "C2"),
    "risk unfreeze": "C2",
    **dict.fromkeys(("action", "actions"), "§2.5"),
    "alerts replay": "C1",
}
"""Confirmations of rows that say one word of several commands: those that only read ask nothing,
2.5 names order modify, and of decisions the approval in live mode alone; what loosens is C2, also
by a file; trading an old alert on paper asks although its row does not say so."""
NOT_OFFERED = {
    ("export", "what"): {"signals": "there are no strategies yet"},
    ("chart candles", "overlays"): {"patterns": "there is no agent that finds them yet"},
    ("override", "target"): {"earnings": "no news yet", "sentiment": "no news yet"},
    ("notify rule-add", "type"): {"ml": "there are no models yet"},
    ("notify test", "channel"): dict.fromkeys(
        ("discord", "dm", "email", "sms", "webhook"), "names of the secrets TS_NOTIFY_<NAME>"
    ),
}
"""Choices that a parameter does not have, and why."""


def level(said: str) -> str:
    """How much a command asks, by the words of the page."""
    if "typed word" in said or "second admin" in said:
        return "C2"
    if "what the action asks" in said:
        return "§2.5"
    return "C1" if "click" in said else "–"


@pytest.mark.skipif(not SPEC.exists(), reason="the specification is not here")
async def test_every_command_needs_the_role_asks_and_offers_what_its_row_says() -> None:
    tree = {c.qualified_name: c for c in await commands.tree() if hasattr(c, "parameters")}
    letters = {Role.VIEWER: "V", Role.TRADER: "T", Role.ADMIN: "A"}
    wrong, seen = [], 0
    for row in rows():
        roles, asked = by_name(row, row.roles) | ROLES, by_name(row, row.confirms) | ASKED
        for name in row.names:
            if name not in tree:
                continue
            seen += 1
            right = PERMISSIONS[name]
            role = "approver" if right.approves else letters[right.role]
            if role != roles[name]:
                wrong.append(f"{name}: role {role}, the row says {row.roles}")
            asks = level(ASKS.get(name, ""))
            if asks != asked[name]:
                wrong.append(f"{name}: asks {asks}, the row says {row.confirms}")
            for parameter in tree[name].parameters:
                has = {str(c.value) for c in parameter.choices}
                left_out = NOT_OFFERED.get((name, parameter.display_name), {})
                lacks = row.choices.get(parameter.display_name, frozenset()) - has - set(left_out)
                wrong += [f"{name}: {parameter.display_name} {c}" for c in sorted(lacks)]
    assert wrong == []
    assert seen > 120


def test_the_cells_of_the_specification_are_read_as_a_person_reads_them() -> None:
    def read(cell: str, *names: str) -> dict[str, str]:
        row = Row(names=names, parameters=frozenset(), choices={}, roles=cell, confirms=cell)
        return by_name(row, cell)

    assert read("A (status V)", "m start", "m status") == {"m start": "A", "m status": "V"}
    assert read("T check, A others", "r check", "r set") == {"r check": "T", "r set": "A"}
    assert read("V / A / A", "o a", "o b", "o c") == {"o a": "V", "o b": "A", "o c": "A"}
    assert read("C1 load/import", "s save", "s load") == {"s save": "–", "s load": "C1"}
    assert read("C1 remove", "n rule-add", "n rule-remove") == {
        "n rule-add": "–",
        "n rule-remove": "C1",
    }
    assert read("C1 on execute", "rebalance") == {"rebalance": "C1"}
    assert read("–", "x") == {"x": "–"}


@pytest.mark.skipif(not SPEC.exists(), reason="the specification is not here")
async def test_every_command_in_scope_is_there_with_its_parameters() -> None:
    tree = {c.qualified_name: c for c in await commands.tree() if hasattr(c, "parameters")}
    seen, missing = set(), []
    for row in rows():
        names, wanted = row.names, row.parameters
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
