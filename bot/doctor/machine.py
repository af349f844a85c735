"""This machine: its clock and its disk."""

import shutil
from collections.abc import AsyncIterator
from decimal import Decimal

from bot.doctor import Finding, Patient

_SKEW_S = 5
_LEAST_MB = 500


async def look(patient: Patient) -> AsyncIterator[Finding]:
    """A wrong clock makes every alert old; a full disk ends entries."""
    said_at = patient.rest.said_at if patient.rest is not None else None
    if said_at is None:
        yield Finding(part="clock", is_ok=None, said="not compared: Discord gave no time")
    else:
        skew = (patient.clock.now() - said_at).total_seconds()
        is_fine = abs(skew) <= _SKEW_S
        yield Finding(
            part="clock",
            is_ok=is_fine,
            said="agrees with Discord's" if is_fine else f"{skew:+.0f} s against Discord's",
            mend=""
            if is_fine
            else "switch time synchronisation on (NTP: timedatectl set-ntp true)",
        )
    folder = patient.config.state_dir()
    while not folder.is_dir():
        folder = folder.parent
    free = Decimal(shutil.disk_usage(folder).free) / 1_000_000
    yield Finding(
        part="disk",
        is_ok=free >= _LEAST_MB,
        said=f"{free / 1000:.1f} GB free",
        mend="" if free >= _LEAST_MB else f"make room: entries end when {folder} is full",
    )
