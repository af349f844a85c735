"""Dialogs: fields to fill in. Stateless as the buttons are, so they survive a restart.

What Discord sends back is read from the payload, judged anew, and kept for a second try when it
could not be done as typed.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import discord

from bot import reply
from bot.broker_form import BROKER_FORM
from bot.confirm import ask_first
from bot.curb_forms import CURB_FORMS
from bot.errors import sentence
from bot.forms import Field, Form, Values
from bot.lasting import Lasting, below
from bot.numbers import number, optional_number
from bot.questions.loosen_stop import loosen_question
from bot.reply import Press
from engine.domain.errors import ApprovalExpired, NotAllowed, UserError
from engine.flows.acts import halt
from engine.flows.alerts import rewrite
from engine.flows.common import journal, mode
from engine.flows.trades import loosen, manage, modify

if TYPE_CHECKING:
    from bot.app import App

_ID = re.compile(r"ts:form:(?P<form>[a-z]{3,8}):(?P<key>[A-Za-z0-9./-]{0,60}):(?P<version>\d{1,9})")
_DISTANCE = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,2})?) ?(%|atr)?")
_KEPT = 500
_UNUSED_S = 1.0
"""discord.py keeps dialogs in memory until they time out; ours are not needed there."""


async def show(
    app: "App", press: Press, form: str, key: str, version: int = 0, typed: Values | None = None
) -> None:
    """Open a dialog for somebody who may use it.

    Raises:
        NotAllowed, UserError: it is not shown.
    """
    kind = FORMS[form]
    app.gate.require(press, kind.permission)
    title, fields = kind.fields(app, key)
    dialog = discord.ui.Modal(
        title=title[:45], custom_id=f"ts:form:{form}:{key}:{version}", timeout=_UNUSED_S
    )
    for item in fields:
        text = (typed or {}).get(item.name, item.now)
        long = discord.TextStyle.paragraph if item.is_long else discord.TextStyle.short
        box = discord.ui.TextInput[Any](
            custom_id=item.name,
            style=long,
            default=text[: item.most] or None,
            placeholder=item.hint or None,
            required=item.is_required,
            max_length=item.most,
        )
        dialog.add_item(
            discord.ui.Label(text=item.label, description=item.explained or None, component=box)
        )
    await press.response.send_modal(dialog)


async def submitted(app: "App", press: Press) -> None:
    """A filled-in dialog came back: act on it, or keep what was typed for another try."""
    if press.message is None:  # opened by a command: there is no message to go back to
        await reply.think(press, private=True)
    else:
        await reply.defer(press)
    data: Any = press.data or {}
    match = _ID.fullmatch(str(data.get("custom_id")))
    if match is None or match["form"] not in FORMS:
        await reply.say(press, "⚠ This dialog is out of date. Nothing was done; open it again.")
        return
    form, key, version = match["form"], match["key"], int(match["version"])
    typed = dict(_values(data.get("components") or []))
    try:
        app.gate.require(press, FORMS[form].permission)
        said = await FORMS[form].submit(app, press, key, version, typed)
    except (NotAllowed, ApprovalExpired) as error:
        await reply.answer(press, error)
    except UserError as error:
        token = app.drafts.keep(Draft(press.user.id, form, key, version, typed))
        await reply.say(press, sentence(error), view=below([AgainButton(token)]))
    except Exception as error:  # noqa: BLE001 - the outermost edge of every dialog
        await reply.answer(press, error)
    else:
        await reply.say(press, said)


def _values(parts: list[Any]) -> Iterator[tuple[str, str]]:
    """Name and text of every field, however Discord nests them."""
    for part in parts:
        if "value" in part:
            yield str(part.get("custom_id")), str(part["value"])
        yield from _values(part.get("components") or [])
        if "component" in part:
            yield from _values([part["component"]])


# -- a second try ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draft:
    """What somebody typed into a dialog that could not be done."""

    user_id: int
    form: str
    key: str
    version: int
    typed: Values


class Drafts:
    """The newest drafts of this process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Draft] = OrderedDict()

    def keep(self, draft: Draft) -> str:
        """Remember it; its token."""
        token = secrets.token_hex(8)
        self._kept[token] = draft
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return token

    def get(self, token: str, user_id: int) -> Draft:
        """What he typed.

        Raises:
            ApprovalExpired: not known any more.
        """
        draft = self._kept.get(token)
        if draft is None or draft.user_id != user_id:
            raise ApprovalExpired("What you typed is not kept any more. Nothing was done.")
        return draft


class AgainButton(
    Lasting[discord.ui.Button[Any]],
    template=r"ts:again:(?P<token>[0-9a-f]{16})",
):
    """Open the dialog again with what was typed."""

    def __init__(self, token: str) -> None:
        super().__init__(
            discord.ui.Button(
                label="Try again",
                style=discord.ButtonStyle.primary,
                custom_id=f"ts:again:{token}",
            )
        )
        self.token = token

    async def callback(self, interaction: Press) -> None:
        """Open it."""
        app = interaction.client.app

        async def work() -> None:
            draft = app.drafts.get(self.token, interaction.user.id)
            await show(app, interaction, draft.form, draft.key, draft.version, draft.typed)

        await reply.handled(interaction, work)


# -- what each dialog asks and does --------------------------------------------------------------


def _modify_fields(app: "App", key: str) -> tuple[str, tuple[Field, ...]]:
    approval = app.desk.book.approvals.get(key)
    intent = app.desk.book.intents.get(approval.intent_id) if approval else None
    if intent is None:
        raise ApprovalExpired("This question is already decided. Nothing was changed.")
    return "Change before approval", (
        Field(name="qty", label="Quantity", now=f"{intent.qty:f}", is_required=False),
        Field(name="limit", label="Limit price", now=_plain(intent.limit), is_required=False),
        Field(name="stop", label="Stop price", now=_plain(intent.stop), is_required=False),
    )


async def _modify(app: "App", press: Press, key: str, version: int, typed: Values) -> str:
    decided = await modify.run(
        app.desk,
        key,
        version,
        app.gate.who(press),
        qty=optional_number("quantity", typed.get("qty", "")),
        limit=optional_number("limit", typed.get("limit", "")),
        stop=optional_number("stop", typed.get("stop", "")),
    )
    return f"✔ {decided.said}. The card asks anew."


def _rewrite_fields(app: "App", key: str) -> tuple[str, tuple[Field, ...]]:
    approval = app.desk.book.approvals.get(key)
    if approval is None:
        raise ApprovalExpired("This question is already decided. Nothing was changed.")
    alert = app.desk.book.alerts.get(approval.alert_id)
    return "Write the alert anew", (
        Field(
            name="text",
            label="Alert",
            now=alert.text if alert else "",
            hint="BTO SPY 603C 1/31 @ 2.15",
            explained="Say every fact: BTO SPY 603C 1/31 @ 2.15 SL 1.60",
            is_long=True,
            most=1000,
        ),
    )


async def _rewrite(app: "App", press: Press, key: str, version: int, typed: Values) -> str:
    who = app.gate.who(press)
    decided = await rewrite.fix(app.desk, key, version, who, typed.get("text", ""))
    return f"✔ {decided.said}"


def _price_fields(verb: str) -> Callable[["App", str], tuple[str, tuple[Field, ...]]]:
    def fields(app: "App", key: str) -> tuple[str, tuple[Field, ...]]:
        trade = app.desk.book.trades.get(key)
        if trade is None:
            raise ApprovalExpired("That trade is over. Nothing was changed.")
        now = _plain(trade.stop.price) if verb == "stop" and trade.stop is not None else ""
        label = f"{verb.capitalize()} price"
        return f"New {verb} for {trade.symbol}", (Field(name="price", label=label, now=now),)

    return fields


async def _stop(app: "App", press: Press, key: str, version: int, typed: Values) -> str:
    del version
    price, who = number("stop", typed.get("price", "")), app.gate.who(press)
    known = app.desk.book.trades.get(key)
    if known is not None and loosen.is_looser(known, price):
        await ask_first(app, press, loosen_question(app, key, price, who))
        return "-# That is looser than it stands: nothing is moved before you confirm."
    trade = await manage.set_stop(app.desk, key, who, price)
    return f"✔ stop of {trade.symbol} is now {price}"


def _trail_fields(app: "App", key: str) -> tuple[str, tuple[Field, ...]]:
    trade = app.desk.book.trades.get(key)
    if trade is None:
        raise ApprovalExpired("That trade is over. Nothing was changed.")
    return f"Trail the stop of {trade.symbol}", (
        Field(
            name="distance",
            label="How far behind the price",
            hint="2% or 2atr",
            explained="Never worse than where the stop stands now",
        ),
    )


async def _trail(app: "App", press: Press, key: str, version: int, typed: Values) -> str:
    del version
    match = _DISTANCE.fullmatch(typed.get("distance", "").strip().lower())
    if match is None:
        raise UserError("Write the distance like 2% or 2atr. Nothing was changed.")
    value = Decimal(match[1])
    percent, atr = (None, value) if match[2] == "atr" else (value, None)
    trade = await manage.trail(app.desk, key, app.gate.who(press), percent=percent, atr=atr)
    now = trade.stop.price if trade.stop is not None else "n/a"
    return f"✔ stop of {trade.symbol} trails from {now}{manage.until_atr(app.desk, trade)}"


async def _target(app: "App", press: Press, key: str, version: int, typed: Values) -> str:
    del version
    price = number("target", typed.get("price", ""))
    trade = await manage.set_target(app.desk, key, app.gate.who(press), price)
    return f"✔ target of {trade.symbol} is now {price}"


def _resume_fields(app: "App", key: str) -> tuple[str, tuple[Field, ...]]:
    del key
    if not app.desk.halted:
        raise UserError("Trading is not halted. Nothing was changed.")
    return "Resume trading", (
        Field(name="word", label="Type RESUME to allow entries again", hint="RESUME", most=10),
        Field(name="reason", label="Why it is safe now", most=200),
    )


async def _resume(app: "App", press: Press, key: str, version: int, typed: Values) -> str:
    del key, version
    if typed.get("word", "").strip().upper() != "RESUME":
        raise UserError("The word was not RESUME. Trading stays halted.")
    await halt.resume(app.desk, app.gate.who(press), typed.get("reason", "").strip())
    return "▶ Trading is resumed."


def _live_fields(app: "App", key: str) -> tuple[str, tuple[Field, ...]]:
    del key
    if mode.of(app.desk) == "live":
        raise UserError("The desk is live already. Nothing was changed.")
    return "Trade real money", (
        Field(name="word", label="Type LIVE: entries trade real money", hint="LIVE", most=10),
        Field(name="reason", label="Why now", most=200),
    )


async def _live(app: "App", press: Press, key: str, version: int, typed: Values) -> str:
    del key, version
    if typed.get("word", "").strip().upper() != "LIVE":
        raise UserError("The word was not LIVE. The desk stays on paper.")
    who, reason = app.gate.who(press), typed.get("reason", "").strip()
    return await mode.to_live(app.desk, who, reason, before=lambda: app.back_up("live"))


def _words(
    title: str, label: str, hint: str
) -> Callable[["App", str], tuple[str, tuple[Field, ...]]]:
    box = Field(name="text", label=label, hint=hint, is_long=True, most=2000)
    return lambda app, key: (title, (box,))


def _write(kind: str) -> Callable[["App", Press, str, int, Values], Awaitable[str]]:
    async def write(app: "App", press: Press, key: str, version: int, typed: Values) -> str:
        del version
        await journal.note(app.desk, app.gate.who(press), key, typed.get("text", ""), kind=kind)
        return "✎ Written into the journal; /journal search finds it."

    return write


def _plain(price: object) -> str:
    return "" if price is None else str(price)


FORMS: Mapping[str, Form] = {
    **CURB_FORMS,
    "broker": BROKER_FORM,
    "modify": Form(permission="press modify", fields=_modify_fields, submit=_modify),
    "rewrite": Form(permission="press rewrite", fields=_rewrite_fields, submit=_rewrite),
    "stop": Form(permission="press stop", fields=_price_fields("stop"), submit=_stop),
    "trail": Form(permission="press stop", fields=_trail_fields, submit=_trail),
    "target": Form(permission="press target", fields=_price_fields("target"), submit=_target),
    "live": Form(permission="mode live", fields=_live_fields, submit=_live),
    "resume": Form(permission="resume-trading", fields=_resume_fields, submit=_resume),
    "note": Form(
        permission="journal note",
        fields=_words("Note on a trade", "Your note", "Why you took it, what you saw"),
        submit=_write("note"),
    ),
    "review": Form(
        permission="journal review",
        fields=_words("Weekly review", "The week in your words", "What worked, what did not"),
        submit=_write("review"),
    ),
}
