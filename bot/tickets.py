"""From what a person wants to trade to the one question before it is sent."""

from dataclasses import replace
from typing import TYPE_CHECKING

from bot import disclaimer, text
from bot.actions import Card, Said
from bot.buttons.trade import close_question
from bot.cards import ticket as ticket_card
from bot.confirm import Question
from bot.reply import Press
from engine.domain.desk import Who
from engine.domain.errors import UserError
from engine.domain.order import Order, OrderState, Side
from engine.flows.alerts import drafting, manual
from engine.flows.alerts.drafting import Draft, Planned, Wanted
from engine.flows.trades import manage
from engine.reports import ticket as report

if TYPE_CHECKING:
    from bot.app import App


async def ask(app: "App", who: Who, wanted: Wanted) -> Said:
    """The ticket with its button; a card without one when it may not be sent.

    Raises:
        NotAllowed, UserError: it cannot even be written; nothing was sent.
    """
    planned = await manual.plan(app.desk, who, wanted)
    if planned.reduces:
        return _reduction(app, planned)
    made = drafting.draft(app.desk, planned)
    if made.refused:
        return Card(embed=ticket_card.show(reported(app, made)))
    return _entry(app, planned)


def reported(app: "App", made: Draft) -> report.TicketReport:
    """A draft as what people see of it."""
    planned, intent = made.planned, made.intent
    wanted = planned.wanted
    in_units = wanted.unit in ("units", "shares", "contracts")
    is_own = intent is not None and manual.is_own_limit(intent)
    return report.build(
        app.reading.frame(),
        asked=drafting.words(wanted),
        intent=intent,
        refused=made.refused,
        question=made.question,
        stop_why=made.stop_why,
        asked_qty=wanted.amount if in_units else None,
        equity_usd=app.reading.equity(planned.routed.account),
        waits_s=None if is_own else app.desk.settings.entry_wait_s,
    )


def _entry(app: "App", planned: Planned) -> Question:
    desk = app.desk
    verb = "Add" if planned.wanted.trade_id else planned.wanted.side.value.capitalize()
    name = text.safe_line(planned.routed.legs[0].instrument.label, 40)

    def body() -> str:
        made = drafting.draft(desk, planned)
        if made.refused:
            raise UserError(f"{made.refused}. Nothing was sent.")
        return "\n".join(ticket_card.lines(reported(app, made)))

    def state() -> object:
        made = drafting.draft(desk, planned)
        qty = made.intent.qty if made.intent else None
        return made.refused, made.question, qty, desk.halted

    async def go(press: Press) -> str:
        who = app.gate.require(press, "buy" if planned.wanted.side is Side.BUY else "sell")
        disclaimer.check(app, who.user_id, "buy")  # a sale that opens is an opening too
        done = await manual.send(desk, _by(planned, who), press.id)
        if done.approval_id:
            return (
                f"⏳ It waits for approval: {text.safe_line(done.question, 200)}. "
                f"-# {done.approval_id}"
            )
        return said(await desk.order(done.order_id), name)

    return Question(
        title=f"{verb} {name}?",
        yes=f"{verb} {name}",
        body=body,
        action=go,
        price=lambda: desk.quote(planned.routed.legs),
        unit=planned.routed.legs,
        state=state,
    )


def _by(planned: Planned, who: Who) -> Planned:
    """The same order in the name of who has clicked: its asker or an admin, as he may do now."""
    return replace(planned, who=who)


def said(order: Order | None, name: str) -> str:
    """What became of an order, for whoever has just sent it."""
    if order is None:
        return "⚠ The order is not in the books. Look at /order list before you try again."
    what = f"{order.side} {text.qty(order.qty)} {name}"
    if order.state is OrderState.REJECTED:
        return f"⚠ {what}: {text.safe_line(order.reason, 200)}"
    if order.state is OrderState.FILLED and order.avg_price is not None:
        at = text.price(order.avg_price, order.legs[0].instrument)
        return f"✔ {what}: filled at {at}. -# {order.order_id}"
    if order.state is OrderState.UNKNOWN:
        return (
            f"⚠ {what}: no answer yet, it is looked up; do not send it again. Its card shows what "
            f"came of it.\n-# {order.order_id}"
        )
    word = "filling" if order.state is OrderState.PARTIAL else "sent"
    return f"✔ {what}: {word}. Its card shows the fill.\n-# {order.order_id}"


def _reduction(app: "App", planned: Planned) -> Question:
    """Closing what is held, part by part; the oldest first."""
    if len(planned.reduces) == 1:
        ((trade_id, qty),) = planned.reduces
        return close_question(app, trade_id, qty=qty)
    desk = app.desk
    name = text.safe_line(planned.routed.legs[0].instrument.label, 40)

    def body() -> str:
        lines = []
        for trade_id, qty in planned.reduces:
            trade = desk.book.trades.get(trade_id)
            if trade is None:
                raise UserError("What it would close is not open any more. Nothing was sent.")
            units = manage.units(trade, qty, None)
            lines.append(f"**{units:f}** of {text.shorten(app.reading.one_line(trade), 150)}")
            lines.append(app.reading.worth(trade, units))
        return "\n".join(lines)

    async def go(press: Press) -> str:
        who = app.gate.require(press, "press close")
        await manual.send(desk, _by(planned, who), press.id)
        return f"✔ closing {len(planned.reduces)} trades of {name}, in part or whole"

    ids = [trade_id for trade_id, _ in planned.reduces]
    return Question(
        title=f"Close so much of {name}?",
        yes=f"Close {name}",
        body=body,
        action=go,
        price=lambda: desk.quote(planned.routed.legs),
        unit=planned.routed.legs,
        state=lambda: [(t.qty_open, t.closes) for i in ids if (t := desk.book.trades.get(i))],
    )
