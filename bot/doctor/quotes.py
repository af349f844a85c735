"""The feed: without quotes nothing is traded."""

from collections.abc import AsyncIterator

from bot.doctor import Finding, Patient
from engine.feeds import Troubled


async def look(patient: Patient) -> AsyncIterator[Finding]:
    """Configured, and alive when the desk runs."""
    feed = patient.config.feed
    if feed.kind == "none":
        yield Finding(
            part="quotes",
            is_ok=False,
            said="no feed is configured: nothing can be traded",
            mend="feed.kind in config.yaml: live, or synthetic to practise (tradestream init)",
        )
        return
    if feed.kind == "synthetic":
        plan = patient.config.path(feed.plan) if feed.plan else None
        is_there = plan is not None and plan.is_file()
        yield Finding(
            part="quotes",
            is_ok=is_there,
            said="a made-up market, for practice" if is_there else "feed.plan is not there",
            mend="" if is_there else "tradestream init --practice writes one",
        )
    else:
        names = ", ".join(feed.live) or feed.kind
        yield Finding(part="quotes", is_ok=True, said=f"configured: {names}")
    if patient.app is not None:
        wrong = patient.app.desk.health.get("feed", "")
        running: object = patient.app.desk.feed
        ill = running.troubles() if isinstance(running, Troubled) else {}
        said = wrong or ", ".join(f"{n}: {why}" for n, why in ill.items())
        yield Finding(
            part="feed now",
            is_ok=not said,
            said=said or f"{len(patient.app.board.all())} symbols quoted",
            mend="/data sources says more" if said else "",
        )
