"""Messages of an adversarial reader, labelled before the parser was read: no wrong order, ever."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bot.__main__ import main

FILE = Path(__file__).with_name("refuted.jsonl")
ROWS: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
SETS = sorted({row["set"] for row in ROWS})

EFFECT = {
    "BTO": "open+", "BUY": "open+", "LONG": "open+", "STC": "close+", "SELL": "close+",
    "STO": "open-", "SHORT": "open-", "BTC": "close-",
}  # fmt: skip

Label = dict[str, Any]


def legs_of(label: Label) -> list[tuple[Any, ...]]:
    return sorted(
        (EFFECT[leg["action"]], leg["right"], leg["strike"], leg["expiry"], leg.get("ratio") or 1)
        for leg in label.get("legs") or []
    )


def trade(label: Label) -> tuple[Any, ...]:
    """What an order must get right; the price does not count where nothing is traded."""
    action = label["action"]
    price = label.get("price_range") or label.get("price")
    return (
        EFFECT.get(action, action), label["symbol"], label.get("expiry"), label.get("strike"),
        label.get("right"), legs_of(label), None if action in ("UPDATE", "CANCEL") else price,
    )  # fmt: skip


def trades(label: Label) -> list[tuple[Any, ...]]:
    return [trade(label), *map(trade, label.get("also") or [])]


def size(label: Label) -> tuple[Any, ...]:
    fraction = round(label.get("fraction") or 0, 2)
    partial = bool(label.get("partial"))
    return label.get("quantity"), fraction, partial, label.get("stop"), label.get("targets") or []


def verdict(want: Label, got: Label) -> str:
    acts = got["kind"] == "alert" and not got["needs_human"]
    if want["kind"] == "none":
        return "silent" if acts else "trap-asked" if got["kind"] == "alert" else "ok"
    if want.get("needs_human"):
        return "silent" if acts else "ok"
    if not acts:
        return "asked" if got["kind"] == "alert" else "missed"
    if trades(want) != trades(got):
        return "silent"
    return "exact" if size(want) == size(got) else "size"


def read_all(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, Label]]:
    assert main(["parse", "--jsonl", str(FILE)]) == 0
    said = map(json.loads, capsys.readouterr().out.split("\n")[:-1])
    by_id = {row["id"]: row["result"] for row in said}
    return [(verdict(row["expect"], by_id[row["id"]]), row) for row in ROWS]


def test_nothing_is_traded_wrongly(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [
        (what, row["id"], row["content"])
        for what, row in read_all(capsys)
        if what in ("silent", "size")
    ]
    assert not wrong


@pytest.mark.parametrize("name", SETS)
def test_clear_orders_are_read_and_chatter_is_left_alone(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = [(what, row) for what, row in read_all(capsys) if row["set"] == name]
    count = Counter(what for what, _ in mine)
    clear = count["exact"] + count["asked"] + count["missed"]
    traps = sum(row["expect"]["kind"] == "none" for _, row in mine)
    assert count["exact"] >= 0.97 * clear, count
    assert count["trap-asked"] <= 0.05 * traps, count
