"""What went wrong, said to the person: what happened, what was not done, what to do next."""

import logging
import secrets

from discord import app_commands

from bot import text
from engine.domain.errors import (
    BrokerUnavailable,
    Conflict,
    DataStale,
    NotAllowed,
    StoreUnavailable,
    TradeStreamError,
    UserError,
)

log = logging.getLogger(__name__)

_OUTDATED = (app_commands.CommandSignatureMismatch, app_commands.CommandNotFound)


def root_of(error: BaseException) -> BaseException:
    """What a command raised, without the library's wrapping."""
    while isinstance(error, app_commands.CommandInvokeError):
        error = error.original
    return error


def sentence(error: BaseException) -> str:
    """An error in words for its sender; never a stack trace, never silence."""
    error = root_of(error)
    if isinstance(error, UserError):
        mark = "⛔" if isinstance(error, NotAllowed) else "⚠"
        return f"{mark} {error}"
    if isinstance(error, app_commands.TransformerError):
        return f"⚠ “{text.safe_line(str(error.value), 40)}” does not fit here. Nothing was done."
    if isinstance(error, _OUTDATED):
        return (
            "⚠ This command has changed since Discord showed it to you. Nothing was done; "
            "restart Discord (Ctrl+R) and try again."
        )
    if isinstance(error, app_commands.CheckFailure):
        return "⛔ You may not use this here. Nothing was done."
    if isinstance(error, StoreUnavailable):
        return (
            f"⚠ The books cannot be written right now ({error}). Nothing was sent. Try again soon."
        )
    if isinstance(error, DataStale | BrokerUnavailable):
        return f"⚠ {error}. Nothing was sent."
    if isinstance(error, Conflict):
        return "⚠ This was changed at the same moment. Nothing was done; look again, then decide."
    reference = secrets.token_hex(4)
    log.error("unexpected failure %s", reference, exc_info=error)
    kind = "The desk refused" if isinstance(error, TradeStreamError) else "Something broke"
    return (
        f"⚠ {kind}; this request was not finished. Look at /positions before you try again. "
        f"Reference `{reference}`."
    )
