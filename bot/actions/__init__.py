"""#actions: what a person can ask for in one line. One file per verb; its name is the file's.

A file holds its grammar, its rights, how it asks first and what it does. Typed in an action
channel, given to /action, offered by /actions or by a button: all of them come through here, and
what costs money ends in the ordinary confirmation.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import discord

from bot import reply
from bot.actions import _grammar
from bot.actions._grammar import Trail, Values
from bot.confirm import Question, ask_first
from bot.text import safe_line
from bot.usage import outcome_of
from engine import registry
from engine.domain.desk import Who
from engine.domain.errors import ActionSyntaxError, NotAllowed

if TYPE_CHECKING:
    from bot.app import App

__all__ = [
    "Action",
    "Asker",
    "Card",
    "Offer",
    "Read",
    "Said",
    "Values",
    "complete",
    "every",
    "forms",
    "has_emergency",
    "offers",
    "perform",
    "propose",
    "read",
    "read_line",
    "show",
]

Asker = discord.Interaction[Any] | discord.Message
_MOST_LINES = 10
_MOST_CHOICES = 25


@dataclass(frozen=True, kw_only=True)
class Card:
    """An answer with an embed or buttons."""

    words: str = ""
    embed: discord.Embed | None = None
    view: discord.ui.View | None = None


Said = str | Card | Question
"""One answer: words, a card, or a question whose yes does it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Something that can be done now: the action's text, and a few words for a button."""

    text: str
    label: str
    detail: str = ""


class Action(ABC):
    """One verb."""

    forms: ClassVar[tuple[str, ...]]
    """How it is written, without the ``#``; see :mod:`bot.actions._grammar`."""
    examples: ClassVar[tuple[str, ...]]
    says: ClassVar[str]
    """What it does, for help."""
    permission: ClassVar[str]
    """Right that a message needs."""
    press: ClassVar[str]
    """Right that the same needs by command or button."""
    asks: ClassVar[str] = ""
    """What of the asker before it is done; empty: nothing."""
    form: ClassVar[str] = ""
    """Dialog that it opens when it comes by command or button."""

    @property
    def name(self) -> str:
        """``close-all``."""
        return type(self).__module__.rpartition(".")[2].replace("_", "-")

    @abstractmethod
    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """Do it, or put the question before it.

        Raises:
            UserError: nothing was done; says why.
        """

    def offers(self, app: "App") -> Iterable[Offer]:
        """What of it is possible now, the most useful first."""
        del app
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One line, understood."""

    action: Action
    found: Values
    text: str


@cache
def every() -> Mapping[str, Action]:
    """All verbs by name."""
    kinds = [
        registry.load("bot.actions", name, Action)  # type: ignore[type-abstract]
        for name in registry.names("bot.actions")
    ]
    return {action.name: action for action in (kind() for kind in kinds)}


def forms() -> str:
    """An example of each form, for whoever has mistyped one."""
    return " · ".join(f"`#{e}`" for action in every().values() for e in action.examples)


# -- reading ----------------------------------------------------------------------------------


def read(text: str) -> list[Read]:
    """All actions of a message, in order.

    Raises:
        ActionSyntaxError: names the line that could not be read; none of them is to be done.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > _MOST_LINES:
        raise ActionSyntaxError(
            f"At most {_MOST_LINES} actions per message, and these are {len(lines)}. Nothing was "
            "done."
        )
    return [read_line(line) for line in lines]


def read_line(line: str) -> Read:
    """One action.

    Raises:
        ActionSyntaxError.
    """
    words = _grammar.words(line)
    if not line.startswith("#") or not words:
        raise _not_read(line)
    trail = Trail()
    for action in every().values():
        for form in action.forms:
            found = _grammar.whole(_grammar.compiled(form), words, trail)
            if found is not None:
                return Read(action=action, found=found, text=line)
    if trail.why:
        raise ActionSyntaxError(trail.why)
    raise _not_read(line)


def has_emergency(text: str) -> bool:
    """Whether an emergency stop stands on a line of its own, whatever the other lines are."""
    return any(line.strip().lower() == "#emergency-stop" for line in text.splitlines())


def _not_read(line: str) -> ActionSyntaxError:
    shown = safe_line(line, 60)
    return ActionSyntaxError(f"“{shown}” is not an action I know. Nothing was done.\n{forms()}")


# -- suggesting -------------------------------------------------------------------------------


def complete(app: "App", asker: Asker, typed: str) -> list[str]:
    """Whole lines that what is typed so far may become, for those who may use them.

    Verbs come before symbols: of these there are more than Discord shows.
    """
    words = _grammar.words("#" + typed.lstrip().removeprefix("#"))
    is_open = bool(words) and not typed.endswith(" ")
    done, last = (words[:-1], words[-1]) if is_open else (words, "")
    found: dict[str, None] = {}
    for action in every().values():
        if not app.gate.might(asker, action.permission):
            continue
        for form in action.forms:
            parts, here, after = _grammar.compiled(form), Trail(), Trail()
            _grammar.whole(parts, done, here)
            found |= dict.fromkeys(_grammar.continued(app, here, done, last))
            if _grammar.whole(parts, words, after) is not None:
                found[" ".join(words)] = None
            if is_open:
                found |= dict.fromkeys(_grammar.continued(app, after, words, ""))
    typed_so_far = " ".join(words).casefold()
    verbs = {form.split()[0] for action in every().values() for form in action.forms}

    def rank(line: str) -> tuple[bool, int, bool]:
        return line.casefold() != typed_so_far, line.count(" "), line.split()[0] not in verbs

    ranked = sorted(found, key=rank)
    return [line for line in ranked if len(line) <= 100][:_MOST_CHOICES]


def offers(app: "App", asker: Asker) -> list[Offer]:
    """What can be done now by this person."""
    return [
        offer
        for action in every().values()
        if app.gate.might(asker, action.permission)
        for offer in action.offers(app)
    ]


# -- doing ------------------------------------------------------------------------------------


async def propose(app: "App", asker: Asker, line: str) -> Sequence[Said]:
    """What an action leads to: answers, or the question whose yes does it. Nothing is shown yet.

    ``asker``: the message or the interaction that asks; its author's rights are judged now.

    Raises:
        ActionSyntaxError, NotAllowed, UserError: nothing was done.
    """
    return await run(app, asker, read_line(line.strip()))


async def run(app: "App", asker: Asker, what: Read) -> Sequence[Said]:
    """The same for a line that was read before; how it went is kept in the journal."""
    by_message = isinstance(asker, discord.Message)
    right = what.action.permission if by_message else what.action.press
    began, failed = app.clock.monotonic(), None
    try:
        who = app.gate.require(asker, right)
        return await what.action.run(app, asker, who, what.found)
    except Exception as error:
        failed = error
        raise
    finally:
        _keep(app, asker, what, failed, app.clock.monotonic() - began)


def _keep(app: "App", asker: Asker, what: Read, failed: Exception | None, seconds: float) -> None:
    """Who asked for what, where, as typed and as read, and how it went; refusals are kept already.

    What it then does is told by the events of the doing, under the same person.
    """
    person = asker.author if isinstance(asker, discord.Message) else asker.user
    app.usage.count(f"#{what.action.name}", person.id, outcome_of(failed), seconds)
    if isinstance(failed, NotAllowed):
        return
    desk, place = app.desk, asker.channel.id if asker.channel is not None else None
    event = desk.event(
        "action.asked",
        f"ask-{asker.id}",
        actor=f"user:{person.id}",
        action=what.action.name,
        text=what.text[:200],
        read=", ".join(f"{name}={value}" for name, value in what.found.items()),
        channel_id=place,
        outcome=str(failed)[:200] if failed is not None else "answered",
        ms=round(seconds * 1000),
    )
    desk.spawn(desk.commit(event), "audit of an action")


async def perform(app: "App", asker: Asker, line: str) -> None:
    """Do one action for whoever asks, and answer him: the entry for buttons and commands.

    Raises:
        ActionSyntaxError, NotAllowed, UserError: nothing was done.
    """
    for said in await propose(app, asker, line):
        await show(app, asker, said)


async def show(app: "App", asker: Asker, said: Said) -> None:
    """One answer: to a message as a reply, to an interaction privately."""
    if isinstance(said, Question):
        await ask_first(app, asker, said)
        return
    card = Card(words=said) if isinstance(said, str) else said
    if isinstance(asker, discord.Interaction):
        await reply.say(asker, card.words, view=card.view, embed=card.embed)
        return
    more: dict[str, Any] = {} if card.embed is None else {"embed": card.embed}
    if card.view is not None and asker.guild is not None:  # buttons of cards work in the server
        more |= {"view": card.view}
    words = reply.badged(app, card.words) if card.embed is None else card.words
    await asker.reply(words, mention_author=False, **more)
