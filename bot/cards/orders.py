"""Orders: a list in short blocks, and one of them in full."""

import discord

from bot import text
from bot.cards._layout import Tone, card, one_line
from engine.domain import words
from engine.domain.order import OrderState, OrderType, Purpose
from engine.reports import Missing, Stamp
from engine.reports.orders import OrdersReport, Row

_WHY = {Purpose.ENTRY: "entry", Purpose.CLOSE: "close", Purpose.STOP: "stop"}


def show(report: OrdersReport, title: str = "Orders") -> discord.Embed:
    """A page of orders."""
    rest = report.n_in_all - len(report.rows)
    words = f"{title} · {report.n_live} open" if report.rows else f"{title} · none"
    doubt = f"⚠ **{report.n_unknown} in doubt**: counted as open" if report.n_unknown else ""
    return card(
        tone=Tone.WAIT if report.n_unknown else Tone.INFO if report.rows else Tone.QUIET,
        title=words,
        stamp=report.stamp,
        lines=[doubt, *(block(r) for r in report.rows), f"-# and {rest} more" if rest > 0 else ""],
    )


def one(row: Row, stamp: Stamp) -> discord.Embed:
    """One order with its route."""
    return card(
        tone=Tone.WAIT if row.state is OrderState.UNKNOWN else Tone.INFO,
        title=f"{row.side} {text.qty(row.qty)} {text.safe_line(row.label, 60)} · {word(row.state)}",
        stamp=stamp,
        lines=[
            f"{_purpose(row)} · {_filled(row)}",
            f"**{text.safe_line(row.account, 40)}** via {text.safe_line(row.broker, 40)}",
            one_line("Why", "" if row.reason == row.purpose else text.safe_line(row.reason, 200)),
            one_line("Attempt", f"{row.attempt}, under the same id" if row.attempt > 1 else ""),
            one_line("Next", _next(row)),
            f"{'took' if row.is_over else 'age'} {text.span(row.age)} · changed {text.ago(row.at)}",
            (
                f"-# order {text.safe_line(row.order_id, 40)} · trade "
                f"{text.safe_line(row.trade_id, 40)}"
            ),
        ],
    )


def block(row: Row) -> str:
    """Two short lines."""
    side = f"{row.side} {text.qty(row.qty)} {text.safe_line(row.label, 50)}"
    filled = f" · {text.qty(row.filled)} filled" if row.filled and not row.is_over else ""
    why = f" · {text.safe_line(row.reason, 60)}" if row.reason and row.is_over else ""
    return (
        f"**{side}** · {word(row.state)}{filled}\n"
        f"-# {_purpose(row)} · {text.safe_line(row.broker, 30)} · "
        f"{text.span(row.age)}{why} · {text.safe_line(row.order_id, 30)}"
    )


def word(state: OrderState) -> str:
    """The state as people say it."""
    mark = "⚠ " if state is OrderState.UNKNOWN else ""
    return f"{mark}{words.ORDER[state]}"


def _filled(row: Row) -> str:
    done = f"filled {text.qty(row.filled)} of {text.qty(row.qty)}"
    if not row.filled:
        return done
    if isinstance(row.avg_price, Missing):
        return f"{done} at n/a ({row.avg_price.reason})"
    return f"{done} at {text.price(row.avg_price, row.price_of)} on average"


def _next(row: Row) -> str:
    """Of one in doubt: when the broker is asked again, and from when a person decides."""
    if row.state is not OrderState.UNKNOWN and row.person_at is None:
        return ""
    if row.next_look_at is None or row.person_at is None:
        return "the broker is asked on; a person decides: /order resolve"
    return (
        f"looked up again {text.ago(row.next_look_at)}; without an answer a person is called "
        f"{text.ago(row.person_at)}"
    )


def _purpose(row: Row) -> str:
    """``entry limit 2.17``; a stop's purpose says its type as well."""
    said, why = _price(row), _WHY[row.purpose]
    return said if said.startswith(why) else f"{why} {said}"


def _price(row: Row) -> str:
    if isinstance(row.price, Missing):
        return "at market"
    at = "trailing stop" if row.type is OrderType.TRAILING else row.type.replace("_", " ")
    return f"{at} {text.price(row.price, row.price_of)}"
