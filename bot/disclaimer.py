"""What this is not, read and accepted once by each person before anything that he opens.

Closing, cancelling and stopping never ask for it.
"""

import re
from typing import TYPE_CHECKING, Any, Self

import discord

from bot import reply
from bot.lasting import Lasting, below
from bot.reply import Press
from engine.domain.errors import UserError

if TYPE_CHECKING:
    from bot.app import App

EDITION = 1
"""Counts up when the words change: then they are to be accepted anew."""
WORDS = (
    "TradeStream is a tool. It gives no investment advice and knows nothing of your situation.",
    "Trading loses money. Options and futures can lose more than was paid, and lose it fast.",
    "Alerts are other people's opinions. Past results, here or theirs, promise nothing.",
    "Software, brokers, feeds and Discord fail. A stop may fill far from its price, or not at all.",
    "You decide, you confirm, and you answer for every order that is sent in your name.",
)
OPENS = frozenset(
    {
        *("buy", "alerts execute", "approvals approve", "approvals bulk"),
        *("press approve", "press execute", "#buy", "#add", "#approve"),
    }
)
"""What puts money at risk. A sale may close: one that opens is asked when it is confirmed."""


class Unaccepted(UserError):
    """He has not accepted it yet; the answer offers to."""

    def offer(self) -> discord.ui.View:
        """The button that goes with the refusal."""
        return view()


def has_accepted(app: "App", user_id: int) -> bool:
    """Whether this person has accepted the words of today."""
    fact = app.desk.book.facts.get(f"accepted:{user_id}")
    return fact is not None and fact.value.partition("|")[0] == str(EDITION)


def check(app: "App", user_id: int, name: str) -> None:
    """Let pass what opens nothing, and whoever has accepted.

    Raises:
        Unaccepted: nothing was done.
    """
    if name not in OPENS or not app.config.discord.disclaimer or has_accepted(app, user_id):
        return
    lines = "\n".join(f"• {line}" for line in WORDS)
    raise Unaccepted(
        f"**Before your first order, once:**\n{lines}\nNothing was done yet. Press the button "
        "(or find it under `/about part:disclaimer`), then do it again."
    )


def view() -> discord.ui.View:
    """One button."""
    return below([AcceptButton()])


class AcceptButton(Lasting[discord.ui.Button[Any]], template=r"ts:accept:(?P<edition>\d{1,4})"):
    """“I understand”, on the record."""

    def __init__(self, edition: int = EDITION) -> None:
        super().__init__(
            discord.ui.Button(
                label="I understand and accept",
                style=discord.ButtonStyle.primary,
                custom_id=f"ts:accept:{edition}",
            )
        )
        self.edition = edition

    @classmethod
    def of(cls, match: re.Match[str]) -> Self:
        """Its edition is a number."""
        return cls(int(match["edition"]))

    async def callback(self, interaction: Press) -> None:
        """Keep who accepted what and when."""
        app: App = interaction.client.app

        async def work() -> str:
            who = app.gate.require(interaction, "about")
            await reply.think(interaction, private=True)
            if self.edition != EDITION:
                raise UserError("These words have changed; look at /about part:disclaimer.")
            desk = app.desk
            if not has_accepted(app, who.user_id):
                value = f"{EDITION}|{desk.clock.now().isoformat()}"
                await desk.commit(
                    desk.event(
                        "disclaimer.accepted",
                        f"user-{who.user_id}",
                        desk.fact(f"accepted:{who.user_id}", value),
                        actor=f"user:{who.user_id}",
                        edition=EDITION,
                    )
                )
            return "✔ Accepted, and noted. You may trade now: do again what you meant to do."

        await reply.handled(interaction, work)


BUTTONS = (AcceptButton,)
