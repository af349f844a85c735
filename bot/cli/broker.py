"""``tradestream broker``: let the desk in at a broker that asks its owner, and try a broker out.

Codes and tokens pass through this terminal and a file of mode 0600, never through Discord. A desk
that runs picks a new token up by itself.
"""

import argparse
import asyncio
import sys
from typing import Any

HELP = "Connect a broker that asks its owner in a browser, or try a connection out."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One action and the broker."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    connect = actions.add_parser("connect", help="let the desk in: E*TRADE daily, Schwab weekly")
    check = actions.add_parser("check", help="log in, read, price, preview; leaves no trace")
    for action in (connect, check):
        action.add_argument("name", help="as in config.yaml, e.g. etrade, schwab, tda")


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when it worked, 1 when the broker refused or did not answer."""
    from bot import connect
    from bot.config import adapters, load
    from engine.clock import SystemClock

    config = load(args.config)
    name = adapters.canonical(args.name)
    broker = connect.broker(config, name, SystemClock())
    work = _connected if args.action == "connect" else _checked
    return asyncio.run(_closing(name, broker, work))


async def _closing(name: str, broker: Any, work: Any) -> int:
    from engine.domain.errors import TradeStreamError

    try:
        return int(await work(name, broker))
    except TradeStreamError as error:
        print(f"tradestream broker: {error}", file=sys.stderr)
        return 1
    finally:
        await broker.close()


async def _connected(name: str, broker: Any) -> int:
    from engine.brokers._wire.consent import Consent

    if not isinstance(broker, Consent):
        print(f"{name} asks nobody: its keys are enough. Nothing was done.")
        return 0
    page = await broker.authorize_url()
    print(f"Open this page, log in as the owner of the account and agree:\n\n{page}\n")
    until = await broker.finish(_answer(f"Then paste {broker.asks_for}: "))
    print(f"{name} is connected {until}.")
    for account in await broker.accounts():
        may = "" if account.may_trade else ", may not trade"
        print(f"  account …{account.number[-3:]}: {account.kind or 'no kind said'}{may}")
    return 0


async def _checked(name: str, broker: Any) -> int:
    await broker.connect()
    checks = await broker.check()
    for check in checks:
        mark = {True: "ok", False: "FAILED", None: "cannot be tried"}[check.is_ok]
        print(f"{name} {check.name}: {mark}, {check.detail}")
    return 1 if any(check.is_ok is False for check in checks) else 0


def _answer(question: str) -> str:
    from engine.domain.errors import UserError

    try:
        return input(question)
    except EOFError:
        raise UserError("nothing was pasted; nothing was changed") from None
