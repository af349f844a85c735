"""Deciding an approval; with real money the click is asked for once more."""

from typing import TYPE_CHECKING

from bot import text
from bot.confirm import Question
from bot.reply import Press
from engine.domain.desk import Who
from engine.domain.errors import UserError
from engine.flows.common import mode
from engine.flows.trades import approve

if TYPE_CHECKING:
    from bot.app import App


async def approval_id_of(app: "App", typed: str) -> str:
    """The id as it is stored; people type it in any case.

    Raises:
        UserError: there never was one of that id.
    """
    wanted = typed.strip()
    for key in app.desk.book.approvals:
        if key.casefold() == wanted.casefold():
            return key
    stored = await app.reading.approval(wanted) or await app.reading.approval(wanted.upper())
    if stored is None:
        shown = text.safe_line(wanted, 40)
        raise UserError(
            f"There is no approval “{shown}”; /approvals list shows those that wait. "
            "Nothing was sent."
        )
    return stored.approval_id


async def approve_or_ask(
    app: "App", approval_id: str, version: int | None, who: Who, *, half: bool = False
) -> "str | Question":
    """Approve; in live mode the question whose yes does it.

    Raises:
        ApprovalExpired, NotAllowed, UserError: nothing was sent.
    """
    if mode.of(app.desk) == "live":
        return approve_question(app, approval_id, version, half=half)
    decided = await approve.approve(app.desk, approval_id, version, who, half=half)
    return f"✔ {text.safe_line(decided.said, 200)}"


def approve_question(
    app: "App", approval_id: str, version: int | None, *, half: bool = False
) -> Question:
    """Send this with real money?

    Raises:
        ApprovalExpired: it is decided.
    """
    desk = app.desk
    legs = approve.entry_of(desk, approve.still_open(desk, approval_id, version))[0].legs

    def body() -> str:
        intent, _, _ = approve.entry_of(desk, approve.still_open(desk, approval_id, version))
        quote = desk.quote(intent.legs)
        if quote is None:
            raise UserError("There is no fresh quote for this. Nothing was sent.")
        of = intent.legs[0].instrument
        limit = "none" if intent.limit is None else text.price(intent.limit, of)
        qty = f"half of {intent.qty:f}" if half else f"{intent.qty:f}"
        return "\n".join(
            [
                f"**{intent.side} {qty} {text.safe_line(of.label, 60)}**, real money",
                f"limit {limit} · now {text.price(quote.bid, of)} / {text.price(quote.ask, of)}",
            ]
        )

    async def go(press: Press) -> str:
        who = app.gate.require(press, "press approve")
        decided = await approve.approve(desk, approval_id, version, who, half=half)
        return f"✔ {text.safe_line(decided.said, 200)}"

    return Question(
        title="Send it with real money?",
        yes="Send half" if half else "Send it",
        body=body,
        action=go,
        price=lambda: desk.quote(legs),
        unit=legs,
        state=lambda: (v := desk.book.approvals.get(approval_id)) and v.version,
    )
