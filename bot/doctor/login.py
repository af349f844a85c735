"""Discord: is the token taken, are the intents on, is the bot in the server?"""

import math
from collections.abc import AsyncIterator
from typing import Any

from bot.doctor import Finding, Patient
from bot.doctor import _rights as rights
from bot.doctor._rest import Unreachable

CONTENT_FLAGS = 1 << 18 | 1 << 19
CONTENT_OFF = (
    "discord.com/developers/applications → your application → Bot → Privileged Gateway Intents → "
    "switch on Message Content Intent, save"
)


async def look(patient: Patient) -> AsyncIterator[Finding]:
    """One after the other: without the token nothing else can be asked."""
    if patient.rest is None:
        yield Finding(part="Discord", is_ok=None, said="not asked: there is no token")
        return
    try:
        me = await patient.ask("/users/@me")
    except Unreachable as error:
        yield refused(error)
        return
    yield Finding(part="token", is_ok=True, said=f"accepted: the bot is {me['username']}")
    application = await patient.ask("/applications/@me")
    yield content(application)
    async for finding in _server(patient, me, application):
        yield finding
    if patient.app is not None:
        yield _gateway(patient.app)


def refused(error: Unreachable) -> Finding:
    """Why the token could not be used."""
    if error.status == 401:
        return Finding(
            part="token",
            is_ok=False,
            said="Discord does not accept it",
            mend="discord.com/developers/applications → your application → Bot → Reset Token",
        )
    return Finding(
        part="Discord",
        is_ok=False,
        said=error.words,
        mend="is this machine on the internet, and discord.com not blocked (DNS, proxy, firewall)?",
    )


def content(application: Any) -> Finding:
    """Whether messages arrive with their text."""
    is_on = bool(int(application.get("flags") or 0) & CONTENT_FLAGS)
    return Finding(
        part="Message Content Intent",
        is_ok=is_on,
        said="on" if is_on else "off: messages would arrive without text",
        mend="" if is_on else CONTENT_OFF,
    )


async def _server(patient: Patient, me: Any, application: Any) -> AsyncIterator[Finding]:
    config = patient.config.discord
    if config.guild_id is None:
        yield Finding(
            part="server",
            is_ok=False,
            said="discord.guild_id is not set",
            mend="tradestream init --guild-id ID",
        )
        return
    link = rights.invite(application["id"], rights.SETTING_UP, config.guild_id)
    try:
        guild = await patient.ask(f"/guilds/{config.guild_id}")
        member = await patient.ask(f"/guilds/{config.guild_id}/members/{me['id']}")
    except Unreachable as error:
        is_out = error.status in (403, 404)
        yield Finding(
            part="server",
            is_ok=False,
            said="the bot is not a member of it" if is_out else error.words,
            mend=f"invite it: {link}" if is_out else "try again later",
        )
        return
    yield Finding(part="server", is_ok=True, said=f"member of {guild['name']}")
    lacking = rights.missing(rights.in_guild(member, guild), rights.MINIMAL)
    yield Finding(
        part="permissions in the server",
        is_ok=not lacking,
        said=f"missing: {', '.join(lacking)}" if lacking else "all that are needed",
        mend=f"Server Settings → Roles → {me['username']}, or invite again: {link}"
        if lacking
        else "",
    )
    known = {int(r["id"]) for r in guild.get("roles") or []}
    for name in ("viewer", "trader", "approver", "admin"):
        gone = sorted(getattr(config.roles, name) - known)
        if gone:
            yield Finding(
                part=f"role {name}",
                is_ok=False,
                said=f"{', '.join(map(str, gone))}: not in the server",
                mend="/setup picks another",
            )


def _gateway(app: Any) -> Finding:
    line = app.bot.ws
    is_up = line is not None and line.open
    ms = app.bot.latency * 1000
    measured = "" if math.isnan(ms) else f", answers in {ms:.0f} ms"
    return Finding(
        part="gateway",
        is_ok=is_up,
        said=f"connected{measured}" if is_up else "not connected",
        mend="" if is_up else "/monitor reconnect; see /logs",
    )
