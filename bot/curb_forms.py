"""Typed words before limits are loosened: unfreeze, override, reset of the daily breaker."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, get_args

from bot.forms import Field, Form, Values
from bot.reply import Press
from engine.domain.curbs import FreezeScope, OverrideTarget
from engine.domain.errors import UserError
from engine.flows.acts import breaker
from engine.flows.limits import curbs

if TYPE_CHECKING:
    from bot.app import App

WORDS = {"unfreeze": "UNFREEZE", "override": "OVERRIDE", "breaker": "RESET"}


def override_key(target: OverrideTarget, minutes: int, multiplier: Decimal | None) -> str:
    """What the dialog has to remember, as its id can: ``entry-window-30-0``."""
    return f"{target}-{minutes}-{int((multiplier or Decimal(0)) * 100)}"


def _read_key(key: str) -> tuple[OverrideTarget, int, Decimal | None]:
    target, _, rest = key.rpartition("-")
    target, _, minutes = target.rpartition("-")
    for known in get_args(OverrideTarget):
        if known == target and minutes.isdigit() and rest.isdigit():
            return known, int(minutes), Decimal(rest) / 100 if int(rest) else None
    raise UserError("This dialog is out of date. Nothing was changed; use the command again.")


def _said(typed: Values, form: str) -> None:
    word = WORDS[form]
    if typed.get("word", "").strip().upper() != word:
        raise UserError(f"The word was not {word}. Nothing was changed.")


def _word(form: str, what: str) -> Field:
    return Field(name="word", label=f"Type {WORDS[form]} {what}", hint=WORDS[form], most=10)


def _reason() -> Field:
    return Field(name="reason", label="Why", most=200)


def _override_fields(app: "App", key: str) -> tuple[str, tuple[Field, ...]]:
    target, minutes, multiplier = _read_key(key)
    curbs.check_override(app.desk, target, minutes=minutes, multiplier=multiplier)
    size = f" ×{multiplier:.2f}" if multiplier is not None else ""
    return f"Override {target}{size}", (
        _word("override", f"for {minutes} min"),
        Field(name="symbol", label="Symbol, empty for all", is_required=False, most=20),
        _reason(),
    )


async def _override(app: "App", press: Press, key: str, version: int, typed: Values) -> str:
    del version
    _said(typed, "override")
    target, minutes, multiplier = _read_key(key)
    made = await curbs.override(
        app.desk,
        app.gate.who(press),
        target,
        symbol=typed.get("symbol", ""),
        minutes=minutes,
        reason=typed.get("reason", ""),
        multiplier=multiplier,
    )
    where = made.symbol or "all symbols"
    return f"⚠ {target} is overridden for {where} until <t:{int(made.until.timestamp())}:t>."


def _unfreeze_fields(app: "App", key: str) -> tuple[str, tuple[Field, ...]]:
    if not any(f.scope == key for f in curbs.freezes(app.desk)):
        held = ", ".join(f.words for f in curbs.freezes(app.desk)) or "nothing"
        raise UserError(f"That is not frozen; frozen is: {held}. Nothing was changed.")
    named = [] if key == "all" else [Field(name="name", label=f"Which {key}", most=80)]
    return "Allow entries again", (_word("unfreeze", "to allow entries"), *named, _reason())


async def _unfreeze(app: "App", press: Press, key: str, version: int, typed: Values) -> str:
    del version
    _said(typed, "unfreeze")
    scope: FreezeScope | None = next((s for s in get_args(FreezeScope) if s == key), None)
    if scope is None:
        raise UserError("This dialog is out of date. Nothing was changed; use the command again.")
    who, name, reason = app.gate.who(press), typed.get("name", ""), typed.get("reason", "")
    done = await curbs.unfreeze(app.desk, who, scope, name, reason)
    return f"▶ {done.words[:1].upper()}{done.words[1:]} are allowed again."


def _breaker_fields(app: "App", key: str) -> tuple[str, tuple[Field, ...]]:
    del key
    if not breaker.tripped(app.desk):
        raise UserError("The daily breaker is not tripped. Nothing was changed.")
    return "Reset the daily breaker", (_word("breaker", "to allow entries again"), _reason())


async def _breaker(app: "App", press: Press, key: str, version: int, typed: Values) -> str:
    del key, version
    _said(typed, "breaker")
    return await breaker.reset(app.desk, app.gate.who(press), typed.get("reason", "").strip())


def read_multiplier(typed: float | None) -> Decimal | None:
    """A multiplier to the hundredth."""
    try:
        return None if typed is None else Decimal(str(typed)).quantize(Decimal("0.01"))
    except InvalidOperation as error:
        raise UserError("That is no multiplier. Nothing was changed.") from error


CURB_FORMS: Mapping[str, Form] = {
    "breaker": Form(permission="circuit-breaker reset", fields=_breaker_fields, submit=_breaker),
    "override": Form(permission="override", fields=_override_fields, submit=_override),
    "unfreeze": Form(permission="risk unfreeze", fields=_unfreeze_fields, submit=_unfreeze),
}
