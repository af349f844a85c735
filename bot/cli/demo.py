"""``tradestream demo``: the real bot, a Discord on loopback, a made-up market, under a minute."""

import argparse
import os
from pathlib import Path

HELP = "Play the demo: the real bot against a Discord on this machine; pictures in demo-out/."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("--serve", action="store_true", help="stay open for play (or SERVE=1)")
    parser.add_argument("--port", type=int, default=8503, help="of the page; 0 takes a free one")
    parser.add_argument("--out", type=Path, default=Path("demo-out"), help="folder to write to")


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when every step came about and every figure agrees, 1 when not."""
    from bot.demo.run import Options, main

    serves = args.serve or os.environ.get("SERVE", "").lower() in ("1", "true", "yes", "on")
    return main(Options(folder=args.out, port=args.port, serves=serves))
