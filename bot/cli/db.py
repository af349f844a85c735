"""``tradestream db``: bring the database up to date, prove it, copy it, put a copy back."""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

HELP = "Upgrade, verify, back up or restore the database."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One action and its options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("upgrade", help="migrate to this program's schema (every start does it)")
    verify = actions.add_parser("verify", help="check file, journal and tables; may run any time")
    verify.add_argument(
        "--report", action="store_true", help="closing table, recomputed from executions"
    )
    backup = actions.add_parser("backup", help="copy the database, also while the desk runs")
    backup.add_argument(
        "target", nargs="?", type=Path, help="new file; *.jsonl.gz is readable into any database"
    )
    restore = actions.add_parser("restore", help="replace the database by a backup, desk stopped")
    restore.add_argument("source", type=Path, help="file that `db backup` made")
    for action in (verify, backup, restore):
        action.add_argument("--json", action="store_true", help="figures as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when all is well, 1 when not."""
    from bot.config import load
    from engine.domain.errors import StoreUnavailable

    config = load(args.config)
    try:
        return int(_ACTIONS[args.action](config, args))
    except StoreUnavailable as error:
        print(f"tradestream db {args.action}: {error}", file=sys.stderr)
        return 1


def _upgrade(config: Any, _: argparse.Namespace) -> int:
    from storage.migrations import HEAD
    from storage.sql import SqlStore

    async def once() -> int:
        store = SqlStore(config.database_url(), config.audit_key())
        await store.open()
        last = store.health().last_seq
        await store.close()
        return last

    print(f"The database has schema {HEAD}; {asyncio.run(once())} event(s).")
    return 0


def _verify(config: Any, args: argparse.Namespace) -> int:
    from storage import inspection

    found = inspection.inspect(config.database_url(), config.audit_key(), wants_table=args.report)
    if args.json:
        print(found.as_json())
    else:
        print("\n".join(found.lines()))
    return 0 if found.is_ok else 1


def _backup(config: Any, args: argparse.Namespace) -> int:
    from engine.clock import SystemClock
    from storage import inspection, registers
    from storage.backup import PORTABLE, backup

    url = config.database_url()
    target = args.target
    if target is None:
        ending = ".db" if url.startswith("sqlite") else PORTABLE
        target = config.path(Path("backups")) / f"{SystemClock().now():%Y%m%dT%H%M%S}{ending}"
    made = backup(url, target)
    saved = registers.save(config.state_dir() / "tokens", target)
    found = inspection.inspect(url, config.audit_key())  # of unsound books: kept, and said
    if args.json:
        print(
            json.dumps(
                asdict(made) | {"is_sound": found.is_ok, "beside": asdict(saved)}, default=str
            )
        )
    else:
        size = f"{made.n_bytes:,} bytes"
        print(f"{made.path}: {made.n_events} event(s), schema {made.schema}, {size}, {made.sha256}")
        print(saved.line())
    if found.is_ok:
        return 0
    print(f"{found.audit_line()} This copy of it cannot be restored.", file=sys.stderr)
    return 1


def _restore(config: Any, args: argparse.Namespace) -> int:
    from engine.clock import SystemClock
    from storage import registers
    from storage.chain import Sealer
    from storage.restore import restore

    url, now = config.database_url(), SystemClock().now()
    registers.prove(args.source)
    made, saved = restore(args.source, url, Sealer(config.audit_key()), now)
    said = registers.restore(config.state_dir() / "tokens", args.source, now)
    if args.json:
        print(json.dumps({**asdict(made), "saved": saved, "registers": said}, default=str))
    else:
        kept = f"what was there before is kept as {saved}" if saved else "there was none before"
        print(f"Restored {made.n_events} event(s) from {made.path}; {kept}.")
        print("\n".join(said))
    return 0


_ACTIONS = {"upgrade": _upgrade, "verify": _verify, "backup": _backup, "restore": _restore}
