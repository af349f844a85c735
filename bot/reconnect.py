"""A broker's connection made anew, with the secrets of now: read from their source, never typed."""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from bot import connect
from bot.config import AppConfig, adapters
from bot.config.secrets import read_secrets
from bot.log import Redactor
from engine.brokers import Broker
from engine.domain.desk import Who
from engine.domain.errors import (
    BrokerAuthError,
    ConfigError,
    NotAllowed,
    TradeStreamError,
    UserError,
)
from engine.flows.brokers import recover

if TYPE_CHECKING:
    from bot.app import App

log = logging.getLogger(__name__)

_CLOSE_S = 2.0


async def run(app: "App", name: str, who: Who, step: Callable[[str], None] = lambda _: None) -> str:
    """Try the secrets of now on a connection of its own; then a new one takes the old one's place.

    What adapters write down (which order is which) has one writer at any time: the trial writes
    nothing, and the new connection reads once the old one has ended. So the trial waits for no
    question that hangs. ``step``: hears what is being done.

    Raises:
        NotAllowed: not an admin. UserError: says why the old connection stays.
    """
    if not who.may_admin:
        raise NotAllowed("Only an admin may renew a connection. Nothing was changed.")
    app.outside.broker(name)
    check(name)
    wait_s = app.desk.settings.broker_timeout_s
    step(f"a login is tried, {name} has {wait_s:g} s to answer")
    config = await tried(app, app.config, name)
    step("it lets us in; what was asked of it before has to end first")
    return await renewed(app, config, name, who, step)


async def renewed(
    app: "App", config: AppConfig, name: str, who: Who, step: Callable[[str], None] = lambda _: None
) -> str:
    """Put a connection by this configuration, which was tried, in the place of the one in use."""
    async with app.desk.lock(f"reach {name}"):
        step("the old connection is left, the new one logs in")
        old = app.outside.broker(name)  # of now: somebody else may have renewed it meanwhile
        app.desk.gates[name] = "its connection is being renewed"
        app.desk.offline.add(name)
        await _left(old)  # what it was sending ends in doubt, and is looked up by the new one
        fresh: Broker = connect.broker(config, name, app.clock)
        app.use_broker(name, fresh)
        try:
            async with asyncio.timeout(app.desk.settings.broker_timeout_s):
                await fresh.connect()
        except (TradeStreamError, TimeoutError) as error:
            log.warning("%s: not reached at once after its renewal: %s", name, error)
        else:
            app.desk.offline.discard(name)
            app.desk.streams_down.pop(name, None)
    step("the books are compared; entries wait until they agree")
    await app.desk.commit(
        app.desk.event(
            "broker.renewed",
            f"broker-{name}",
            app.desk.note("admin", f"🔑 {name}: connection renewed by {who.name}."),
            actor=f"user:{who.user_id}",
            broker=name,
        )
    )
    return f"🔑 Renewed. {await recover.again(app.desk, name)}"


def check(name: str) -> None:
    """Whether there is a connection to renew.

    Raises:
        UserError: there is none.
    """
    if name == adapters.PAPER:
        raise UserError("The paper broker is part of the desk. Nothing was changed.")


async def tried(app: "App", config: AppConfig, name: str) -> AppConfig:
    """The configuration with the secrets of now, which have just opened a trial connection.

    Raises:
        UserError: they did not.
    """
    is_in_use = name not in app.desk.offline
    stays = "The connection as it was stays in use." if is_in_use else "Nothing was changed."
    try:
        secrets = read_secrets(config.home, config.secrets_dir)
        config = config.model_copy(update={"secrets": secrets})
        trial: Broker = connect.broker(config, name, app.clock, is_trial=True)
    except ConfigError as error:
        raise UserError(f"{error}. {stays}") from None
    try:
        async with asyncio.timeout(app.desk.settings.broker_timeout_s):
            await trial.connect()
    except TimeoutError:
        raise UserError(f"{name} does not answer. {stays}") from None
    except TradeStreamError as error:
        said = Redactor(secrets.values())(str(error))
        said = said.removeprefix(f"{name}: ").removeprefix(f"{name} ")
        is_refused = isinstance(error, BrokerAuthError)
        what = f"{name} does not accept the secrets of now" if is_refused else name
        raise UserError(f"{what}: {said}. {stays}") from None
    finally:
        await _left(trial)
    return config


async def _left(broker: Broker) -> None:
    try:
        async with asyncio.timeout(_CLOSE_S):
            await broker.close()
    except Exception as error:  # noqa: BLE001 - whatever it raises, it is not used any more
        log.info("%s: a connection was not closed properly: %s", broker.name, error)
