"""The one confirmation before working entries are taken back."""

from typing import TYPE_CHECKING

from bot import text
from bot.cards import orders as orders_card
from bot.confirm import Question
from bot.reply import Press
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, UserError
from engine.flows.acts import cancel, unprotect

if TYPE_CHECKING:
    from bot.app import App

_SHOWN = 10


def cancel_question(app: "App", order_id: str, who: Who, reason: str = "") -> Question:
    """Cancel one entry?

    Raises:
        NotAllowed, UserError: it may not be cancelled; says what to do instead.
    """
    order = cancel.entry(app.desk, order_id, who)

    async def go(press: Press) -> str:
        return await cancel.run(app.desk, order_id, app.gate.who(press), reason)

    return Question(
        title="Cancel this entry?",
        yes=f"Cancel {text.safe_line(order.legs[0].instrument.symbol, 20)}",
        body=lambda: orders_card.block(app.reading.order_row(order_id)),
        action=go,
    )


def cancel_all_question(app: "App", who: Who) -> Question:
    """Cancel every working entry? Stops and closes are left alone.

    Raises:
        NotAllowed, UserError: there is none.
    """

    def body() -> str:
        rows = [app.reading.order_row(o.order_id) for o in cancel.entries(app.desk, who)]
        if not rows:
            raise UserError("No entry is working. Nothing was cancelled.")
        lines = [orders_card.block(r) for r in rows[:_SHOWN]]
        if len(rows) > _SHOWN:
            lines.append(f"and {len(rows) - _SHOWN} more")
        return "\n".join(["Stops and closes stay as they are.", *lines])

    async def go(press: Press) -> str:
        tally = await cancel.run_all(app.desk, app.gate.who(press))
        odd = [f"{key}: {what}" for key, what in tally.items() if what.startswith("⚠")]
        done = f"✔ {len(tally) - len(odd)} of {len(tally)} entries cancelled or being cancelled."
        return "\n".join([done, *(text.safe_line(line, 150) for line in odd)])

    body()
    return Question(title="Cancel all entries?", yes="Cancel all", body=body, action=go)


def cancel_stops_question(app: "App", who: Who) -> Question:
    """Take every protective stop back? What is held then stands without.

    Raises:
        NotAllowed, UserError: there is none.
    """
    if not who.may_trade:
        raise NotAllowed("Only a trader may do this. Nothing was changed.")

    def body() -> str:
        rows = [app.reading.order_row(o.order_id) for o in unprotect.stops(app.desk)]
        if not rows:
            raise UserError("No protective stop is working. Nothing was cancelled.")
        lines = [orders_card.block(r) for r in rows[:_SHOWN]]
        if len(rows) > _SHOWN:
            lines.append(f"and {len(rows) - _SHOWN} more")
        return "\n".join(["⚠ **Positions stay open without any stop.**", *lines])

    async def go(press: Press) -> str:
        tally = await unprotect.run(app.desk, app.gate.require(press, "order cancel"))
        odd = [f"{key}: {what}" for key, what in tally.items() if what.startswith("⚠")]
        done = f"✔ {len(tally) - len(odd)} of {len(tally)} stops taken back."
        return "\n".join([done, *(text.safe_line(line, 150) for line in odd)])

    body()
    return Question(
        title="Take all protective stops back?",
        yes="Take stops back",
        body=body,
        action=go,
        state=lambda: [o.order_id for o in unprotect.stops(app.desk)],
    )
