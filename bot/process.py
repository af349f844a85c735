"""The process around the desk: signals, books that are not there yet, Discord, the exit code."""

import asyncio
import logging
import signal
from contextlib import suppress
from functools import partial

from bot import advised, banner, garbage, health, refusals
from bot.app import App
from bot.config import AppConfig
from bot.panel.presence import EVERY_S
from engine.domain.errors import StoreUnavailable, StoreUnreachable, WrongEnvironment

log = logging.getLogger(__name__)

EXIT_OK, EXIT_CRASH, EXIT_CONFIG = 0, 1, 78
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 15.0
_BOOKS_AGAIN_S = 2.0
"""Between two looks for a database server that is away."""


def run(config: AppConfig) -> int:
    """The verb ``run``.

    Raises:
        ConfigError: something is missing that running needs.
    """
    config.check_ready_to_run()
    with suppress(KeyboardInterrupt):
        return asyncio.run(_run(config))
    return EXIT_OK


async def _run(config: AppConfig) -> int:
    return await Process(App(config)).run()


class Process:
    """One desk from start to exit code."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._stopping = asyncio.Event()
        self._exit_code = EXIT_OK

    async def run(self) -> int:
        """Until a signal or a fatal refusal; the process's exit code.

        Raises:
            ConfigError: nothing was started.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        server = None
        try:
            server = await health.serve(self._app)
            if await self._started():
                self._app.owns_process = True
                self._keep_clean()
                self.show()
            await self._stopping.wait()
        except StoreUnavailable as error:
            log.critical("the books cannot be opened: %s", error)
            self._exit_code = EXIT_CRASH
        except WrongEnvironment as error:
            log.critical("configuration: %s", error)
            self._exit_code = EXIT_CONFIG
        finally:
            await self._app.stop(is_proper=self._exit_code != EXIT_CRASH)
            if server is not None:
                await server.cleanup()
        return self._exit_code

    async def _started(self) -> bool:
        """Waits for a database server that does not answer yet (P-05); False when told to end."""
        said = ""
        while not self._stopping.is_set():
            try:
                await self._app.start_desk()
            except StoreUnreachable as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("nothing is traded until the books can be opened: %s", said)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), _BOOKS_AGAIN_S)
            else:
                return True
        return False

    def show(self) -> None:
        """The desk's face: Discord, and what is only done for people."""
        app = self._app
        app.work.keep(self._discord, "discord")
        app.work.keep(app.charts.warm, "warm charts")
        app.work.keep(app.copilot.warm, "warm copilot")
        app.work.every(advised.SCORE_S, partial(advised.score_due, app), "score advice")
        app.work.keep(app.panel.run, "panel")
        app.work.every(EVERY_S, app.presence.tell, "presence")
        app.work.every(banner.EVERY_S, banner.Banner(app).look, "banner")

    def _keep_clean(self) -> None:
        garbage.out_of_the_way()
        self._app.work.every(garbage.LOOK_S, garbage.Garbage(self._app.desk).look, "garbage")

    async def _discord(self) -> None:
        """Stay connected for ever; only a refusal that no retry can mend ends the process."""
        app = self._app
        pause = _SHORTEST_PAUSE_S
        while True:
            try:
                async with app.bot:
                    await app.bot.start(app.config.discord_token())
            except Exception as error:  # noqa: BLE001 - the library raises what its parts raise
                fatal = refusals.never_again(error)
                if fatal:
                    self._fatal(fatal)
                    return
                log.info("Discord cannot be reached: %s: %s", type(error).__name__, error)
                why = f"not reachable: {refusals.words(error)}"
            else:
                return
            if app.link.is_up:
                pause = _SHORTEST_PAUSE_S
            app.link.lost(why)
            await app.clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)
            app.renew_bot()

    def _fatal(self, reason: str) -> None:
        log.critical("%s", reason)
        self._app.desk.health["discord"] = reason
        self._exit_code = EXIT_CONFIG
        self._stopping.set()
