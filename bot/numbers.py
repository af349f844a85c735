"""Numbers that people type: read exactly or refused kindly, never guessed."""

import re
from datetime import date
from decimal import Decimal

from bot.text import safe_line
from engine.domain.errors import UserError

_PLAIN = re.compile(r"\$?([0-9]{1,9}(?:\.[0-9]{1,6})?|\.[0-9]{1,6})")


def number(name: str, text: str, *, may_be_zero: bool = False) -> Decimal:
    """A number above 0 as typed, or 0 where that means something.

    Raises:
        UserError: names the field and shows the form that is understood.
    """
    match = _PLAIN.fullmatch(text.strip())
    value = Decimal(match[1]) if match else None
    if value is None or (value <= 0 and not may_be_zero):
        shown = safe_line(text, 30) or "(nothing)"
        raise UserError(
            f"{name}: “{shown}” is not a number I can read safely. Write it like 2.15. "
            "Nothing was changed."
        )
    return value


def optional_number(name: str, text: str) -> Decimal | None:
    """A number, or None when the field was left empty.

    Raises:
        UserError: see :func:`number`.
    """
    return number(name, text) if text.strip() else None


def day(name: str, typed: str, undone: str) -> date | None:
    """A day as people type it, or None when the field was left empty.

    Raises:
        UserError: it is none; ``undone`` says what was not done.
    """
    if not typed.strip():
        return None
    try:
        return date.fromisoformat(typed.strip())
    except ValueError:
        shown = safe_line(typed, 20)
        raise UserError(
            f"{name}: “{shown}” is not a day. Write it like 2026-11-01. {undone}"
        ) from None
