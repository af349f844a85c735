"""X-01: every command, button, dialog and #action x role x place, from the live tree."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import discord
import pytest
from discord import app_commands

from bot.buttons.trade import TradeButton
from bot.demo import world as demo
from bot.dialogs import FORMS
from bot.sandbox import Sandbox
from bot.sandbox.message import Upload
from bot.sandbox.world import ChannelSpec, GuildSpec, RoleSpec, UserSpec, World
from bot.views import ApprovalButton
from tests.discord.kit import Desk, desk, plain
from tests.live import SPEC

ELSEWHERE = 900_000_000_000_000_000
SETTINGS = ("set", "diff", "history", "rollback", "validate", "save", "load", "export")
PEOPLE = {
    "stranger": set(),
    "flag": {"flag"},
    "vic": {"viewer"},
    "ted": {"viewer", "trader"},
    "tom": {"viewer", "trader", "approver"},
    "abe": {"viewer", "trader", "admin"},
    "ada": {"viewer", "trader", "admin", "approver"},
}
"""Who may do what a right of this name asks for."""
NEEDS = {
    "roles": "admin",
    "notify channels": "admin",
    **{
        f"prefs {verb}": "viewer"
        for verb in ("show", "set", "theme", "timezone", "reset", "export", "import")
    },
    **{f"settings {verb}": "admin" for verb in (*SETTINGS, "import")},
    **dict.fromkeys(("status", "health summary", "health api-usage", "mode show"), "viewer"),
    **dict.fromkeys(("health detailed", "health metrics"), "viewer"),
    **dict.fromkeys(("risk-limits", "circuit-breaker"), "viewer"),
    **dict.fromkeys((f"alerts {w}" for w in ("list", "search", "show", "stats")), "viewer"),
    **dict.fromkeys(("approvals history", "settings view"), "viewer"),
    **dict.fromkeys(("help", "about", "market-status"), "viewer"),
    **dict.fromkeys(("invite", "tutorial", "examples"), "viewer"),
    **dict.fromkeys(("data quality", "data sources"), "viewer"),
    **dict.fromkeys(("chart candles", "chart compare"), "viewer"),
    **dict.fromkeys(("watchlist view", "watchlist history"), "viewer"),
    **dict.fromkeys(("market-summary", "sector-analysis", "news"), "viewer"),
    "watchlist reset": "admin",
    "data refresh": "admin",
    **dict.fromkeys(("resume-trading", "mode paper", "mode live"), "admin"),
    **dict.fromkeys(("broker test", "broker disable", "broker enable"), "admin"),
    **dict.fromkeys(("broker connect", "broker rotate", "broker settings"), "admin"),
    **dict.fromkeys(("broker route", "broker default", "reconcile"), "admin"),
    **dict.fromkeys(("order resolve", "panel", "setup", "diagnose"), "admin"),
    **dict.fromkeys(("risk freeze", "risk unfreeze", "risk set", "override"), "admin"),
    **dict.fromkeys((f"monitor {w}" for w in ("start", "stop", "test", "sources")), "admin"),
    "monitor reconnect": "admin",
    "monitor status": "viewer",
    **dict.fromkeys(("audit search", "audit show", "logs", "usage"), "admin"),
    **dict.fromkeys(
        (f"approvals {w}" for w in ("approve", "reject", "modify", "bulk")), "approver"
    ),
}
"""Everything else needs a trader."""
PUBLIC = (
    *("mode show", "health api-usage", "health metrics", "risk-limits", "circuit-breaker"),
    *("about", "market-status", "data quality", "data sources", "monitor status"),
    *("chart candles", "chart compare", "watchlist add", "watchlist remove"),
    *("market-summary", "sector-analysis", "news"),
    *("watchlist view", "watchlist history"),
)
"""No account's figures in them."""
PLACES = ("orders", "all-messages", "actions", "admin")


def people() -> World:
    world = demo.world()
    more = (
        UserSpec(id=demo.GUILD + 201, name="flag", roles=("Approver",)),
        UserSpec(id=demo.GUILD + 202, name="ted", roles=("Trader",)),
        UserSpec(id=demo.GUILD + 203, name="abe", roles=("Admin",)),
    )
    other = GuildSpec(
        id=ELSEWHERE,
        name="Elsewhere",
        owner="ada",
        roles=(RoleSpec(id=ELSEWHERE + 1, name="Admin"),),
        channels=(ChannelSpec(id=ELSEWHERE + 11, name="lobby"),),
    )
    both = ("TradeStream Demo", "Elsewhere")
    users = tuple(replace(u, guilds=both) if u.name == "ada" else u for u in world.users)
    return replace(world, guilds=(*world.guilds, other), users=(*users, *more))


@pytest.fixture
async def it(tmp_path, monkeypatch) -> Any:
    sandbox = await Sandbox.start(people(), spec=SPEC if SPEC.exists() else None, token=demo.TOKEN)
    try:
        async with desk(tmp_path, monkeypatch, sandbox=sandbox) as made:
            monkeypatch.setattr(made.app.pace, "count", lambda *_, **__: None)
            yield made
    finally:
        await sandbox.stop()


def leaves(commands: Any) -> Iterator[app_commands.Command[Any, ..., Any]]:
    for command in commands:
        if isinstance(command, app_commands.Group):
            yield from leaves(command.commands)
        elif isinstance(command, app_commands.Command):
            yield command


def options(command: app_commands.Command[Any, ..., Any]) -> dict[str, Any]:
    return {p.display_name: example(p) for p in command.parameters if p.required}


def example(parameter: Any) -> Any:
    """Something that Discord takes for it, and the desk knows nothing of."""
    kind = discord.AppCommandOptionType
    if parameter.choices:
        return parameter.choices[0].value
    if parameter.type in (kind.integer, kind.number):
        return parameter.min_value or 1
    if parameter.type is kind.attachment:
        return Upload("settings.json", b"{}")
    return {kind.boolean: True, kind.user: "vic", kind.channel: "orders"}.get(parameter.type, "X-1")


async def denied(it: Desk) -> int:
    await asyncio.sleep(0.05)
    return len(await it.events("access.denied"))


async def said(it: Desk, used: Any) -> str:
    await used.replied()
    if used.modal is not None:
        return "a dialog"
    message = used.reply
    if plain(message).startswith("⛔"):
        assert message.ephemeral_for is used.user, "a refusal is nobody else's business"
    return plain(message)


async def test_every_command_by_everybody_everywhere(it: Desk) -> None:
    n_refused = 0
    names = list(leaves(it.app.bot.tree.get_commands()))
    assert len(names) >= 12
    for command in names:
        need = NEEDS.get(command.qualified_name, "trader")
        for who, may in PEOPLE.items():
            for where in PLACES:
                is_allowed = need in may and (need != "admin" or where == "admin")
                used = it.user(who, strict=False).slash(
                    where, command.qualified_name, options(command)
                )
                words = await said(it, used)
                is_refused = words.startswith("⛔")
                assert is_refused != is_allowed, (command.qualified_name, who, where, words)
                n_refused += is_refused
    assert await denied(it) == n_refused
    assert n_refused > 100


async def test_every_menu_on_a_message_by_everybody(it: Desk) -> None:
    menus = [c for c in it.app.bot.tree.get_commands() if isinstance(c, app_commands.ContextMenu)]
    assert {"Parse as alert", "Trace this"} <= {m.name for m in menus}
    message = it.user("tom").say("actions", "SPY 603C 11/28 @ 2.50")
    for menu in menus:
        if menu.type is not discord.AppCommandType.message:
            continue
        for who, may in PEOPLE.items():
            used = it.user(who, strict=False).context("actions", menu.name, message)
            assert (await said(it, used)).startswith("⛔") != ("trader" in may), (menu.name, who)
            assert used.ephemeral


async def test_suggestions_are_for_those_who_may(it: Desk) -> None:
    approval, _ = await it.asked()
    for command in leaves(it.app.bot.tree.get_commands()):
        for name, parameter in command._params.items():
            if parameter.autocomplete is None:
                continue
            for who, may in PEOPLE.items():
                shown = it.user(who, strict=False).autocomplete(
                    "orders", command.qualified_name, str(parameter.display_name)
                )
                await shown.acked()
                need = "viewer" if NEEDS.get(command.qualified_name) == "viewer" else "trader"
                assert bool(shown.choices) <= (need in may), (command.qualified_name, who, name)
    found = await it.user("tom").autocomplete("orders", "approvals show", "id").acked()
    assert [c["value"] for c in found.choices] == [approval.approval_id]


async def test_no_command_works_outside_the_server(it: Desk) -> None:
    """D-14: direct messages, another server, a command that comes with the person."""
    ada = it.user("ada").user
    elsewhere = it.sandbox.channel(ELSEWHERE + 11)
    elsewhere.guild.bot_present = True
    original = it.sandbox.interactions._payload
    n = 0
    for command in leaves(it.app.bot.tree.get_commands()):
        used = it.user("ada").slash("admin", command.qualified_name, options(command))
        await used.replied()
        for place in (it.sandbox.dm("ada"), elsewhere, it.sandbox.channel("orders")):
            if place.name == "orders":
                it.sandbox.interactions._payload = lambda item: (
                    original(item) | {"authorizing_integration_owners": {"1": str(item.user.id)}}
                )
            again = it.sandbox.interactions.create(2, ada, place, used.data)
            it.sandbox.interactions._payload = original
            words = await said(it, again)
            assert words.startswith("⛔"), (command.qualified_name, place.name, words)
            n += 1
    assert await denied(it) == n


def presses() -> Iterator[tuple[str, str]]:
    """Every button that there is, on things that there are not; and what it needs."""
    for verb in ApprovalButton.LOOKS:
        yield f"ts:approval:P-NONE:1:{verb}", "approver"
    for verb in TradeButton.LOOKS:
        yield f"ts:trade:T-NONE:{verb}", "trader"
    yield "ts:idea:P-NONE", "trader"


async def test_every_button_by_everybody(it: Desk) -> None:
    n_refused = 0
    _, card = await it.asked()
    for custom_id, need in presses():
        card.components[0]["components"][0]["custom_id"] = custom_id
        for who, may in PEOPLE.items():
            data = {"component_type": 2, "custom_id": custom_id, "id": 1}
            used = it.sandbox.interactions.create(3, it.user(who).user, card.channel, data, card)
            words = await it.answer(used)
            assert words.startswith("⛔") != (need in may), (custom_id, who, words)
            assert used.modal is None
            n_refused += words.startswith("⛔")
    options = [{"label": "x", "value": "T-1"}]
    menu = {"type": 3, "id": 1, "custom_id": "ts:which:P-NONE:1", "options": options}
    card.components = [{"type": 1, "id": 9, "components": [menu]}]
    for who, may in PEOPLE.items():
        data = {"component_type": 3, "custom_id": "ts:which:P-NONE:1", "id": 1, "values": ["T-1"]}
        used = it.sandbox.interactions.create(3, it.user(who).user, card.channel, data, card)
        words = await it.answer(used)
        assert words.startswith("⛔") != ("approver" in may), (who, words)
        n_refused += words.startswith("⛔")
    assert await denied(it) == n_refused


async def test_every_dialog_by_everybody(it: Desk) -> None:
    needs = {
        "modify": "approver",
        "rewrite": "approver",
        "stop": "trader",
        "target": "trader",
        "resume": "admin",
        "live": "admin",
        "note": "trader",
        "review": "trader",
        **dict.fromkeys(("breaker", "override", "unfreeze"), "admin"),
        "trail": "trader",
        "broker": "admin",
    }
    assert set(needs) == set(FORMS)
    for form, need in needs.items():
        for who, may in PEOPLE.items():
            for place in ("admin", "orders"):
                data = {"custom_id": f"ts:form:{form}:X-1:1", "components": []}
                room = it.sandbox.channel(place)
                used = it.sandbox.interactions.create(5, it.user(who).user, room, data)
                words = await said(it, used)
                is_allowed = need in may and (need != "admin" or place == "admin")
                assert words.startswith("⛔") != is_allowed, (form, who, place, words)


ACTIONS = (
    "#SPY",
    "#SPY close",
    "#SPY close 1",
    "#SPY close 50%",
    "#SPY stop 1",
    "#SPY target 9",
    "#SPY trailing 2%",
    "#SPY trailing 2atr",
    "#SPY add 1",
    "#buy SPY 1",
    "#sell SPY 1",
    "#order-TSAB12 cancel",
    "#order-TSAB12 modify price 1",
    "#set-stops 2%",
    "#take-profits",
    "#cancel-all",
    "#close-all",
    "#emergency-stop",
    "#nonsense here",
)


async def test_every_action_by_everybody(it: Desk) -> None:
    n_refused = 0
    for text in ACTIONS:
        for who, may in PEOPLE.items():
            message = it.user(who, strict=False).say("actions", text)
            words = plain((await it.told(message))[0])
            assert words.startswith("⛔") != ("trader" in may), (text, who, words)
            n_refused += words.startswith("⛔")
    assert await denied(it) == n_refused
    assert bool(it.app.desk.halted)


async def test_a_private_figure_is_never_shown_to_a_public_room(it: Desk) -> None:
    """D-15."""
    await it.held()
    for command in leaves(it.app.bot.tree.get_commands()):
        needs = NEEDS.get(command.qualified_name, "trader")
        if needs == "admin" or command.qualified_name in ("status", "emergency-stop", *PUBLIC):
            continue
        used = it.user("tom").slash("all-messages", command.qualified_name, options(command))
        await used.replied(20)
        assert used.ephemeral, command.qualified_name
    assert isinstance(it.app.bot, discord.Client)
