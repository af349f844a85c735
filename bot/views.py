"""Buttons and dialogs. They hold no state: ids only, so they work after a restart.

Every press re-reads the desk, judges the person now, answers privately, and leaves the card itself
to the outbox, which edits it once the change is committed.
"""

import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Self

import discord

from bot import errors
from bot.confirm import ConfirmButton, ask_first
from bot.numbers import number, optional_number
from engine.domain.desk import Approval, ApprovalState
from engine.domain.errors import ApprovalExpired, UserError
from engine.domain.trade import Trade, TradeState
from engine.flows import approve, follow, manage

if TYPE_CHECKING:
    from bot.app import App

Press = discord.Interaction[Any]

Style = discord.ButtonStyle


async def handled(press: Press, work: Awaitable[str | None]) -> None:
    """Run what a press asks for; the person hears the result or a kind refusal."""
    try:
        said = await work
    except Exception as error:  # noqa: BLE001 - the outermost edge of every button
        await errors.answer(press, error)
        return
    if said:
        await errors.say(press, said)


class ApprovalButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"ts:approval:(?P<id>[A-Za-z0-9-]{1,60}):(?P<version>\d{1,9}):(?P<verb>[a-z]{3,8})",
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

    def __init__(self, approval_id: str, version: int, verb: str, label: str = "") -> None:
        text, style, emoji = self.LOOKS[verb]
        super().__init__(
            discord.ui.Button(
                label=label or text,
                style=style,
                emoji=emoji,
                custom_id=f"ts:approval:{approval_id}:{version}:{verb}",
            )
        )
        self.approval_id, self.version, self.verb = approval_id, version, verb

    @classmethod
    async def from_custom_id(
        cls, interaction: Press, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id alone."""
        del interaction, item
        verb = match["verb"] if match["verb"] in cls.LOOKS else "dismiss"
        return cls(match["id"], int(match["version"]), verb)

    async def callback(self, interaction: Press) -> None:
        """Decide."""
        app = interaction.client.app
        if self.verb in ("modify", "rewrite"):
            await handled(interaction, self._open_dialog(app, interaction))
            return
        await interaction.response.defer(ephemeral=True)
        await handled(interaction, self._decide(app, interaction))

    async def _decide(self, app: "App", press: Press) -> str:
        who = app.gate.who(press)
        if self.verb in ("reject", "dismiss"):
            decided = await approve.reject(app.desk, self.approval_id, self.version, who)
        else:
            decided = await approve.approve(
                app.desk, self.approval_id, self.version, who, half=self.verb == "half"
            )
        return f"✔ {decided.said}"

    async def _open_dialog(self, app: "App", press: Press) -> None:
        approval = app.desk.book.approvals.get(self.approval_id)
        if approval is None or approval.version != self.version:
            raise ApprovalExpired("This question is already decided. Nothing was changed.")
        dialog = ModifyDialog if self.verb == "modify" else RewriteDialog
        await press.response.send_modal(dialog(app, approval))


class WhichSelect(
    discord.ui.DynamicItem[discord.ui.Select[discord.ui.View]],
    template=r"ts:which:(?P<id>[A-Za-z0-9-]{1,60}):(?P<version>\d{1,9})",
):
    """Which of the open trades did the alert mean?"""

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
    async def from_custom_id(
        cls, interaction: Press, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the menu from its id; the choice comes with the press."""
        del interaction
        built = cls(match["id"], int(match["version"]))
        if isinstance(item, discord.ui.Select):
            built.item.options = item.options
        return built

    async def callback(self, interaction: Press) -> None:
        """Apply the alert to the chosen trade."""
        await interaction.response.defer(ephemeral=True)
        data: Any = interaction.data or {}
        values = data.get("values") or [""]
        await handled(interaction, self._choose(interaction, values[0]))

    async def _choose(self, press: Press, trade_id: str) -> str:
        app = press.client.app
        who = app.gate.who(press)
        decided = await approve.choose(app.desk, self.approval_id, self.version, who, trade_id)
        return f"✔ {decided.said}"


class TradeButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"ts:trade:(?P<id>[A-Za-z0-9-]{1,60}):(?P<verb>[a-z]+[0-9]{0,3})",
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

    def __init__(self, trade_id: str, verb: str) -> None:
        text, style = self.LOOKS[verb]
        super().__init__(
            discord.ui.Button(label=text, style=style, custom_id=f"ts:trade:{trade_id}:{verb}")
        )
        self.trade_id, self.verb = trade_id, verb

    @classmethod
    async def from_custom_id(
        cls, interaction: Press, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id alone."""
        del interaction, item
        return cls(match["id"], match["verb"] if match["verb"] in cls.LOOKS else "stop")

    async def callback(self, interaction: Press) -> None:
        """Act, or ask first where it costs money."""
        if self.verb in ("stop", "target"):
            await handled(interaction, self._open_dialog(interaction))
            return
        await interaction.response.defer(ephemeral=True)
        await handled(interaction, self._act(interaction))

    async def _act(self, press: Press) -> str | None:
        app = press.client.app
        who = app.gate.who(press)
        if self.verb == "entry":
            trade = await manage.to_break_even(app.desk, self.trade_id, who)
            return f"✔ stop of {trade.symbol} is now {trade.stop.price if trade.stop else '?'}"
        percent = Decimal(self.verb.removeprefix("close"))
        trade = open_trade(app, self.trade_id)
        await ask_close(app, press, trade, percent=percent)
        return None

    async def _open_dialog(self, press: Press) -> None:
        app = press.client.app
        trade = open_trade(app, self.trade_id)
        await press.response.send_modal(PriceDialog(app, trade, self.verb))


def open_trade(app: "App", trade_id: str) -> Trade:
    """A trade that is still live.

    Raises:
        UserError: it is over.
    """
    trade = app.desk.book.trades.get(trade_id)
    if trade is None:
        raise UserError("That trade is over. Nothing was changed.")
    return trade


async def ask_close(
    app: "App",
    press: Press,
    trade: Trade,
    *,
    percent: Decimal | None = None,
    qty: Decimal | None = None,
) -> None:
    """Ask for one confirmation, then close so much of a trade."""
    share = "all" if qty is None else f"{qty:f}"
    if percent is not None:
        share = f"{percent:f} %"
    app.gate.require_trader(press)

    async def go(again: Press) -> str:
        who = app.gate.who(again)
        await manage.close(app.desk, trade.trade_id, who, qty=qty, percent=percent)
        return f"✔ closing {share} of {trade.symbol}"

    await ask_first(
        app,
        press,
        title=f"Close {share} of {trade.symbol}?",
        body=f"{follow.label(trade)} · {app.reading.one_line(trade)}",
        yes=f"Close {share}",
        action=go,
        drift=lambda: app.desk.quote(trade.legs),
    )


class ModifyDialog(discord.ui.Modal):
    """Quantity, limit and stop of a waiting entry; left empty they stay."""

    def __init__(self, app: "App", approval: Approval) -> None:
        super().__init__(title="Change before approval", timeout=600)
        self._app, self._approval = app, approval
        intent = app.desk.book.intents.get(approval.intent_id)
        texts = ("", "", "")
        if intent is not None:
            texts = (f"{intent.qty:f}", f"{intent.limit}", f"{intent.stop or ''}")
        self.qty = _field("Quantity", texts[0])
        self.limit = _field("Limit price", texts[1])
        self.stop_price = _field("Stop price", texts[2])
        for name, item in (
            ("Quantity", self.qty),
            ("Limit", self.limit),
            ("Stop", self.stop_price),
        ):
            self.add_item(discord.ui.Label(text=name, component=item))

    async def on_submit(self, interaction: Press, /) -> None:
        """Ask anew with the changed figures."""
        await interaction.response.defer(ephemeral=True)
        await handled(interaction, self._modify(interaction))

    async def _modify(self, press: Press) -> str:
        decided = await approve.modify(
            self._app.desk,
            self._approval.approval_id,
            self._approval.version,
            self._app.gate.who(press),
            qty=optional_number("quantity", self.qty.value),
            limit=optional_number("limit", self.limit.value),
            stop=optional_number("stop", self.stop_price.value),
        )
        return f"✔ {decided.said}. The card asks anew."


class RewriteDialog(discord.ui.Modal):
    """The alert in a form that can be read safely."""

    def __init__(self, app: "App", approval: Approval) -> None:
        super().__init__(title="Write the alert anew", timeout=600)
        self._app, self._approval = app, approval
        alert = app.desk.book.alerts.get(approval.alert_id)
        self.text = discord.ui.TextInput[Any](
            style=discord.TextStyle.paragraph,
            default=(alert.text if alert else "")[:1000],
            placeholder="BTO SPY 603C 1/31 @ 2.15",
            max_length=1000,
        )
        self.add_item(
            discord.ui.Label(
                text="Alert",
                description="Say every fact: BTO SPY 603C 1/31 @ 2.15 SL 1.60",
                component=self.text,
            )
        )

    async def on_submit(self, interaction: Press, /) -> None:
        """Read it again; it then goes through every check and asks."""
        await interaction.response.defer(ephemeral=True)
        await handled(interaction, self._fix(interaction))

    async def _fix(self, press: Press) -> str:
        decided = await approve.fix(
            self._app.desk,
            self._approval.approval_id,
            self._approval.version,
            self._app.gate.who(press),
            self.text.value,
        )
        return f"✔ {decided.said}"


class PriceDialog(discord.ui.Modal):
    """One price: the new stop or the new target of an open trade."""

    def __init__(self, app: "App", trade: Trade, verb: str) -> None:
        super().__init__(title=f"New {verb} for {trade.symbol}"[:45], timeout=600)
        self._app, self._trade, self._verb = app, trade, verb
        now = ""
        if verb == "stop" and trade.stop is not None:
            now = str(trade.stop.price)
        self.price = _field("Price", now, required=True)
        self.add_item(discord.ui.Label(text=f"{verb.capitalize()} price", component=self.price))

    async def on_submit(self, interaction: Press, /) -> None:
        """Move it."""
        await interaction.response.defer(ephemeral=True)
        await handled(interaction, self._move(interaction))

    async def _move(self, press: Press) -> str:
        who = self._app.gate.who(press)
        price = number(self._verb, self.price.value)
        act: Callable[..., Awaitable[Trade]] = (
            manage.set_stop if self._verb == "stop" else manage.set_target
        )
        await act(self._app.desk, self._trade.trade_id, who, price)
        return f"✔ {self._verb} of {self._trade.symbol} is now {price}"


def _field(label: str, default: str, *, required: bool = False) -> discord.ui.TextInput[Any]:
    return discord.ui.TextInput(
        default=default or None, placeholder=label, required=required, max_length=20
    )


BUTTONS = (ApprovalButton, WhichSelect, TradeButton, ConfirmButton)
"""Everything that must work after a restart; never mixed with ordinary buttons in one view."""


def approval_view(approval: Approval) -> discord.ui.View | None:
    """The buttons that belong on an approval card now; None once it is decided."""
    if approval.state is not ApprovalState.PENDING:
        return None
    view = discord.ui.View(timeout=None)
    key, version = approval.approval_id, approval.version
    if approval.kind == "entry":
        for verb in ("approve", "half", "modify", "reject"):
            view.add_item(ApprovalButton(key, version, verb))
        return view
    if approval.kind == "which":
        options = [
            discord.SelectOption(label=c.label[:100], value=c.trade_id)
            for c in approval.candidates[:25]
        ]
        view.add_item(WhichSelect(key, version, options))
    else:
        view.add_item(ApprovalButton(key, version, "rewrite"))
    view.add_item(ApprovalButton(key, version, "dismiss"))
    return view


def trade_view(trade: Trade) -> discord.ui.View | None:
    """The buttons that belong on a trade card now; None once it is flat."""
    if trade.state is not TradeState.OPEN:
        return None
    view = discord.ui.View(timeout=None)
    verbs = ["close100", "entry", "stop", "target"]
    if trade.qty_open > 1:
        verbs.insert(0, "close50")
    for verb in verbs:
        view.add_item(TradeButton(trade.trade_id, verb))
    return view
