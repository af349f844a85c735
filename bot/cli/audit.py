"""``tradestream audit verify``: is the journal whole, and do the tables say what it says?"""

import argparse
import sys

HELP = "Verify the audit journal."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One action and its options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = actions.add_parser(
        "verify", help="recompute the chain of seals and replay the journal; may run any time"
    )
    verify.add_argument("--json", action="store_true", help="figures as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when the journal is whole, 1 when not."""
    from bot.config import load
    from engine.domain.errors import StoreUnavailable
    from storage import inspection

    config = load(args.config)
    try:
        found = inspection.inspect(config.database_url(), config.audit_key())
    except StoreUnavailable as error:
        print(f"tradestream audit verify: {error}", file=sys.stderr)
        return 1
    if args.json:
        print(found.as_json())
    else:
        print(found.audit_line())
    return 0 if found.is_ok else 1
