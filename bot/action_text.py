"""The grammar of #actions: one action per line, every word accounted for, nothing guessed."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from bot.numbers import number
from bot.text import safe_line
from engine.domain.errors import ActionSyntaxError, UserError

Verb = Literal[
    "info",
    "close",
    "stop",
    "target",
    "trailing",
    "close-all",
    "cancel-all",
    "emergency-stop",
    "order-status",
    "order-cancel",
    "approve",
    "reject",
]
_ALONE: tuple[Verb, ...] = ("close-all", "cancel-all", "emergency-stop")
_DECISIONS: tuple[Verb, ...] = ("approve", "reject")
_ORDER_VERBS: dict[str, Verb] = {"status": "order-status", "cancel": "order-cancel"}
_ID = re.compile(r"[A-Za-z0-9-]{4,60}")
_SYMBOL = re.compile(r"[$/]?([A-Za-z][A-Za-z0-9.]{0,9}(?:/[A-Za-z]{2,5})?)")
_MOST_LINES = 10
FORMS = (
    "`#AAPL` · `#AAPL close` · `#AAPL close 25` · `#AAPL close 50%` · `#AAPL stop 175` · "
    "`#AAPL target 185` · `#AAPL trailing 2%` · `#AAPL trailing 2atr` · `#close-all` · "
    "`#cancel-all` · `#order-TS… cancel` · `#order-TS… status` · `#approve P-…` · `#reject P-…` · "
    "`#emergency-stop`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionText:
    """One action as typed."""

    verb: Verb
    symbol: str = ""
    id: str = ""
    """Of an order or an approval."""
    price: Decimal | None = None
    qty: Decimal | None = None
    percent: Decimal | None = None
    atr: Decimal | None = None


def read(text: str) -> list[ActionText]:
    """All actions of a message, in order.

    Raises:
        ActionSyntaxError: names the line that could not be read; none of them is to be done.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > _MOST_LINES:
        raise ActionSyntaxError(
            f"At most {_MOST_LINES} actions per message, and these are {len(lines)}. Nothing was "
            "done."
        )
    return [_line(line) for line in lines]


def has_emergency(text: str) -> bool:
    """Whether an emergency stop stands on a line of its own, whatever the other lines are."""
    return any(line.strip().lower() == "#emergency-stop" for line in text.splitlines())


def _line(line: str) -> ActionText:
    words = line.split()
    if not words or not words[0].startswith("#") or len(words[0]) < 2:
        raise _not_read(line)
    head, rest = words[0][1:], words[1:]
    named_first = _quick(head, rest, line)
    if named_first is not None:
        return named_first
    named = _SYMBOL.fullmatch(head)
    if named is None:
        raise _not_read(line)
    symbol = named[1].upper()
    if not rest:
        return ActionText(verb="info", symbol=symbol)
    try:
        return _position(symbol, rest[0].lower(), [w.lower() for w in rest[1:]], line)
    except ActionSyntaxError:
        raise
    except UserError as error:
        raise ActionSyntaxError(str(error)) from None


def _quick(head: str, rest: list[str], line: str) -> ActionText | None:
    """An action that begins with its own word, not with a symbol; None when it is none."""
    word = head.lower()
    for verb in _ALONE:
        if word == verb:
            if rest:
                raise _not_read(line)
            return ActionText(verb=verb)
    for verb in _DECISIONS:
        if word == verb:
            if len(rest) != 1 or not _ID.fullmatch(rest[0]):
                raise _not_read(line)
            return ActionText(verb=verb, id=rest[0])
    if word.startswith("order-"):
        order_id, asked = head[6:], _ORDER_VERBS.get(rest[0].lower()) if len(rest) == 1 else None
        if asked is None or not _ID.fullmatch(order_id):
            raise _not_read(line)
        return ActionText(verb=asked, id=order_id.upper())
    return None


def _position(symbol: str, verb: str, words: list[str], line: str) -> ActionText:
    if verb == "close" and not words:
        return ActionText(verb="close", symbol=symbol, percent=Decimal(100))
    if len(words) == 2 and words[1] in ("%", "atr"):
        words = ["".join(words)]
    if len(words) != 1:
        raise _not_read(line)
    word = words[0]
    if verb == "close":
        if word.endswith("%"):
            return ActionText(verb="close", symbol=symbol, percent=number("percent", word[:-1]))
        return ActionText(verb="close", symbol=symbol, qty=number("quantity", word))
    if verb == "stop":
        return ActionText(verb="stop", symbol=symbol, price=number("stop", word))
    if verb == "target":
        return ActionText(verb="target", symbol=symbol, price=number("target", word))
    if verb == "trailing" and word.endswith("%"):
        return ActionText(verb="trailing", symbol=symbol, percent=number("percent", word[:-1]))
    if verb == "trailing" and word.endswith("atr"):
        return ActionText(verb="trailing", symbol=symbol, atr=number("ATR multiple", word[:-3]))
    raise _not_read(line)


def _not_read(line: str) -> ActionSyntaxError:
    shown = safe_line(line, 60)
    return ActionSyntaxError(f"“{shown}” is not an action I know. Nothing was done.\n{FORMS}")
