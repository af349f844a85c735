"""This machine: its clock, its disk, and the port that says how the desk is."""

import errno
import shutil
import socket
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
    yield await _port(patient)
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


async def _port(patient: Patient) -> Finding:
    """Whether a desk that starts now could listen; a running one does."""
    at = patient.config.health
    if at.port is None:
        return Finding(part="health.port", is_ok=True, said="no endpoint is wanted")
    if patient.app is not None:
        return Finding(part="health.port", is_ok=True, said="this desk answers there")
    family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((at.host, at.port))
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        return Finding(
            part="health.port",
            is_ok=None if is_taken else False,
            said=f"{at.port} on {at.host} "
            + ("is taken: by this desk if it runs" if is_taken else "cannot be listened on"),
            mend="if it is another program, name a free health.port (null: none) in config.yaml",
        )
    return Finding(part="health.port", is_ok=True, said=f"{at.port} is free")
