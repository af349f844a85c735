"""A broker's connection made anew, with the secrets of now: read from their source, never typed."""

import asyncio
import logging
from typing import TYPE_CHECKING

from bot import connect
from bot.config.secrets import read_secrets
from engine.brokers import Broker
from engine.domain.desk import Who
from engine.domain.errors import (
    BrokerAuthError,
    ConfigError,
    NotAllowed,
    TradeStreamError,
    UserError,
)
from engine.flows import recover

if TYPE_CHECKING:
    from bot.app import App

log = logging.getLogger(__name__)

_CLOSE_S = 2.0


async def run(app: "App", name: str, who: Who) -> str:
    """Log in with the secrets of now, then take the new connection; the old one stays if not.

    Raises:
        NotAllowed: not an admin. UserError: says why the old connection stays.
    """
    if not who.may_admin:
        raise NotAllowed("Only an admin may renew a connection. Nothing was changed.")
    old = app.reading.broker(name)
    if name == "paper":
        raise UserError("The paper broker is part of the desk. Nothing was changed.")
    async with app.desk.lock(f"reach {name}"):
        fresh = await _logged_in(app, name)
        app.desk.gates[name] = "its connection was renewed, its books are being compared"
        app.use_broker(name, fresh)
        app.desk.offline.discard(name)
        app.desk.streams_down.discard(name)
    await _left(old)
    await app.desk.commit(
        app.desk.event(
            "broker.renewed",
            f"broker-{name}",
            app.desk.note("admin", f"🔑 {name}: connection renewed by {who.name}."),
            actor=f"user:{who.user_id}",
            broker=name,
        )
    )
    return f"🔑 Connected anew. {await recover.again(app.desk, name)}"


async def _logged_in(app: "App", name: str) -> Broker:
    """A connection of its own beside the old one, so that wrong secrets cost nothing."""
    stays = "The connection as it was stays in use."
    try:
        secrets = read_secrets(app.config.home, app.config.secrets_dir)
        config = app.config.model_copy(update={"secrets": secrets})
        fresh = connect.brokers(config, app.clock)[name]
    except ConfigError as error:
        raise UserError(f"{error}. {stays}") from None
    try:
        async with asyncio.timeout(app.desk.settings.broker_timeout_s):
            await fresh.connect()
    except TimeoutError:
        await _left(fresh)
        raise UserError(f"{name} does not answer. {stays}") from None
    except BrokerAuthError:
        await _left(fresh)
        raise UserError(f"{name} does not accept the secrets of now. {stays}") from None
    except TradeStreamError as error:
        await _left(fresh)
        raise UserError(f"{name}: {error}. {stays}") from None
    return fresh


async def _left(broker: Broker) -> None:
    try:
        async with asyncio.timeout(_CLOSE_S):
            await broker.close()
    except Exception as error:  # noqa: BLE001 - it is not used any more, whatever it raises
        log.info("%s: the old connection was not closed properly: %s", broker.name, error)
