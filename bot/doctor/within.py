"""The looks taken from within a running desk: /diagnose and /monitor test."""

from typing import TYPE_CHECKING

from bot.doctor import PARTS, Finding, Patient, examine
from bot.doctor._rest import DiscordRest

if TYPE_CHECKING:
    from bot.app import App


async def examined(app: "App", parts: tuple[str, ...] = PARTS) -> list[Finding]:
    """Every finding of these parts."""
    config = app.config
    async with DiscordRest(config.discord_token(), config.discord.api_base) as rest:
        patient = Patient(config=config, clock=app.clock, rest=rest, app=app)
        return [finding async for finding in examine(patient, parts)]
