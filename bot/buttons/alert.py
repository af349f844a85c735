"""Running an alert through the checks once more, or dropping it: one question each, and buttons."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import discord

from bot import reply, text
from bot.confirm import Question, ask_first
from bot.lasting import Lasting, below
from bot.reply import Press
from engine.domain import words
from engine.domain.desk import AlertRecord, AlertState, Who
from engine.flows.alerts import second_look
from engine.reports.alerts import signal_words

if TYPE_CHECKING:
    from bot.app import App

Style = discord.ButtonStyle
_LOST = (AlertState.REJECTED, AlertState.RISK_REJECTED, AlertState.ERROR)
_AGAIN = (AlertState.HELD, *_LOST)


class AlertButton(
    Lasting[discord.ui.Button[Any]],
    template=r"ts:alert:(?P<id>[A-Za-z0-9-]{1,60}):(?P<verb>execute|ignore)",
):
    """Try again or ignore, below the story of an alert."""

    LOOKS: ClassVar[dict[str, tuple[str, Style]]] = {
        "execute": ("Try again…", Style.primary),
        "ignore": ("Ignore", Style.secondary),
    }

    PERMISSIONS: ClassVar[dict[str, str]] = {"execute": "press execute", "ignore": "press ignore"}

    def __init__(self, alert_id: str, verb: str) -> None:
        words, style = self.LOOKS[verb]
        super().__init__(
            discord.ui.Button(label=words, style=style, custom_id=f"ts:alert:{alert_id}:{verb}")
        )
        self.alert_id, self.verb = alert_id, verb

    async def callback(self, interaction: Press) -> None:
        """Ask, or drop it."""
        app = interaction.client.app
        await reply.defer(interaction)

        async def work() -> None:
            who = app.gate.require(interaction, self.PERMISSIONS[self.verb])
            ask = ignore_question if self.verb == "ignore" else execute_question
            await ask_first(app, interaction, await ask(app, who, self.alert_id))

        await reply.handled(interaction, work)


def view(record: AlertRecord) -> discord.ui.View | None:
    """The buttons that belong below an alert now; None where there is nothing to do."""
    if record.state not in _AGAIN:
        return None
    return below(AlertButton(record.alert_id, verb) for verb in AlertButton.LOOKS)


def _said(looked: second_look.Looked) -> str:
    mark = "⏳" if looked.approval_id else "✔" if "approved" in looked.said else "⚠"
    return f"{mark} {text.safe_line(looked.said, 300)}"


async def execute_question(
    app: "App", who: Who, alert_id: str, size: Decimal | None = None
) -> Question:
    """Run it through the checks of now, and send it?

    Raises:
        NotAllowed, UserError: it may not be run.
    """
    record = await second_look.runnable(app.desk, who, alert_id)

    async def go(press: Press) -> str:
        by = app.gate.require(press, "press execute")
        return _said(await second_look.execute(app.desk, by, alert_id, size=size))

    return Question(
        title="Run this alert now?",
        yes="Run it",
        body=lambda: _words(app, record, size),
        action=go,
        state=lambda: (a := app.desk.book.alerts.get(alert_id)) and a.version,
    )


async def ignore_question(app: "App", who: Who, alert_id: str) -> Question:
    """Drop it, and what waits of it?

    Raises:
        NotAllowed, UserError: it is traded, or over already.
    """
    record = await second_look.ignorable(app.desk, who, alert_id)

    async def go(press: Press) -> str:
        by = app.gate.require(press, "press ignore")
        return f"✔ {text.safe_line((await second_look.ignore(app.desk, by, alert_id)).said, 200)}"

    return Question(
        title="Ignore this alert?",
        yes="Ignore it",
        body=lambda: _words(
            app, record, None, ends="What waits of it is dropped; it stays listed."
        ),
        action=go,
        state=lambda: (a := app.desk.book.alerts.get(alert_id)) and a.version,
    )


async def paper_question(app: "App", who: Who, alert_id: str) -> Question:
    """The same alert once more, on paper?

    Raises:
        UserError: there is no such alert.
    """
    del who
    record = await second_look.known(app.desk, alert_id)

    async def go(press: Press) -> str:
        by = app.gate.require(press, "alerts replay")
        return _said(await second_look.on_paper(app.desk, by, alert_id, press.id))

    return Question(
        title="Replay this alert on paper?",
        yes="Replay it",
        body=lambda: f"{_words(app, record, None)}\nat today's prices, in the first paper account",
        action=go,
    )


_JUDGED = "Every check judges it anew; only then is anything sent."


def _words(app: "App", record: AlertRecord, size: Decimal | None, *, ends: str = _JUDGED) -> str:
    """What it asks for, how old it is, and what was said against it."""
    now = app.desk.book.alerts.get(record.alert_id, record)
    signals = getattr(now.parsed, "signals", ())
    rows = [f"**{text.safe_line(signal_words(s), 100)}**" for s in signals[:5]]
    rows.append(f"{text.safe_line(now.author_name, 40)} · {text.ago(now.posted_at)}")
    if now.reason:
        said = "it came to nothing" if now.state in _LOST else words.ALERT[now.state]
        rows.append(f"{said}: {text.safe_line(now.reason, 200)}")
    if size is not None:
        rows.append(f"in {text.qty(size)} units")
    rows.append(f"-# {ends}")
    return "\n".join(rows)
