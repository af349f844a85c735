"""A notice of the outbox -> what its card looks like now."""

from typing import TYPE_CHECKING

from bot.buttons.notify import notify_view
from bot.buttons.trade import trade_view
from bot.cards import alert_card, approval_card, trade_card
from bot.cards import mirror as mirror_card
from bot.cards import notifications as notify_card
from bot.cards import pnl as pnl_card
from bot.charts import Theme
from bot.drawn import with_chart
from bot.notify import roles
from bot.outbox import Render
from bot.posting import Content
from bot.told import told
from bot.views import approval_view
from engine.domain.desk import Document, Intake, Notice

if TYPE_CHECKING:
    from bot.app import App


def renderer(app: "App") -> Render:
    """The function that the outbox calls for every card."""

    async def render(notice: Notice) -> Content | None:
        kind = _KINDS[notice.kind]
        return await kind(app, notice)

    return render


async def _alert(app: "App", notice: Notice) -> Content | None:
    card = await app.reading.alert(notice.subject_id)
    return None if card is None else Content(embeds=(alert_card.show(card),))


async def _approval(app: "App", notice: Notice) -> Content | None:
    card = await app.reading.approval(notice.subject_id)
    if card is None:
        return None
    approval = app.desk.book.approvals.get(notice.subject_id)
    pings = tuple(app.config.discord.roles.approver) if approval is not None else ()
    return Content(
        text=" ".join(f"<@&{role}>" for role in pings),
        embeds=(approval_card.show(card),),
        view=approval_view(app, approval) if approval else None,
        mentions=pings,
    )


async def _trade(app: "App", notice: Notice) -> Content | None:
    trade = await app.desk.trade(notice.subject_id)
    card = await app.reading.trade(notice.subject_id)
    if trade is None or card is None:
        return None
    return Content(embeds=(trade_card.show(card),), view=trade_view(trade))


async def _notification(app: "App", notice: Notice) -> Content | None:
    document = await app.desk.store.get(Document, notice.subject_id)
    if document is None:
        return None
    found = told(document)
    traders = tuple(app.config.discord.roles.trader) if found.severity == "critical" else ()
    may = app.notifier.pingable()
    asked = (role for role in roles(found.channels) if f"role:{role}" in may)
    pings = tuple(dict.fromkeys((*traders, *asked)))
    return Content(
        text=" ".join(f"<@&{role}>" for role in pings),
        embeds=(notify_card.bell(app.reading.frame().stamp(found.rule_id), found),),
        view=notify_view(found),
        mentions=pings,
    )


async def _mirror(app: "App", notice: Notice) -> Content | None:
    intake = await app.desk.store.get(Intake, notice.subject_id)
    return None if intake is None else Content(text=mirror_card.line(intake))


async def _chart(app: "App", notice: Notice) -> Content | None:
    """The P&L picture, one message that is edited after every closed trade."""
    del notice
    report = await app.reading.pnl("all")
    embed, files = await with_chart(app, pnl_card, report, Theme.DARK)
    return Content(embeds=(embed,), files=files)


async def _note(app: "App", notice: Notice) -> Content | None:
    del app
    return Content(text=notice.text[:2000])


_KINDS = {
    "alert": _alert,
    "approval": _approval,
    "trade": _trade,
    "mirror": _mirror,
    "chart": _chart,
    "note": _note,
    "notification": _notification,
}
