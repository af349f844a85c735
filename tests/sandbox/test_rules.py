"""What Discord refuses is refused, with and without its published schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.sandbox.checks import commands, components, messages, modals

Json = dict[str, Any]


def button(**more: Any) -> Json:
    return {"type": 2, "style": 1, "label": "Go", "custom_id": "go"} | more


def row(*parts: Json) -> Json:
    return {"type": 1, "components": list(parts)}


def menu(**more: Any) -> Json:
    return {"type": 3, "custom_id": "m", "options": [{"label": "A", "value": "a"}]} | more


def text(content: str) -> Json:
    return {"type": 10, "content": content}


def option(name: str, **more: Any) -> Json:
    return {"type": 3, "name": name, "description": "d"} | more


def slash(name: str = "go", **more: Any) -> Json:
    return {"type": 1, "name": name, "description": "d"} | more


def embed(**more: Any) -> Json:
    return {"title": "t"} | more


V2 = 1 << 15
BAD_MESSAGES: list[tuple[str, Json]] = [
    ("content", {"content": "x" * 2001}),
    ("nonce", {"content": "x", "nonce": "n" * 26}),
    ("11 embeds", {"embeds": [embed()] * 11}),
    ("embed title", {"embeds": [embed(title="x" * 257)]}),
    ("embed description", {"embeds": [embed(description="x" * 4097)]}),
    ("embed footer", {"embeds": [embed(footer={"text": "x" * 2049})]}),
    ("embed author", {"embeds": [embed(author={"name": "x" * 257})]}),
    ("26 fields", {"embeds": [embed(fields=[{"name": "n", "value": "v"}] * 26)]}),
    ("empty field", {"embeds": [embed(fields=[{"name": "n", "value": " "}])]}),
    ("field value", {"embeds": [embed(fields=[{"name": "n", "value": "x" * 1025}])]}),
    ("embed sum", {"embeds": [embed(description="x" * 3100)] * 2}),
    ("6 rows", {"components": [row(button(custom_id=str(n))) for n in range(6)]}),
    ("6 buttons", {"components": [row(*(button(custom_id=str(n)) for n in range(6)))]}),
    ("no row", {"components": [button()]}),
    ("select beside button", {"components": [row(menu(), button())]}),
    ("no custom_id", {"components": [row(button(custom_id=None))]}),
    ("long custom_id", {"components": [row(button(custom_id="x" * 101))]}),
    ("same custom_id", {"components": [row(button(), button())]}),
    ("empty button", {"components": [row(button(label=None))]}),
    ("long label", {"components": [row(button(label="x" * 81))]}),
    ("link without url", {"components": [row(button(style=5, custom_id=None))]}),
    ("26 options", {"components": [row(menu(options=[{"label": "A", "value": "a"}] * 26))]}),
    ("no options", {"components": [row(menu(options=[]))]}),
    ("min over max", {"components": [row(menu(min_values=2, max_values=1))]}),
    ("max over options", {"components": [row(menu(max_values=2))]}),
    ("long placeholder", {"components": [row(menu(placeholder="x" * 151))]}),
    ("v2 without flag", {"components": [text("x")]}),
    ("content with v2", {"content": "x", "flags": V2, "components": [text("x")]}),
    ("embeds with v2", {"embeds": [embed()], "flags": V2, "components": [text("x")]}),
    ("41 components", {"flags": V2, "components": [text("x")] * 41}),
    ("v2 text sum", {"flags": V2, "components": [text("x" * 4001)]}),
    ("nested container", {"flags": V2, "components": [{"type": 17, "components": [
        {"type": 17, "components": [text("x")]}]}]}),
    ("empty gallery", {"flags": V2, "components": [{"type": 12, "items": []}]}),
    ("section alone", {"flags": V2, "components": [{"type": 9, "components": [text("x")]}]}),
    ("mentions both", {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}}),
]  # fmt: skip


@pytest.mark.parametrize("body", [b for _, b in BAD_MESSAGES], ids=[n for n, _ in BAD_MESSAGES])
def test_bad_messages_have_flaws(body: Json) -> None:
    assert list(messages.check(body, 0))


def test_eleven_files_are_too_many() -> None:
    assert list(messages.check({"content": "x"}, 11))
    assert not list(messages.check({"content": "x"}, 10))


GOOD_MESSAGES: list[Json] = [
    {"content": "x" * 2000, "embeds": [embed(description="x" * 4096)]},
    {"components": [row(*(button(custom_id=str(n)) for n in range(5))), row(menu())]},
    {"flags": V2, "components": [{"type": 17, "components": [text("x" * 4000), row(button())]}]},
    {"components": [row(button(style=5, custom_id=None, url="https://example.org"))]},
]


@pytest.mark.parametrize("body", GOOD_MESSAGES)
def test_good_messages_have_none(body: Json) -> None:
    assert not list(messages.check(body, 1))


BAD_COMMANDS: list[tuple[str, list[Json]]] = [
    ("capitals", [slash("Go")]),
    ("space", [slash("go there")]),
    ("no description", [slash(description="")]),
    ("long description", [slash(description="x" * 101)]),
    ("twice", [slash(), slash()]),
    ("101", [slash(f"c{n}") for n in range(101)]),
    ("required after optional", [slash(options=[option("a"), option("b", required=True)])]),
    ("same option", [slash(options=[option("a"), option("a")])]),
    ("26 options", [slash(options=[option(f"o{n}") for n in range(26)])]),
    ("26 choices", [slash(options=[option("a", choices=[
        {"name": f"{n}", "value": f"{n}"} for n in range(26)])])]),
    ("choices and autocomplete", [slash(options=[option("a", autocomplete=True, choices=[
        {"name": "n", "value": "v"}])])]),
    ("long choice", [slash(options=[option("a", choices=[{"name": "x" * 101, "value": "v"}])])]),
    ("mixed", [slash(options=[option("a"), {"type": 1, "name": "s", "description": "d"}])]),
    ("8000 characters", [slash(options=[option(f"o{n}", description="x" * 100, choices=[
        {"name": f"{i:090}", "value": f"{i:090}"} for i in range(10)]) for n in range(5)])]),
    ("menu with description", [{"type": 3, "name": "Do", "description": "d"}]),
]  # fmt: skip


@pytest.mark.parametrize("body", [b for _, b in BAD_COMMANDS], ids=[n for n, _ in BAD_COMMANDS])
def test_bad_commands_have_flaws(body: list[Json]) -> None:
    assert list(commands.check_all(body))


def test_groups_and_subcommands_are_fine() -> None:
    leaf = {"type": 1, "name": "set", "description": "d", "options": [option("a", required=True)]}
    group = {"type": 2, "name": "limit", "description": "d", "options": [leaf]}
    assert not list(commands.check_all([slash("risk", options=[group, leaf | {"name": "x"}])]))
    assert not list(commands.check_all([{"type": 3, "name": "Add to Journal"}]))


def field(**more: Any) -> Json:
    return {
        "type": 18,
        "label": "Why",
        "component": {"type": 4, "custom_id": "w", "style": 1} | more,
    }


BAD_MODALS: list[tuple[str, Callable[[], Json]]] = [
    ("title", lambda: {"custom_id": "m", "title": "x" * 46, "components": [field()]}),
    ("no id", lambda: {"title": "t", "components": [field()]}),
    ("6 items", lambda: {"custom_id": "m", "title": "t", "components": [
        field(custom_id=str(n)) for n in range(6)]}),
    ("same id", lambda: {"custom_id": "m", "title": "t", "components": [field(), field()]}),
    ("label", lambda: {"custom_id": "m", "title": "t", "components": [
        field() | {"label": "x" * 46}]}),
    ("4001", lambda: {"custom_id": "m", "title": "t", "components": [field(max_length=4001)]}),
    ("button", lambda: {"custom_id": "m", "title": "t", "components": [button()]}),
]  # fmt: skip


@pytest.mark.parametrize("make", [m for _, m in BAD_MODALS], ids=[n for n, _ in BAD_MODALS])
def test_bad_modals_have_flaws(make: Callable[[], Json]) -> None:
    assert list(modals.check(make()))


def test_a_plain_modal_is_fine() -> None:
    parts = [field(), {"type": 10, "content": "hint"}]
    assert not list(modals.check({"custom_id": "m", "title": "t", "components": parts}))
    assert not list(components.check([row(button())], is_v2=False, at=()))
