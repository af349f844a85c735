"""A notice of the outbox -> what its card looks like now."""

from typing import TYPE_CHECKING

from bot.charts import ChartError, Theme
from bot.outbox import Content, Render
from bot.views import approval_view, trade_view
from engine.domain.desk import Intake, Notice

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
    return None if card is None else Content(embeds=(app.cards.alert(card),))


async def _approval(app: "App", notice: Notice) -> Content | None:
    card = await app.reading.approval(notice.subject_id)
    if card is None:
        return None
    approval = app.desk.book.approvals.get(notice.subject_id)
    pings = tuple(app.config.discord.roles.approver) if approval is not None else ()
    return Content(
        text=" ".join(f"<@&{role}>" for role in pings),
        embeds=(app.cards.approval(card),),
        view=approval_view(approval) if approval else None,
        mentions=pings,
    )


async def _trade(app: "App", notice: Notice) -> Content | None:
    trade = await app.desk.trade(notice.subject_id)
    card = await app.reading.trade(notice.subject_id)
    if trade is None or card is None:
        return None
    return Content(embeds=(app.cards.trade(card),), view=trade_view(trade))


async def _mirror(app: "App", notice: Notice) -> Content | None:
    channel, _, rest = notice.subject_id.partition(":")
    del channel, rest
    intake = await app.desk.store.get(Intake, notice.subject_id)
    return None if intake is None else Content(text=app.cards.mirror(intake))


async def _chart(app: "App", notice: Notice) -> Content | None:
    """The P&L picture, one message that is edited after every closed trade."""
    del notice
    report = await app.reading.pnl("all")
    embed = app.cards.pnl(report)
    try:
        png = await app.charts.render("pnl", report, Theme.DARK)
    except ChartError:
        return Content(embeds=(embed,))
    embed.set_image(url="attachment://pnl.png")
    file = app.cards.picture(png, "pnl.png", app.cards.pnl_alt(report))
    return Content(embeds=(embed,), files=(file,))


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
}
