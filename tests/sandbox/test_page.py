"""The page and the control endpoint: guarded, served whole, and usable with a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

from bot.sandbox import Sandbox
from bot.sandbox.hooks import QuickBot, running
from tests.sandbox.browser import CHROMIUM, Page, chromium

JSON = {"Content-Type": "application/json"}


async def test_the_page_comes_with_a_strict_policy(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession(sandbox.api_base) as client:
        async with client.get("/") as answer:
            assert answer.status == 200
            policy = answer.headers["Content-Security-Policy"]
            text = await answer.text()
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "<script>" not in text
        assert "http" not in text
        for name in ("app.js", "style.css", "icon.svg"):
            async with client.get(f"/page/{name}") as answer:
                assert answer.status == 200
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for name in ("nothing.js", "..%2Fserver.py", "%2e%2e%2fserver.py"):
            async with client.get(f"/page/{name}") as answer:
                assert answer.status == 404


def test_the_page_never_parses_html_from_data() -> None:
    folder = Path(__file__).parents[2] / "bot/sandbox/page"
    for path in folder.glob("*.js"):
        code = path.read_text(encoding="utf-8")
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert word not in code, f"{path.name} uses {word}"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_foreign_pages_are_refused(sandbox: Sandbox, headers: dict[str, str]) -> None:
    async with aiohttp.ClientSession(sandbox.api_base) as client:
        for path in ("/_control/state", "/_page/history"):
            async with client.post(path, headers=JSON | headers, data="{}") as answer:
                assert answer.status == 403
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.ws_connect("/_live", headers=headers)


async def test_control_refuses_forms_unknown_verbs_and_impossible_acts(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession(sandbox.api_base) as client:
        async with client.post("/_control/state", data={"a": "b"}) as answer:
            assert answer.status == 415
        for verb, body, status in (
            ("nothing", {}, 404),
            ("say", {"as": "tom"}, 400),
            ("say", {"as": "tom", "channel": "admin", "content": "x"}, 409),
            ("slash", {"as": "tom", "channel": "desk", "command": "x"}, 409),
            ("fault", {"path": "/x", "kind": "odd"}, 400),
        ):
            async with client.post(f"/_control/{verb}", json=body) as answer:
                assert answer.status == status, verb


async def test_without_control_only_people_act() -> None:
    sandbox = await Sandbox.start(control=False)
    async with sandbox, aiohttp.ClientSession(sandbox.api_base) as client:
        async with client.post("/_control/drop", json={}) as answer:
            assert answer.status == 403
        body = {"as": "tom", "channel": "desk", "content": "x"}
        async with client.post("/_page/say", json=body) as answer:
            assert answer.status == 200
        async with client.post("/_page/drop", json={}) as answer:
            assert answer.status == 404


async def test_a_viewer_sees_no_foreign_private_notes_and_no_hidden_channels(
    sandbox: Sandbox, bot: QuickBot
) -> None:
    @bot.tree.command(description="secret")
    async def secret(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("for tom", ephemeral=True)

    async with running(bot):
        await bot.tree.sync()
        await sandbox.user("tom").slash("desk", "secret")
    async with aiohttp.ClientSession(sandbox.api_base) as client:
        for who, seen in (("tom", 1), ("vera", 0)):
            body = {"as": who, "channel": "desk"}
            async with client.post("/_page/history", json=body) as answer:
                assert len(await answer.json()) == seen
        async with client.ws_connect("/_live?as=tom") as live:
            world = (await live.receive_json(timeout=5))["world"]
    assert "admin" not in {channel["name"] for channel in world["channels"]}


class Size(discord.ui.Modal, title="Change the size"):
    amount = discord.ui.Label(text="Quantity", component=discord.ui.TextInput(max_length=4))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        text = f"Size is {self.amount.component.value}"
        await interaction.response.send_message(text, ephemeral=True)


class Ask(discord.ui.View):
    @discord.ui.button(label="Approve", style=discord.ButtonStyle.success)
    async def approve(self, interaction: discord.Interaction, button: Any) -> None:
        button.disabled = True
        await interaction.response.edit_message(content="approved by tom", view=self)

    @discord.ui.button(label="Size")
    async def size(self, interaction: discord.Interaction, _: Any) -> None:
        await interaction.response.send_modal(Size())

    @discord.ui.select(options=[discord.SelectOption(label=s) for s in ("Paper", "Live")])
    async def account(self, interaction: discord.Interaction, select: Any) -> None:
        await interaction.response.send_message(f"{select.values[0]} it is", ephemeral=True)


def desk_bot() -> QuickBot:
    bot = QuickBot()

    async def symbols(_: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        known = ("AAPL", "AMD", "MSFT")
        return [app_commands.Choice(name=s, value=s) for s in known if typed.upper() in s]

    @bot.tree.command(description="Quote a symbol")
    @app_commands.autocomplete(symbol=symbols)
    async def quote(interaction: discord.Interaction, symbol: str) -> None:
        await interaction.response.send_message(f"quote of {symbol}")

    return bot


HAS_TEXT = "document.querySelector('#log').innerText.includes({!r})"


async def _use_everything(page: Page, sandbox: Sandbox) -> None:
    await page.open(f"{sandbox.api_base}/?as=tom&channel=desk")
    await page.until("!!document.querySelector('[data-id]')")
    await page.click("#composer textarea")
    await page.type("hello **desk** <img src=x onerror=alert(1)>")
    await page.press("Enter")
    await page.until(HAS_TEXT.format("<img src=x onerror=alert(1)>"))
    assert sandbox.channel("desk").last.author.name == "tom"
    await page.type("/quo")
    await page.until("!!document.querySelector('.option.command')")
    await page.press("Enter")
    await page.until("!!document.querySelector('[data-option=symbol]')")
    await page.type("ms")
    await page.until("document.querySelector('#pop').innerText.trim() === 'MSFT'")
    await page.press("ArrowDown")
    await page.press("Enter")
    await page.press("Enter")
    await page.until(HAS_TEXT.format("quote of MSFT"))
    await page.click(".btn.green")
    await page.until(HAS_TEXT.format("approved by tom"))
    await page.until("document.querySelector('.btn.green').disabled")
    await page.click(".actions .select")
    await page.until("document.querySelectorAll('#pop .option').length === 2")
    await page.click("#pop .option:nth-child(2)")
    await page.until(HAS_TEXT.format("Live it is"))
    await page.until(HAS_TEXT.format("Only you can see this"))
    await page.click(".btn.grey")
    await page.until("!!document.querySelector('dialog[open] input')")
    await page.type("12")
    await page.press("Enter")
    await page.until(HAS_TEXT.format("Size is 12"))
    await page.click("#theme")
    await page.until("document.documentElement.dataset.theme === 'light'")


async def _look_small(page: Page) -> None:
    await page.size(390, 844, mobile=True)
    await page.until("document.documentElement.scrollWidth <= 390")
    assert await page.js("getComputedStyle(document.querySelector('#side')).visibility") == "hidden"
    await page.click("#menu")
    await page.until("getComputedStyle(document.querySelector('#side')).visibility === 'visible'")


@pytest.mark.skipif(not CHROMIUM, reason="no chromium on this machine")
async def test_a_person_can_do_everything_on_the_page(sandbox: Sandbox, tmp_path: Path) -> None:
    bot = desk_bot()
    async with running(bot), chromium(tmp_path / "profile") as page:
        await bot.tree.sync()
        channel = bot.get_channel(sandbox.channel("desk").id)
        assert isinstance(channel, discord.TextChannel)
        await channel.send("Buy 5 AAPL?", view=Ask(timeout=None))
        await page.size(1280, 800)
        await _use_everything(page, sandbox)
        await _look_small(page)
        assert page.errors == []
