"""Buttons and menus. They hold no state: ids only, so they work after a restart.

Every press re-reads the desk, judges the person now, answers privately, and leaves the card itself
to the outbox, which edits it once the change is committed.
"""

import re
from typing import TYPE_CHECKING, Any, ClassVar, Self

import discord

from bot import bulk, dialogs, disclaimer, learning, reply, text
from bot.actions._button import ActionButton, OfferSelect
from bot.buttons import setup as setup_buttons
from bot.buttons.advice import IdeaButton
from bot.buttons.alert import AlertButton
from bot.buttons.chart import ChartButton
from bot.buttons.journal import ReviewButton
from bot.buttons.notify import NotifyButton
from bot.buttons.position import PageButton, PositionSelect
from bot.buttons.risk import RiskSelect
from bot.buttons.trade import TradeButton
from bot.confirm import ConfirmButton, Question, ask_first
from bot.lasting import Lasting, below, choice
from bot.panel import buttons as panel_buttons
from bot.questions.approve import approve_or_ask
from bot.reply import Press
from engine.domain.desk import Approval, ApprovalState
from engine.domain.errors import ApprovalExpired
from engine.flows.trades import approve

if TYPE_CHECKING:
    from bot.app import App

Style = discord.ButtonStyle


class ApprovalButton(
    Lasting[discord.ui.Button[Any]],
    template=r"ts:approval:(?P<id>[A-Za-z0-9-]{1,60}):(?P<version>\d{1,9})"
    r":(?P<verb>approve|half|all|modify|rewrite|reject|dismiss)",
):
    """Approve, Half, Modify, Reject or Rewrite on one version of one approval card."""

    LOOKS: ClassVar[dict[str, tuple[str, Style, str]]] = {
        "approve": ("Approve", Style.success, "✅"),
        "half": ("Half", Style.primary, "➗"),
        "all": ("Approve all…", Style.success, "☑️"),
        "modify": ("Modify", Style.secondary, "✏️"),
        "rewrite": ("Rewrite…", Style.primary, "✏️"),
        "reject": ("Reject", Style.danger, "✖️"),
        "dismiss": ("Dismiss", Style.secondary, "✖️"),
    }
    PERMISSIONS: ClassVar[dict[str, str]] = {
        "approve": "press approve",
        "half": "press approve",
        "all": "approvals bulk",
        "modify": "press modify",
        "rewrite": "press rewrite",
        "reject": "press reject",
        "dismiss": "press reject",
    }

    def __init__(self, approval_id: str, version: int, verb: str) -> None:
        words, style, emoji = self.LOOKS[verb]
        super().__init__(
            discord.ui.Button(
                label=words,
                style=style,
                emoji=emoji,
                custom_id=f"ts:approval:{approval_id}:{version}:{verb}",
            )
        )
        self.approval_id, self.version, self.verb = approval_id, version, verb

    @classmethod
    def of(cls, match: re.Match[str]) -> Self:
        """Its version is a number."""
        return cls(match["id"], int(match["version"]), match["verb"])

    async def callback(self, interaction: Press) -> None:
        """Decide."""
        app = interaction.client.app
        if self.verb in dialogs.FORMS:
            await reply.handled(interaction, lambda: self._open_dialog(app, interaction))
            return
        await reply.defer(interaction)
        await reply.handled(interaction, lambda: self._decide(app, interaction))

    async def _decide(self, app: "App", press: Press) -> str | None:
        who = app.gate.require(press, self.PERMISSIONS[self.verb])
        if self.verb == "all":
            shown = app.desk.book.approvals.get(self.approval_id)
            every = [a.approval_id for a in bulk.about(app, shown.alert_id)] if shown else []
            said: str | Question = bulk.question(app, "approve", every)
        elif self.verb in ("reject", "dismiss"):
            decided = await approve.reject(app.desk, self.approval_id, self.version, who)
            said = f"✔ {decided.said}"
        else:
            said = await approve_or_ask(
                app, self.approval_id, self.version, who, half=self.verb == "half"
            )
        if isinstance(said, Question):
            await ask_first(app, press, said)
            return None
        await _strip(press)
        return said

    async def _open_dialog(self, app: "App", press: Press) -> None:
        app.gate.require(press, self.PERMISSIONS[self.verb])
        approval = app.desk.book.approvals.get(self.approval_id)
        if approval is None:
            raise ApprovalExpired("This question is already decided. Nothing was changed.")
        if approval.version != self.version:
            raise ApprovalExpired(
                "This card was changed since. Nothing was changed now; use its newest version."
            )
        await dialogs.show(app, press, self.verb, self.approval_id, self.version)


async def _strip(press: Press) -> None:
    """A private copy of a card is not edited by the outbox: take its buttons away here."""
    if press.message is None or not press.message.flags.ephemeral:
        return
    try:
        await press.edit_original_response(view=None)
    except reply.UNWELL:
        return


class WhichSelect(
    Lasting[discord.ui.Select[Any]],
    template=r"ts:which:(?P<id>[A-Za-z0-9-]{1,60}):(?P<version>\d{1,9})",
):
    """Which of the open trades did the alert mean?"""

    PERMISSION: ClassVar[str] = "press which"

    def __init__(
        self, approval_id: str, version: int, options: list[discord.SelectOption] | None = None
    ) -> None:
        super().__init__(
            discord.ui.Select(
                placeholder="Which trade is meant?",
                options=options or [discord.SelectOption(label="…", value="none")],
                custom_id=f"ts:which:{approval_id}:{version}",
            )
        )
        self.approval_id, self.version = approval_id, version

    @classmethod
    def of(cls, match: re.Match[str]) -> Self:
        """Its version is a number."""
        return cls(match["id"], int(match["version"]))

    async def callback(self, interaction: Press) -> None:
        """Apply the alert to the chosen trade."""
        await reply.defer(interaction)
        await reply.handled(interaction, lambda: self._choose(interaction, choice(interaction)))

    async def _choose(self, press: Press, trade_id: str) -> str:
        app = press.client.app
        who = app.gate.require(press, self.PERMISSION)
        decided = await approve.choose(app.desk, self.approval_id, self.version, who, trade_id)
        await _strip(press)
        return f"✔ {decided.said}"


BUTTONS = (
    *panel_buttons.BUTTONS,
    *setup_buttons.BUTTONS,
    *disclaimer.BUTTONS,
    *learning.BUTTONS,
    ApprovalButton,
    WhichSelect,
    TradeButton,
    PageButton,
    PositionSelect,
    ConfirmButton,
    dialogs.AgainButton,
    ChartButton,
    ActionButton,
    OfferSelect,
    bulk.BulkSelect,
    AlertButton,
    IdeaButton,
    NotifyButton,
    ReviewButton,
    RiskSelect,
)
"""Everything that must work after a restart; never mixed with ordinary buttons in one view."""


def is_known(custom_id: str) -> bool:
    """Whether some button of today answers to this id; old messages may bear others."""
    return any(b.__discord_ui_compiled_template__.fullmatch(custom_id) for b in BUTTONS)


def approval_view(app: "App", approval: Approval) -> discord.ui.View | None:
    """The buttons that belong on an approval card now; None once it is decided."""
    if approval.state is not ApprovalState.PENDING:
        return None
    key, version = approval.approval_id, approval.version
    if approval.kind == "entry":
        intent = app.desk.book.intents.get(approval.intent_id)
        is_one = intent is not None and intent.qty <= 1
        half = () if is_one else ("half",)
        together = ("all",) if len(bulk.about(app, approval.alert_id)) > 1 else ()
        verbs = ("approve", *half, *together, "modify", "reject")
        return below(ApprovalButton(key, version, verb) for verb in verbs)
    dismiss = ApprovalButton(key, version, "dismiss")
    if approval.kind == "fix":
        return below([ApprovalButton(key, version, "rewrite"), dismiss])
    options = [
        discord.SelectOption(label=text.shorten(c.label, 100) or c.trade_id, value=c.trade_id)
        for c in approval.candidates[:25]
    ]
    return below([WhichSelect(key, version, options), dismiss])
