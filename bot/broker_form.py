"""What admins may change of a broker in Discord: a dialog in front of the settings."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bot.config import adapters
from bot.forms import Field, Form, Values
from bot.reply import Press
from bot.settings import paths
from bot.settings.changes import change
from engine.domain.errors import UserError

if TYPE_CHECKING:
    from bot.app import App

_BUT = ". Nothing was changed."


def _terms(app: "App", broker: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """What is offered, with its meaning; and what is in force, in words."""
    settings = app.config.brokers.get(broker)
    if settings is None:
        raise UserError("This dialog is out of date. Nothing was changed.")
    offered = adapters.offered(settings)
    if not offered:
        raise UserError(
            f"{broker} has nothing to change while the desk runs: keys come from their source, "
            "addresses and the environment stand in config.yaml. Nothing was changed."
        )
    now = {key: getattr(settings, key) for key in offered}
    return offered, {k: "" if v is None else paths.shown(v) for k, v in now.items()}


def _fields(app: "App", broker: str) -> tuple[str, tuple[Field, ...]]:
    offered, now = _terms(app, broker)
    return f"Settings of {broker}", tuple(
        Field(name=key, label=key, now=now[key], explained=said, is_required=False)
        for key, said in offered.items()
    )


async def _submit(app: "App", press: Press, broker: str, version: int, typed: Values) -> str:
    del version
    offered, now = _terms(app, broker)
    changes: dict[str, Any] = {}
    wrong: list[str] = []
    for key in offered:
        text = typed.get(key, "").strip()
        if text == now[key]:
            continue
        path = f"brokers.{broker}.{key}"
        try:
            changes[path] = paths.read_value(text)
            app.settings.steps({path: changes[path]})
        except UserError as error:
            wrong.append(f"{key}: {str(error).partition(': ')[2].removesuffix(_BUT)}")
    if wrong:
        raise UserError("\n".join([*wrong, "Nothing was changed; what you typed is kept."]))
    await change(
        press,
        app.settings.steps(changes),
        f"/broker settings {broker}",
        lambda who, why, steps: app.settings.apply(who, changes, why, steps),
    )
    return "-# Nothing is changed before it is confirmed."


BROKER_FORM = Form(permission="broker settings", fields=_fields, submit=_submit)
