"""A backup before something risky: of those made for the same cause the newest stay."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from storage import registers
from storage.backup import PORTABLE, Backup, backup

MOST = 5
"""Backups of one cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was made, and how many older ones went."""

    made: Backup
    n_removed: int


def before(url: str, folder: Path, tokens: Path, cause: str, now: datetime) -> Kept:
    """Back up the books with the registers beside them; blocking, also while they are in use.

    Raises:
        StoreUnavailable: it cannot be read or written; older backups are all still there.
    """
    ending = ".db" if url.startswith("sqlite") else PORTABLE
    made = backup(url, folder / f"before-{cause}-{now:%Y%m%dT%H%M%S}{ending}")
    registers.save(tokens, made.path)
    old = sorted(folder.glob(f"before-{cause}-*{ending}"))[:-MOST]
    for path in old:
        for beside in folder.glob(f"{path.name}*"):
            beside.unlink(missing_ok=True)
    return Kept(made=made, n_removed=len(old))
