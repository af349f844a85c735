"""config.yaml: who is trusted, what is traded where."""

from collections.abc import AsyncIterator

from bot.doctor import Finding, Patient
from engine.domain.errors import ConfigError
from engine.domain.source import Handling


async def look(patient: Patient) -> AsyncIterator[Finding]:
    """Ready to run, set up, and with a room that may trade."""
    config = patient.config
    yield Finding(
        part="config.yaml",
        is_ok=True,
        said=f"valid: {config.environment.value}, {config.mode}, {len(config.accounts)} account(s)",
    )
    try:
        config.check_ready_to_run()
    except ConfigError as error:
        for line in str(error).splitlines():
            yield Finding(
                part="config.yaml",
                is_ok=False,
                said=line,
                mend="put it in, or begin anew with: tradestream init",
            )
    if config.discord.guild_id and not config.discord.is_set_up:
        yield Finding(
            part="setup",
            is_ok=False,
            said="no channels and roles are chosen yet",
            mend="start the bot and type /setup in your server",
        )
    traded = [n for n, s in config.sources.items() if s.handling is not Handling.LISTEN]
    if not config.sources:
        yield Finding(
            part="alert rooms",
            is_ok=None,
            said="none: nothing is listened to",
            mend="/monitor sources add",
        )
    elif not traded:
        yield Finding(
            part="alert rooms",
            is_ok=None,
            said=f"{len(config.sources)}, all only listened to",
            mend="/monitor sources edit: trusted author, then handling approve",
        )
    else:
        yield Finding(
            part="alert rooms",
            is_ok=True,
            said=f"{len(config.sources)}, {len(traded)} of them traded",
        )
