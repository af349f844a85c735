"""#actions through dpytest: typed words reach the desk, the answer goes to the same room."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import discord
import discord.ext.test as dpytest
import pytest
from discord.utils import SnowflakeList

from bot.app import App
from bot.config import load
from bot.demo import world
from bot.gate import Gate
from tests.live import HandFeed, config_file

NOWHERE: Any = SimpleNamespace(api_base="http://127.0.0.1:9", gateway_url="ws://127.0.0.1:9")


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: Any) -> AsyncIterator[App]:
    monkeypatch.setenv("TS_DISCORD_TOKEN", world.TOKEN)
    made = App(load(config_file(tmp_path, NOWHERE)), feed=HandFeed())
    await made.start_desk()
    bot = made.bot
    await bot._async_setup_hook()
    bot._connection._intents = discord.Intents.all()  # dpytest asks a cache that we do without
    bot._connection.member_cache_flags = discord.MemberCacheFlags.all()
    await bot.load_extension("cogs.actions")
    dpytest.configure(bot, guilds=["Desk"], text_channels=["actions", "lobby"], members=["tom"])
    guild = bot.guilds[0]
    # discord.py 2.7 gives roles colours that dpytest 0.7 does not know: made and given by hand.
    trader = dpytest.backend.make_role("Trader", guild)
    dpytest.get_config().members[0]._roles = SnowflakeList((trader.id,))
    place = made.config.discord.model_copy(
        update={
            "guild_id": guild.id,
            "channels": made.config.discord.channels.model_copy(
                update={"actions": (guild.text_channels[0].id,)}
            ),
            "roles": made.config.discord.roles.model_copy(
                update={"trader": frozenset({trader.id})}
            ),
        }
    )
    made.config = made.config.model_copy(update={"discord": place})
    made.gate = Gate(made)
    try:
        yield made
    finally:
        await dpytest.empty_queue()
        await made.stop()


async def test_what_is_typed_in_the_action_room_is_answered_there(app: App) -> None:
    await dpytest.message("#TSLA close", channel=0, member=0)
    assert dpytest.verify().message().contains().content("TSLA is not held")
    await dpytest.message("#nonsense here", channel=0, member=0)
    assert dpytest.verify().message().contains().content("is not an action I know")
    await dpytest.message("#EMERGENCY-STOP", channel=0, member=0)
    assert dpytest.verify().message().contains().content("Entries are stopped")
    assert app.desk.halted


async def test_another_room_is_not_read(app: App) -> None:
    await dpytest.message("#emergency-stop", channel=1, member=0)
    assert dpytest.verify().message().nothing()
    assert not app.desk.halted
    assert isinstance(app.bot.guilds[0], discord.Guild)
