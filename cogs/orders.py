"""Orders and closing: /order, /close."""

from decimal import Decimal
from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply, text
from bot.actions._order import order_id_of
from bot.buttons.trade import close_question
from bot.cards import orders as orders_card
from bot.cards import trace as trace_card
from bot.client import DeskBot
from bot.confirm import Question, ask_first
from bot.numbers import optional_number
from bot.questions.cancel import cancel_question
from bot.questions.change_order import change_question
from bot.questions.close_each import close_symbol, is_one_thing
from bot.reply import Press as AnyPress
from bot.suggest import among
from engine.domain import words
from engine.domain.errors import UserError
from engine.domain.order import Order
from engine.flows.brokers import resolve
from engine.flows.trades import follow, manage

Press = discord.Interaction[DeskBot]


class Orders(commands.Cog):
    """What works at the brokers, and how to take it back."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    order = app_commands.Group(name="order", description="Orders: working, ended, in doubt")

    @order.command(name="list", description="Orders by their last change")
    @app_commands.describe(status="Which ones", limit="How many")
    async def list_all(
        self,
        interaction: Press,
        status: Literal["live", "all"] = "live",
        limit: app_commands.Range[int, 1, 25] = 10,
    ) -> None:
        """Live ones by default."""
        app = self.bot.app
        await app.gate.begin(interaction, "order list")
        report = await app.reading.orders(is_live=status == "live", limit=limit)
        title = "Orders" if status == "all" else "Working orders"
        await reply.report(interaction, orders_card.show(report, title))

    @order.command(name="status", description="One order: route, state, filled, age")
    @app_commands.describe(id="The order's id")
    async def status(self, interaction: Press, id: str) -> None:  # noqa: A002
        """One of them."""
        app = self.bot.app
        await app.gate.begin(interaction, "order status")
        row, stamp = await app.reading.order(order_id_of(app, id.strip().upper()))
        await reply.report(interaction, orders_card.one(row, stamp))

    @order.command(name="history", description="Every step of one order, from the journal")
    @app_commands.describe(id="The order's id")
    async def history(self, interaction: Press, id: str) -> None:  # noqa: A002
        """The story that it belongs to."""
        app = self.bot.app
        await app.gate.begin(interaction, "order history")
        row, _ = await app.reading.order(order_id_of(app, id.strip().upper()))
        report = await app.reading.trace(row.order_id)
        if report is None:
            raise UserError("The journal has nothing of this order. Nothing was done.")
        await reply.report(interaction, trace_card.show(report))

    @order.command(name="cancel", description="Take a working entry back; asks once")
    @app_commands.describe(id="The order's id", reason="Why, for the journal")
    async def cancel(
        self,
        interaction: Press,
        id: str,  # noqa: A002
        reason: app_commands.Range[str, 0, 200] = "",
    ) -> None:
        """Entries only: what protects a trade is moved, not cancelled."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "order cancel")
        await ask_first(
            app,
            interaction,
            cancel_question(app, order_id_of(app, id.strip().upper()), who, reason),
        )

    @order.command(name="modify", description="Another price or quantity for a working entry")
    @app_commands.describe(
        id="The order's id", price="The new limit", quantity="The new quantity in all"
    )
    async def modify(
        self,
        interaction: Press,
        id: str,  # noqa: A002
        price: str = "",
        quantity: str = "",
    ) -> None:
        """What risks more is checked like an entry; asks once."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "order modify")
        question = change_question(
            app,
            order_id_of(app, id.strip().upper()),
            who,
            price=optional_number("price", price),
            qty=optional_number("quantity", quantity),
        )
        await ask_first(app, interaction, question)

    @order.command(name="resolve", description="Decide about an order that has had no answer")
    @app_commands.describe(
        id="The order in doubt",
        broker_id="The broker's own number of it; left out: it is not at work there",
        reason="What you saw in the broker's app",
    )
    async def resolve_(
        self,
        interaction: Press,
        id: str,  # noqa: A002
        reason: app_commands.Range[str, 3, 200],
        broker_id: str = "",
    ) -> None:
        """Shows what the broker says of it, and asks once."""
        app = self.bot.app
        await app.gate.begin(interaction, "order resolve")
        order_id, number = id.strip().upper(), broker_id.strip()
        said, there = await resolve.at_broker(app.desk, order_id)
        rows = [
            f"{text.safe_line(c.broker_id, 40)}: {c.side} {c.qty:f} {c.legs[0].instrument.label}, "
            f"{text.safe_line(c.raw_state or words.at_broker(c.state), 40)}, {c.filled:f} filled, "
            f"{text.clock_time(c.updated_at)}"
            for c in there[:10]
        ]

        async def go(press: AnyPress) -> str:
            who = app.gate.who(press)
            if number:
                return await resolve.is_this(app.desk, who, order_id, number)
            return await resolve.not_there(app.desk, who, order_id, reason)

        what = (
            f"It is {text.safe_line(number, 40)}"
            if number
            else f"It {resolve.verdict(app.desk, order_id)}"
        )
        question = Question(
            title=f"{what}?",
            yes=text.shorten(what, 80),
            body=lambda: "\n".join(
                [
                    (
                        f"Order {text.safe_line(order_id, 40)} counts as live until somebody says "
                        "what became of it. Look into the broker's own app first."
                    ),
                    said,
                    *rows,
                ]
            ),
            action=go,
        )
        await ask_first(app, interaction, question)

    @app_commands.command(name="close", description="Close a position or part of it; asks once")
    @app_commands.describe(
        symbol="What is held", quantity="So many of it", percent="Such a share of it"
    )
    async def close(
        self,
        interaction: Press,
        symbol: str,
        quantity: str = "",
        percent: Literal[25, 50, 75, 100] | None = None,
    ) -> None:
        """All of it when neither is said."""
        app = self.bot.app
        await app.gate.begin(interaction, "close")
        qty = optional_number("quantity", quantity)
        if qty is not None and percent is not None:
            raise UserError("Say a quantity or a percentage, not both. Nothing was done.")
        found = manage.of_symbol(app.desk, symbol)
        share = None if percent is None else Decimal(percent)
        share = Decimal(100) if qty is None and share is None else share
        if len(found) > 1 and share is not None and is_one_thing(found):
            await ask_first(app, interaction, close_symbol(app, symbol, share))
            return
        if len(found) > 1:
            raise UserError(
                f"{text.safe_line(symbol, 20)} is held more than once "
                f"({text.safe_line(follow.labels(found), 200)}). Nothing was done; use the buttons "
                "of the one you mean (/positions)."
            )
        question = close_question(app, found[0].trade_id, qty=qty, percent=share)
        await ask_first(app, interaction, question)

    @close.autocomplete("symbol")
    async def _held(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "close"):
            return []
        return among(sorted({t.symbol for t in app.desk.book.open_trades()}), current)

    @status.autocomplete("id")
    @history.autocomplete("id")
    @cancel.autocomplete("id")
    @modify.autocomplete("id")
    @resolve_.autocomplete("id")
    async def _orders(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "order list"):
            return []
        wanted = current.lower()
        newest = reversed(app.desk.book.orders.values())
        first = sorted(newest, key=lambda o: o.state.is_terminal)
        named = ((_name(o), o.order_id) for o in first)
        return [
            app_commands.Choice(name=text.shorten(name, 100), value=key)
            for name, key in named
            if wanted in name.lower()
        ][:25]


def _name(order: Order) -> str:
    what = f"{order.purpose} {order.side} {order.qty:f} {order.legs[0].instrument.label}"
    return f"{what} · {words.ORDER[order.state]} · {order.order_id}"


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Orders(bot))
