"""``tradestream check``: read the configuration as a start would, and start nothing."""

import argparse

HELP = "Check config.yaml, its overlays and the environment; start nothing."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument(
        "--ready", action="store_true", help="also check that everything `run` needs is set"
    )


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when a start would accept it; ConfigError otherwise."""
    from bot import config

    read = config.load(args.config)
    if args.ready:
        read.check_ready_to_run()
    print(
        f"The configuration is fine: {read.environment.value}, {read.mode}, "
        f"{len(read.accounts)} account(s), {len(read.sources)} source(s), "
        f"{len(read.risk)} limit(s), {len(read.exits)} exit rule(s)."
    )
    return 0
