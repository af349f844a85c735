"""``tradestream doctor``: everything that can be wrong, looked at from outside a running desk."""

import argparse
import asyncio
import sys

HELP = "Look at everything that can be wrong and say how to mend it."
_MARKS = {True: "✓", False: "✗", None: "?"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument(
        "--offline", action="store_true", help="ask neither Discord nor brokers anything"
    )


def run(args: argparse.Namespace) -> int:
    """Exit code 0: nothing is to be mended; 1: something is."""
    from bot.config import load
    from engine.domain.errors import ConfigError

    try:
        config = load(args.config)
    except ConfigError as error:
        print("✗ config.yaml", file=sys.stdout)
        for line in str(error).splitlines():
            print(f"  {line}")
        print("  → mend these keys, or begin anew with: tradestream init")
        return 1
    return asyncio.run(_examined(config, is_offline=args.offline))


async def _examined(config: object, *, is_offline: bool) -> int:
    from contextlib import AsyncExitStack

    from bot.config import AppConfig
    from bot.doctor import PARTS, Patient, examine
    from bot.doctor._rest import DiscordRest
    from engine.clock import SystemClock

    assert isinstance(config, AppConfig)  # noqa: S101 - load() made it
    n_bad = 0
    parts = tuple(p for p in PARTS if not (is_offline and p in ("login", "rooms", "brokers")))
    async with AsyncExitStack() as stack:
        rest = None
        token = config.secrets.discord_token
        if token is not None and not is_offline:
            given = DiscordRest(token.get_secret_value(), config.discord.api_base)
            rest = await stack.enter_async_context(given)
        patient = Patient(config=config, clock=SystemClock(), rest=rest)
        async for found in examine(patient, parts):
            n_bad += found.is_ok is False
            print(f"{_MARKS[found.is_ok]} {found.part}: {found.said}", flush=True)
            if found.mend:
                print(f"    → {found.mend}")
    print(f"\n{n_bad} to mend." if n_bad else "\nAll is well.")
    return 1 if n_bad else 0
