"""Buttons and menus. They hold no state: ids only, so they work after a restart.

Every press re-reads the desk, judges the person now, answers privately, and leaves the card itself
to the outbox, which edits it once the change is committed.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Self

import discord

from bot import dialogs, disclaimer, learning, reply, setup_buttons, text
from bot.actions._button import ActionButton, OfferSelect
from bot.advising import IdeaButton
from bot.alert_buttons import AlertButton
from bot.bulk import BulkSelect
from bot.cards import positions as positions_card
from bot.chart_buttons import ChartButton
from bot.confirm import ConfirmButton, Question, ask_first
from bot.deciding import approve_or_ask
from bot.journal_buttons import ReviewButton
from bot.lasting import Lasting, below, choice
from bot.notify_buttons import NotifyButton
from bot.panel import buttons as panel_buttons
from bot.reply import Press
from bot.risk_buttons import RiskSelect
from engine.domain.desk import Approval, ApprovalState
from engine.domain.errors import ApprovalExpired, UserError
from engine.domain.order import Intent
from engine.domain.trade import Trade, TradeState
from engine.flows import approve, follow, manage
from engine.reports.positions import Sort

if TYPE_CHECKING:
    from bot.app import App

Style = discord.ButtonStyle
PER_PAGE = 10


class ApprovalButton(
    Lasting[discord.ui.Button[Any]],
    template=r"ts:approval:(?P<id>[A-Za-z0-9-]{1,60}):(?P<version>\d{1,9})"
    r":(?P<verb>approve|half|modify|rewrite|reject|dismiss)",
):
    """Approve, Half, Modify, Reject or Rewrite on one version of one approval card."""

    LOOKS: ClassVar[dict[str, tuple[str, Style, str]]] = {
        "approve": ("Approve", Style.success, "✅"),
        "half": ("Half", Style.primary, "➗"),
        "modify": ("Modify", Style.secondary, "✏️"),
        "rewrite": ("Rewrite…", Style.primary, "✏️"),
        "reject": ("Reject", Style.danger, "✖️"),
        "dismiss": ("Dismiss", Style.secondary, "✖️"),
    }
    PERMISSIONS: ClassVar[dict[str, str]] = {
        "approve": "press approve",
        "half": "press approve",
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
        if self.verb in ("reject", "dismiss"):
            decided = await approve.reject(app.desk, self.approval_id, self.version, who)
            said: str | Question = f"✔ {decided.said}"
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


class TradeButton(
    Lasting[discord.ui.Button[Any]],
    template=r"ts:trade:(?P<id>[A-Za-z0-9-]{1,60})"
    r":(?P<verb>close25|close50|close100|entry|stop|target)",
):
    """Close a share, move the stop, set a target: on the card of an open trade."""

    LOOKS: ClassVar[dict[str, tuple[str, Style]]] = {
        "close25": ("Close 25 %", Style.secondary),
        "close50": ("Close 50 %", Style.secondary),
        "close100": ("Close all", Style.danger),
        "entry": ("Stop to entry", Style.primary),
        "stop": ("Stop…", Style.secondary),
        "target": ("Target…", Style.secondary),
    }
    PERMISSIONS: ClassVar[dict[str, str]] = {
        "close25": "press close",
        "close50": "press close",
        "close100": "press close",
        "entry": "press stop",
        "stop": "press stop",
        "target": "press target",
    }

    def __init__(self, trade_id: str, verb: str) -> None:
        words, style = self.LOOKS[verb]
        super().__init__(
            discord.ui.Button(label=words, style=style, custom_id=f"ts:trade:{trade_id}:{verb}")
        )
        self.trade_id, self.verb = trade_id, verb

    async def callback(self, interaction: Press) -> None:
        """Act, or ask first where it costs money."""
        app = interaction.client.app
        if self.verb in dialogs.FORMS:
            await reply.handled(
                interaction, lambda: dialogs.show(app, interaction, self.verb, self.trade_id)
            )
            return
        await reply.defer(interaction)
        await reply.handled(interaction, lambda: self._act(app, interaction))

    async def _act(self, app: "App", press: Press) -> str | None:
        who = app.gate.require(press, self.PERMISSIONS[self.verb])
        if self.verb == "entry":
            trade = await manage.to_break_even(app.desk, self.trade_id, who)
            return f"✔ stop of {trade.symbol} is now {trade.stop.price if trade.stop else 'n/a'}"
        percent = Decimal(self.verb.removeprefix("close"))
        await ask_first(app, press, close_question(app, self.trade_id, percent=percent))
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Which positions a page is of, and their order."""

    sort: Sort = "pl"
    asset: str = ""
    broker: str = ""


class PageButton(
    Lasting[discord.ui.Button[Any]],
    template=r"ts:positions:(?P<first>\d{1,4})(?::(?P<sort>pl|size|age|risk)"
    r":(?P<asset>[a-z]{0,10}):(?P<broker>[a-z0-9_]{0,32}))?",
):
    """Another page of /positions, in place."""

    PERMISSION: ClassVar[str] = "positions"

    def __init__(self, first: int, shown: "Shown | None" = None, label: str = "…") -> None:
        self.first, self.shown = first, shown or Shown()
        wanted = f"{self.shown.sort}:{self.shown.asset}:{self.shown.broker}"
        super().__init__(
            discord.ui.Button(
                label=label, style=Style.secondary, custom_id=f"ts:positions:{first}:{wanted}"
            )
        )

    @classmethod
    def of(cls, match: re.Match[str]) -> Self:
        """Where the page begins and what it is of; ids of old name the place alone."""
        sort: Any = match["sort"] or "pl"
        shown = Shown(sort=sort, asset=match["asset"] or "", broker=match["broker"] or "")
        return cls(int(match["first"]), shown)

    async def callback(self, interaction: Press) -> None:
        """Show it, with the figures of now."""
        app, shown = interaction.client.app, self.shown

        async def work() -> None:
            app.gate.require(interaction, self.PERMISSION)
            report = app.reading.positions(broker=shown.broker, asset=shown.asset, sort=shown.sort)
            first = self.first if self.first < len(report.rows) else 0
            await interaction.response.edit_message(
                embed=positions_card.show(report, first=first, per_page=PER_PAGE),
                view=positions_view(len(report.rows), first, shown),
            )

        await reply.handled(interaction, work)


def positions_view(
    n_rows: int, first: int = 0, shown: Shown | None = None
) -> discord.ui.View | None:
    """Buttons to the other pages; None when there is one page only."""
    places = {"◀ Back": first - PER_PAGE, "More ▶": first + PER_PAGE}
    buttons = [PageButton(at, shown, label) for label, at in places.items() if 0 <= at < n_rows]
    return below(buttons) if buttons else None


def close_question(
    app: "App", trade_id: str, *, percent: Decimal | None = None, qty: Decimal | None = None
) -> Question:
    """The confirmation before so much of a trade is closed.

    Raises:
        UserError: it is over, or so much of it is not held.
    """
    desk = app.desk

    def trade() -> Trade:
        found = desk.book.trades.get(trade_id)
        if found is None or found.state is not TradeState.OPEN:
            raise UserError("That trade is not open any more. Nothing was changed.")
        return found

    def state() -> object:
        now = desk.book.trades.get(trade_id)
        return None if now is None else (now.state, now.qty_open, now.closes)

    def body() -> str:
        now = trade()
        units = manage.units(now, qty, percent)
        return "\n".join(
            [
                f"**{units:f}** of {text.safe_line(follow.label(now), 90)}, at market",
                text.shorten(app.reading.one_line(now), 200),
                app.reading.worth(now, units),
            ]
        )

    async def go(press: Press) -> str:
        who = app.gate.who(press)
        await manage.close(desk, trade_id, who, qty=qty, percent=percent)
        return f"✔ closing {share} of {symbol}"

    first = trade()
    manage.units(first, qty, percent)
    symbol = text.safe_line(first.symbol, 40)
    share = "all" if percent == 100 else f"{qty:f}" if percent is None else f"{percent:f} %"
    return Question(
        title=f"Close {share} of {symbol}?",
        yes=f"Close {share} of {symbol}",
        body=body,
        action=go,
        price=lambda: desk.quote(first.legs),
        state=state,
    )


BUTTONS = (
    *panel_buttons.BUTTONS,
    *setup_buttons.BUTTONS,
    *disclaimer.BUTTONS,
    *learning.BUTTONS,
    ApprovalButton,
    WhichSelect,
    TradeButton,
    PageButton,
    ConfirmButton,
    dialogs.AgainButton,
    ChartButton,
    ActionButton,
    OfferSelect,
    BulkSelect,
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


def approval_view(approval: Approval, intent: Intent | None = None) -> discord.ui.View | None:
    """The buttons that belong on an approval card now; None once it is decided."""
    if approval.state is not ApprovalState.PENDING:
        return None
    key, version = approval.approval_id, approval.version
    if approval.kind == "entry":
        is_one = intent is not None and intent.qty <= 1
        verbs = ("approve", *(() if is_one else ("half",)), "modify", "reject")
        return below(ApprovalButton(key, version, verb) for verb in verbs)
    dismiss = ApprovalButton(key, version, "dismiss")
    if approval.kind == "fix":
        return below([ApprovalButton(key, version, "rewrite"), dismiss])
    options = [
        discord.SelectOption(label=text.shorten(c.label, 100) or c.trade_id, value=c.trade_id)
        for c in approval.candidates[:25]
    ]
    return below([WhichSelect(key, version, options), dismiss])


def trade_view(trade: Trade) -> discord.ui.View | None:
    """The buttons that belong on a trade card now; None once it is flat."""
    if trade.state is not TradeState.OPEN:
        return None
    verbs = ["close100", "entry", "stop", "target"]
    if trade.qty_open > 1:
        verbs.insert(0, "close50")
    return below(TradeButton(trade.trade_id, verb) for verb in verbs)
