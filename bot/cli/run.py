"""Run the desk: the bot itself."""

import argparse
import signal
import sys
from pathlib import Path

HELP = "run the desk (the default)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("--config", type=Path, default=None, help="config.yaml to use")


def run(args: argparse.Namespace) -> int:
    """Start, recover, trade, until told to stop; the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # reading the modules in takes seconds
    from bot import log, process
    from bot.config import load

    config = load(getattr(args, "config", None))
    log.start(
        level=config.log.level,
        secrets=config.secrets.values(),
        file=config.path(config.log.file) if config.log.file else None,
        max_bytes=config.log.max_bytes,
        backups=config.log.backups,
    )
    return process.run(config)
