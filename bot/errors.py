"""What went wrong, said to the person: what happened, what was not done, what to do next."""

import logging
import secrets

import discord
from discord import app_commands

from engine.domain.errors import (
    DataStale,
    NotAllowed,
    StoreUnavailable,
    TradeStreamError,
    UserError,
)

log = logging.getLogger(__name__)


def sentence(error: BaseException) -> str:
    """An error in words for its sender; never a stack trace, never silence."""
    while isinstance(error, app_commands.CommandInvokeError):
        error = error.original
    if isinstance(error, UserError):
        mark = "⛔" if isinstance(error, NotAllowed) else "⚠"
        return f"{mark} {error}"
    if isinstance(error, app_commands.TransformerError):
        return f"⚠ “{error.value}” does not fit here: {error}. Nothing was done."
    if isinstance(error, app_commands.CheckFailure):
        return f"⛔ {error or 'You may not use this here.'} Nothing was done."
    if isinstance(error, StoreUnavailable):
        return (
            f"⚠ The books cannot be written right now ({error}). Nothing was sent. Try again soon."
        )
    if isinstance(error, DataStale):
        return f"⚠ {error}. Nothing was sent."
    reference = secrets.token_hex(4)
    log.error("unexpected failure %s", reference, exc_info=error)
    kind = "The desk refused" if isinstance(error, TradeStreamError) else "Something broke"
    return (
        f"⚠ {kind}; this request was not finished. Look at /positions before you try again. "
        f"Reference `{reference}`."
    )


async def answer(interaction: discord.Interaction[discord.Client], error: BaseException) -> None:
    """Tell the sender privately, whatever was answered before."""
    await say(interaction, sentence(error))


async def say(
    interaction: discord.Interaction[discord.Client],
    text: str,
    *,
    view: discord.ui.View | None = None,
    embed: discord.Embed | None = None,
) -> None:
    """A private answer by whichever door is still open; a lost answer never raises."""
    extra = {
        "view": view or discord.utils.MISSING,
        "embed": embed or discord.utils.MISSING,
        "ephemeral": True,
    }
    try:
        if not interaction.response.is_done():
            await interaction.response.send_message(text[:2000], **extra)  # type: ignore[arg-type]
            return
    except discord.HTTPException as error:
        log.info("first answer failed (%s), following up", error)
    try:
        await interaction.followup.send(text[:2000], **extra)  # type: ignore[arg-type]
    except discord.HTTPException as error:
        log.warning("answer to %s was lost: %s", interaction.user.id, error)
