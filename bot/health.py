"""Ready and health over HTTP on loopback: reasons, no secrets, no control."""

import errno
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from aiohttp import web

from bot import gauges
from bot.config.values import is_loopback
from bot.reading.status import status_of
from engine.domain.errors import ConfigError
from engine.flows.common import mode

if TYPE_CHECKING:
    from bot.app import App

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def facts(app: "App") -> dict[str, object]:
    """What an operator (or a supervisor) needs to know.

    ``trading_ready``: positions are protected, the books agree. ``entries``: Discord is there too,
    the only place that entries come from, and what was missed there has been read. ``ready``:
    nothing is wrong; cash that came or went, where all that is held and works agrees, is told and
    does not count.
    """
    desk = app.desk
    said = {part: f"{part}: {what}" for part, what in sorted(desk.health.items())}
    money = [said.pop(part) for part in list(said) if part.startswith("cash ")]
    reasons = list(said.values())
    unsound = desk.unsound
    if unsound:
        reasons.append(f"no entries: {unsound}")
    if not desk.is_reconciled:
        reasons.append("books: not compared with the broker yet")
    is_listening = app.link.is_up and not app.bot.catch_up.is_behind
    if app.link.is_up and not is_listening:
        reasons.append("alert rooms: what was missed is being read")
    is_stored = not unsound and "storage" not in desk.health
    may_trade = desk.is_reconciled and not desk.halted and is_stored
    return {
        "ready": not reasons,
        "trading_ready": may_trade,
        "entries": may_trade and is_listening,
        "discord": app.link.is_up,
        "halted": desk.halted,
        "reasons": reasons + money,
        "mode": mode.of(app.desk),
        "pid": os.getpid(),
        "open_trades": len(desk.book.open_trades()),
        "pending_approvals": len(desk.book.approvals),
        "recovery": app.report,
    }


async def details(app: "App") -> dict[str, object]:
    """Each part of the desk with its reason and since when, queues, providers, the process."""
    report = status_of(app)
    return {
        **facts(app),
        "version": report.version,
        "up_s": int((app.clock.now() - app.started_at).total_seconds()),
        "parts": [
            {"name": p.name, "condition": p.condition, "text": p.text, "since": _at(p.since)}
            for p in report.parts
        ],
        "problems": [
            {"part": part, "what": what, "since": _at(report.since.get(part))}
            for part, what in report.problems
        ],
        "queues": dict(report.queues),
        "providers": [asdict(a) for a in app.outside.apis()],
        "process": {
            f"{v.name} {v.unit}": {"now": v.now, "median": v.median, "worst": v.worst}
            for v in app.vitals.report().vitals
        },
    }


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


async def serve(app: "App") -> web.AppRunner | None:
    """Start the endpoint; None when the configuration has none.

    Raises:
        ConfigError: nothing can listen there.
    """
    config = app.config.health
    if config.port is None:
        return None

    async def health(request: web.Request) -> web.Response:
        del request
        return web.json_response(facts(app))

    async def ready(request: web.Request) -> web.Response:
        del request
        seen = facts(app)
        return web.json_response(seen, status=200 if seen["ready"] else 503)

    async def detailed(request: web.Request) -> web.Response:
        del request
        return web.json_response(await details(app))

    async def metrics(request: web.Request) -> web.Response:
        del request
        body = gauges.page(app, facts(app)).encode()
        return web.Response(body=body, headers={"Content-Type": gauges.CONTENT_TYPE})

    @web.middleware
    async def here_only(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_loopback(f"http://{request.host}"):  # another name that was led to this machine
            return web.Response(status=403, text="this endpoint answers to loopback names only")
        return await handler(request)

    site_app = web.Application(middlewares=[here_only])
    site_app.router.add_get("/health", health)
    site_app.router.add_get("/health/detailed", detailed)
    site_app.router.add_get("/ready", ready)
    site_app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(site_app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, config.host, config.port).start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigError(f"health.port: {taken(config.host, config.port, error)}") from None
    return runner


def taken(host: str, port: int, error: OSError) -> str:
    """Why nothing can listen there, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"{port} on {host} is taken by another program, perhaps by another desk: name a free "
            "port, or null for none"
        )
    why = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return f"{host}:{port} cannot be listened on ({why}): name another port, or null for none"
