"""What a dialog consists of: fields to fill in, and what is done with them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.reply import Press

if TYPE_CHECKING:
    from bot.app import App

Values = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One line to fill in."""

    name: str
    label: str
    now: str = ""
    hint: str = ""
    explained: str = ""
    is_required: bool = True
    is_long: bool = False
    most: int = 20


@dataclass(frozen=True, kw_only=True)
class Form:
    """One kind of dialog."""

    permission: str
    fields: Callable[["App", str], tuple[str, tuple[Field, ...]]]
    """Title and fields with what they hold now; raises UserError when it is too late."""
    submit: Callable[["App", Press, str, int, Values], Awaitable[str]]
    """Do it; what to say."""
