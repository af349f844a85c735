"""Run the sandbox as its own process: `python -m bot.sandbox --port 8503 --control`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from bot.sandbox.server import Sandbox
from bot.sandbox.world import World, default_world


def main(arguments: list[str] | None = None) -> int:
    """Parse arguments and serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m bot.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8503, help="port on 127.0.0.1")
    parser.add_argument("--world", type=Path, help="world JSON file; default: a small desk")
    parser.add_argument("--spec", type=Path, help="Discord's openapi.json, to validate requests")
    parser.add_argument("--token", default="sandbox-token", help="the bot token to accept")
    parser.add_argument("--control", action="store_true", help="offer /_control/ to other programs")
    parser.add_argument("--limits", action="store_true", help="Discord's real rate limits")
    parser.add_argument("--print-world", action="store_true", help="print the default world, end")
    chosen = parser.parse_args(arguments)
    if chosen.print_world:
        sys.stdout.write(default_world().to_json() + "\n")
        return 0
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        asyncio.run(_serve(chosen))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 78
    return 0


async def _serve(chosen: argparse.Namespace) -> None:
    world = World.load(chosen.world) if chosen.world else None
    sandbox = await Sandbox.start(
        world,
        port=chosen.port,
        spec=chosen.spec,
        token=chosen.token,
        control=chosen.control,
        realistic_limits=chosen.limits,
    )
    sys.stdout.write(f"sandbox on {sandbox.api_base} gateway {sandbox.gateway_url}\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    await ended.wait()
    await sandbox.stop()


if __name__ == "__main__":
    raise SystemExit(main())
