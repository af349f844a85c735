"""Why Discord cannot be reached, and whether trying again can help."""

import discord

_FATAL_CLOSE = {
    4004: "Discord does not accept the token",
    4010: "Discord refuses this shard",
    4011: "Discord requires sharding",
    4012: "Discord does not know this version of its gateway any more",
    4013: "Discord does not know an intent that was asked for",
    4014: "a privileged intent is off",
}


def words(error: Exception) -> str:
    """In words. The library stumbles over itself when the gateway refuses its first attempt."""
    if isinstance(error, AttributeError):
        return "its gateway does not answer"
    return str(error) or type(error).__name__


def never_again(error: Exception) -> str:
    """Why trying again cannot help; empty when it may."""
    if isinstance(error, discord.LoginFailure):
        return f"Discord does not accept the token: {error}"
    if isinstance(error, discord.PrivilegedIntentsRequired):
        return "switch on the Message Content intent of the bot in Discord's developer portal"
    if isinstance(error, discord.ConnectionClosed):
        return _FATAL_CLOSE.get(error.code, "")
    return ""
