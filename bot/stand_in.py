"""Another server in Discord's place: a stand-in on loopback, for tests and for the demo."""

import discord
import yarl

PUBLIC_API = "https://discord.com"
PUBLIC_GATEWAY = "wss://gateway.discord.gg/"


def point_discord_at(api_base: str = "", gateway_url: str = "") -> None:
    """Let discord.py talk to another server; empty texts mean the public Discord.

    Call it before the first client is made. It holds for the whole process.
    """
    discord.http.Route.BASE = f"{api_base or PUBLIC_API}/api/v10"
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url or PUBLIC_GATEWAY)
