"""Keys of the configuration as dotted paths: what may be changed live, and which way is tighter."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import Enum
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from bot.config.file import read_text
from bot.text import safe_line
from engine.domain.errors import ConfigError, UserError

LIVE = (
    *("sources", "routing", "sizing", "risk", "exits", "orders", "timezone", "log.level"),
    *("discord.channels", "discord.roles", "discord.owners", "discord.two_person_above_usd"),
    *("discord.confirm_expiry_s", "discord.approval_expiry_s", "feed.max_quote_age_s"),
    *("jobs.reconcile_full_s", "jobs.watch_s", "jobs.poll_s"),
)
"""What can be changed while the desk runs, beside the terms that a broker offers; the rest stands
in config.yaml and needs a restart."""

GUARDED = (
    *("risk", "sizing", "routing", "discord.two_person_above_usd"),
    *("discord.roles.admin", "discord.roles.approver", "brokers.topstepx.attended_min"),
)
"""Where loosening needs two admins."""

_FIGURE = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)")
_HIDDEN = ("home", "secrets", "layers", "secrets_dir")
_LESS_IS_TIGHTER = re.compile(
    r"(^|_)max(_|$)|^(risk_pct|hard_cap_pct|losses_m|wins_m|m_min|m_max|two_person_above_usd"
    r"|attended_min)$"
)
_MORE_IS_TIGHTER = re.compile(r"(^|_)min(_|$)|^(buffer_usd|window_s|after_.*_h)$")
_EITHER_WAY = re.compile(r"^(kelly_|min_days$)")
"""How much has to be known before a rule counts at all: any change may switch it off."""


def flat(config: Any) -> dict[str, Any]:
    """Path -> value of every leaf; lists and sets are leaves."""
    return dict(_leaves(config, ""))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, BaseModel):
        below = [(n, getattr(value, n)) for n in type(value).model_fields]
    elif is_dataclass(value) and not isinstance(value, type):
        below = [(f.name, getattr(value, f.name)) for f in fields(value)]
    elif isinstance(value, Mapping):
        below = [(str(k), v) for k, v in value.items()]
    else:
        yield path, value
        return
    for name, item in below:
        if path or name not in _HIDDEN:
            yield from _leaves(item, f"{path}.{name}" if path else name)


def nested(changes: Mapping[str, Any]) -> dict[str, Any]:
    """``{"risk.daily_loss.max_loss_pct": 2}`` shaped like the file."""
    made: dict[str, Any] = {}
    for path, value in changes.items():
        *above, last = path.split(".")
        here = made
        for name in above:
            below = here.get(name)
            if not isinstance(below, dict):
                below = here[name] = {}
            here = below
        here[last] = value
    return made


def is_below(path: str, above: str) -> bool:
    """Whether ``path`` is ``above`` or stands under it; everything stands under an empty one."""
    return not above or path == above or path.startswith(f"{above}.")


def holds(values: Mapping[str, Any], path: str) -> bool:
    """Whether a layer shaped like the file has this key."""
    here: Any = values
    for name in path.split("."):
        if not isinstance(here, Mapping) or name not in here:
            return False
        here = here[name]
    return True


def refusal(path: str) -> str:
    """Why a key cannot be changed while running; empty when it can."""
    if any(is_below(path, allowed) for allowed in LIVE):
        return ""
    if path.split(".", 1)[0] == "mode":
        return "is switched with /mode; config.yaml only allows it"
    return "stands in config.yaml and needs a restart"


def read_value(typed: str) -> Any:
    """What was typed, as YAML reads it: ``3``, ``null``, ``true``, ``[1, 2]``, ``{A: 1}``.

    Raises:
        UserError: it is no such value.
    """
    try:
        value = read_text(f"value: {typed}")["value"]
    except (ConfigError, yaml.YAMLError, KeyError):
        raise UserError(
            "value: cannot be read. Write a number, a word, true, null or a list such as [1, 2]. "
            "Nothing was changed."
        ) from None
    if isinstance(value, int | float):
        check_figures("value", typed.strip(), value)
    return value


def check_figures(path: str, typed: Any, meant: Any) -> None:
    """Refuse what a machine reads as a figure and a person may read as another: ٣, 1e9, 1_000.

    Args:
        path: What it is called.
        typed: As it came.
        meant: What the configuration makes of it.

    Raises:
        UserError: a figure is meant, and it is not written plainly.
    """
    if isinstance(typed, Mapping):
        for key, item in typed.items():
            check_figures(f"{path}.{key}", item, at(meant, str(key)))
    elif isinstance(typed, list) and isinstance(meant, list | tuple):
        for item, one in zip(typed, meant, strict=False):
            check_figures(path, item, one)
    elif isinstance(typed, str) and _is_figure(meant) and not _FIGURE.fullmatch(typed):
        raise UserError(
            f"{path}: write figures in plain digits such as 3 or 0.25 (got "
            f"{safe_line(typed, 30)}). Nothing was changed."
        )


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def at(config: Any, path: str) -> Any:
    """What stands at a path, a section included; None: nothing."""
    for name in path.split("."):
        config = config.get(name) if isinstance(config, Mapping) else getattr(config, name, None)
    return config


def shown(value: Any) -> str:
    """A value as it would stand in the file."""
    value = _plain(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(shown(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {shown(v)}" for k, v in value.items()) + "}"
    return str(value)


def plain(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes as JSON can keep them."""
    return {path: _plain(value) for path, value in changes.items()}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, str | float):
        return value
    if isinstance(value, date | datetime | time | Path):
        return str(value)
    if isinstance(value, BaseModel):
        return {n: _plain(getattr(value, n)) for n in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    items = [_plain(v) for v in value]
    return sorted(items, key=str) if isinstance(value, set | frozenset) else items


def is_loosening(path: str, old: Any, new: Any) -> bool:
    """Whether a change may let more through than before; what is not surely tighter may."""
    if not any(is_below(path, guarded) for guarded in GUARDED):
        return False
    leaf = path.rsplit(".", 1)[-1]
    if leaf == "is_allowed":
        return new is not False
    if _EITHER_WAY.search(leaf):
        return True
    if is_below(path, "discord.roles") and not new:
        return True  # nobody is an admin then, and anybody may set the desk up anew
    if isinstance(old, set | frozenset) and isinstance(new, set | frozenset):
        # fewer may decide, but what a check looks at is tighter when it is more
        return not (new <= old if is_below(path, "discord") else new >= old)
    before, after = _number(old), _number(new)
    if _LESS_IS_TIGHTER.search(leaf):
        return after is None or (before is not None and after > before)
    if _MORE_IS_TIGHTER.search(leaf):
        return after is None or (before is not None and after < before)
    return True


def _number(value: Any) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def is_blamed(path: str, problems: str) -> bool:
    """Whether a configuration's complaint names this key, or one above or below it."""
    for line in problems.splitlines():
        key = re.sub(r"\[\d+\]", "", line.partition(":")[0].strip())
        if key and (is_below(path, key) or is_below(key, path)):
            return True
    return False
