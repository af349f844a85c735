"""Pointing an unmodified discord.py at a loopback, and quick bots for tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import discord
from discord.ext import commands

from bot.stand_in import point_discord_at

__all__ = ["QuickBot", "point_discord_at", "running"]


class QuickBot(commands.Bot):
    """A Bot that is ready in milliseconds and re-identifies without the library's pause."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("command_prefix", "!")
        options.setdefault("intents", discord.Intents.all())
        options.setdefault("guild_ready_timeout", 0.02)
        options.setdefault("max_ratelimit_timeout", 30)
        super().__init__(**options)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Do not sleep."""


@contextlib.asynccontextmanager
async def running(bot: discord.Client, token: str = "sandbox-token") -> AsyncIterator[None]:  # noqa: S107
    """Run a bot inside a test: it is ready in the block and closed after it.

    Raises:
        RuntimeError: the bot ended before it was ready.
    """
    jobs: set[asyncio.Task[object]] = set()
    try:
        await bot.login(token)
        job = asyncio.create_task(bot.connect())
        ready = asyncio.create_task(bot.wait_until_ready())
        jobs = {job, ready}
        await asyncio.wait({job, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        if job.done():
            job.result()
        if not ready.done():
            raise RuntimeError("the bot was not ready within 10 s")
        yield
    finally:
        await bot.close()
        for task in jobs:
            task.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
