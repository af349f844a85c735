"""/tutorial and /examples: lessons with what the desk holds now, and buttons that show more."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Self

import discord

from bot import reply, text
from bot.cards import Tone, card
from bot.lasting import Lasting, below
from bot.panel import reading
from bot.panel.buttons import RunButton, command_of
from bot.reply import Press
from engine.domain import words
from engine.reports import Missing

if TYPE_CHECKING:
    from bot.app import App


@dataclass(frozen=True, slots=True)
class Lesson:
    """One page."""

    title: str
    lines: tuple[str, ...]
    live: Callable[["App"], str]
    """What the desk holds at this moment, as an example."""
    shows: str
    """Command whose button goes with it."""


def _mode(app: "App") -> str:
    frame = app.reading.frame()
    market = ", a made-up market" if frame.is_synthetic else ""
    return f"This desk trades on **{frame.mode.upper()}**{market}."


def _alert(app: "App") -> str:
    newest = next(reversed(app.desk.book.alerts.values()), None)
    if newest is None:
        return "No alert was heard yet."
    said = text.safe_line(newest.text, 80)
    return f"The newest: “{said}” became **{words.ALERT[newest.state]}**."


def _waiting(app: "App") -> str:
    n = len(app.desk.book.approvals)
    return f"{n} question{'' if n == 1 else 's'} wait{'s' if n == 1 else ''} for a click now."


def _held(app: "App") -> str:
    trades = app.desk.book.open_trades()
    if not trades:
        return "Nothing is open now."
    return f"Open now: {text.shorten(app.reading.one_line(trades[0]), 150)}"


def _limits(app: "App") -> str:
    report = app.reading.limits()
    n = sum(len(a.gauges) for a in report.accounts)
    return f"{n} limits are measured; entries are {'allowed' if report.may_enter else 'OFF'}."


def _made(app: "App") -> str:
    report = app.reading.exposure()
    net = report.open_usd
    return "No prices yet." if isinstance(net, Missing) else f"Open P&L now: {text.usd(net)}."


def _rooms(app: "App") -> str:
    heard = reading.heard(app)
    return f"{heard.n_heard} of {len(heard.rooms)} alert rooms are listened to."


def _none(app: "App") -> str:
    del app
    return ""


LESSONS: Sequence[Lesson] = (
    Lesson(
        "What this desk does",
        (
            "It listens to alert rooms, reads what their authors trade and checks each order.",
            "Then it asks for approval, trades, and manages the exits.",
            "Every card says on top whether it is PAPER or LIVE.",
        ),
        _mode,
        "status",
    ),
    Lesson(
        "Alerts",
        (
            "An alert becomes one card that advances with it: read, asked, filled, closed.",
            "What is not clear is never guessed: a person is asked, or it is left alone.",
            "Try one without trading: `/alerts test text:Long AAPL 190, stop 186`",
        ),
        _alert,
        "alerts list",
    ),
    Lesson(
        "Approvals",
        (
            "**Approve** sends the order as shown, **Half** half of it, **Reject** drops it.",
            "**Modify** changes quantity, limit or stop first.",
            "The price is looked at again at your click; a question that waits too long expires.",
        ),
        _waiting,
        "approvals list",
    ),
    Lesson(
        "Positions",
        (
            "Each trade's card has buttons: close a part or all, stop to entry, stop, target.",
            "Or type in the action channel: `#SPY close 50%` · `#SPY stop 2.10` · `#SPY target 4`",
            "Whatever cannot be undone asks once, with the price of that moment.",
        ),
        _held,
        "positions",
    ),
    Lesson(
        "Limits",
        (
            "Each entry passes every check; what a check does not know, it denies.",
            "3 % lost in a day ends entries until the next session. Exits are never blocked.",
        ),
        _limits,
        "risk-limits",
    ),
    Lesson(
        "Profit and loss",
        (
            "Realised, open, fees and net come from one ledger, and are reconciled with equity.",
            "`/profit-loss`, `/performance` and `/trades recent` show it in tables and charts.",
        ),
        _made,
        "profit-loss",
    ),
    Lesson(
        "When something is wrong",
        (
            "`/emergency-stop`, or the panel's red button: entries stop at once.",
            "One more click closes everything. An admin resumes with `/resume-trading`.",
            "`/monitor stop` lets alerts pass unacted; stops and targets go on.",
        ),
        _rooms,
        "monitor status",
    ),
    Lesson(
        "Where to look",
        (
            "The pinned live panel shows the desk at a glance; its menu opens everything else.",
            "`/examples` has queries to copy, `/help` lists your commands.",
        ),
        _none,
        "help",
    ),
)


class LessonButton(
    Lasting[discord.ui.Button[Any]],
    template=r"ts:tutorial:(?P<step>[1-8]):(?P<way>back|next)",
):
    """Another page, in place."""

    def __init__(self, step: int, way: str) -> None:
        label = "◀ Back" if way == "back" else "Next ▶"
        super().__init__(discord.ui.Button(label=label, custom_id=f"ts:tutorial:{step}:{way}"))
        self.step, self.way = step, way

    @classmethod
    def of(cls, match: re.Match[str]) -> Self:
        """Its step is a number."""
        return cls(int(match["step"]), match["way"])

    async def callback(self, interaction: Press) -> None:
        """Show it, with what the desk holds now."""
        app: App = interaction.client.app

        async def work() -> None:
            app.gate.require(interaction, "tutorial")
            embed, view = page(app, self.step)
            await interaction.response.edit_message(embed=embed, view=view)

        await reply.handled(interaction, work)


BUTTONS = (LessonButton,)


def page(app: "App", step: int) -> tuple[discord.Embed, discord.ui.View]:
    """One lesson with its buttons; ``step``: 1 to 8."""
    lesson = LESSONS[step - 1]
    live = lesson.live(app)
    embed = card(
        tone=Tone.INFO,
        title=f"{step}/{len(LESSONS)} · {lesson.title}",
        stamp=app.reading.frame().stamp("tutorial"),
        lines=[*lesson.lines, f"👉 {live}" if live else ""],
    )
    items: list[LessonButton | RunButton] = []
    if step > 1:
        items.append(LessonButton(step - 1, "back"))
    if command_of(app.bot, lesson.shows) is not None:
        label = f"Show /{lesson.shows}"
        items.append(RunButton(lesson.shows, label, discord.ButtonStyle.primary))
    if step < len(LESSONS):
        items.append(LessonButton(step + 1, "next"))
    return embed, below(items)


# -- examples ------------------------------------------------------------------------------------

EXAMPLES: Mapping[str, Sequence[tuple[str, str]]] = {
    "portfolio": (
        ("/positions", "everything open, with stop, target and buttons"),
        ("/portfolio-summary", "equity, cash and what is at work"),
        ("/profit-loss period:week by:strategy", "the week, room by room"),
        ("/performance period:1m", "win rate, profit factor, drawdown, Sharpe"),
        ("/trades recent limit:5", "the last five round trips"),
        ("/exposure by:asset", "what is at stake, by kind"),
    ),
    "orders": (
        ("#SPY close 50%", "half of it, at market, after one question"),
        ("#SPY stop 2.10", "moves the stop; looser asks first"),
        ("#AAPL trailing 2%", "trails from now, never worse than the stop"),
        ("#buy TSLA 50 @ 240 stop 235", "a ticket through every check"),
        ("/order list", "orders that are working"),
        ("#cancel-all", "cancels working entries"),
        ("#close-all", "closes everything, after one question"),
    ),
    "alerts": (
        ("/alerts test text:Long AAPL 190, stop 186", "how it would be read; nothing is sent"),
        ("/alerts list symbol:SPY", "what came of the last ones"),
        ("/alerts stats", "from heard to filled, author by author"),
        ("/approvals list", "what waits for a click"),
        ("/trace id:A-…", "one alert, hop by hop"),
        ("/monitor status", "which rooms are heard"),
    ),
    "market": (
        ("/market-status", "which markets are open, until when"),
        ("/market-summary", "indices, sectors, what moves"),
        ("/watchlist view", "symbols you watch"),
        ("/news symbol:SPY", "headlines of a day, where a feed has them"),
        ("/data quality", "grades of every quote"),
        ("/chart candles symbol:SPY", "candles with indicators"),
    ),
    "risk": (
        ("/risk-limits", "how much of every limit is used"),
        ("/risk-analysis", "what is concentrated, what moves together"),
        ("/circuit-breaker", "how far it is to the stop"),
        ("/correlation", "pairs that are one bet"),
        ("/emergency-stop", "no entries at once; then close everything"),
    ),
}


def examples(app: "App", category: str) -> tuple[discord.Embed, discord.ui.View | None]:
    """Queries to copy; those that only look have a button."""
    rows = EXAMPLES[category]
    there = [(typed, what) for typed, what in rows if _is_there(app, typed)]
    embed = card(
        tone=Tone.INFO,
        title=f"Examples · {category}",
        stamp=app.reading.frame().stamp("examples"),
        lines=[f"`{typed}`\n-# {what}" for typed, what in there],
    )
    names = dict.fromkeys(n for typed, _ in there if (n := _name(typed)) in _LOOKS)
    return embed, below(RunButton(name, f"/{name}") for name in names) if names else None


_LOOKS = frozenset(
    {
        *("positions", "portfolio-summary", "performance", "trades recent", "exposure"),
        *("order list", "alerts list", "alerts stats", "approvals list", "monitor status"),
        *("market-status", "market-summary", "watchlist view", "data quality", "risk-limits"),
        *("risk-analysis", "circuit-breaker", "correlation", "profit-loss"),
    }
)


def _name(typed: str) -> str:
    """``/trades recent limit:5`` is ``trades recent``; empty for a # action."""
    if not typed.startswith("/"):
        return ""
    return " ".join(takewhile(lambda word: ":" not in word, typed[1:].split(" ")))


def _is_there(app: "App", typed: str) -> bool:
    return typed.startswith("#") or command_of(app.bot, _name(typed)) is not None
