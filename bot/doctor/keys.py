"""Secrets: there, and readable by this user alone."""

import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from bot.doctor import Finding, Patient


async def look(patient: Patient) -> AsyncIterator[Finding]:
    """The token, and the modes of the files that hold secrets."""
    config = patient.config
    if config.secrets.discord_token is None:
        yield Finding(
            part="token",
            is_ok=False,
            said="missing",
            mend="tradestream init, or TS_DISCORD_TOKEN in the environment",
        )
    files = list(_files(config.home, config.path(config.secrets_dir)))
    open_ones = [f for f in files if stat.S_IMODE(f.stat().st_mode) & 0o077]
    for file in open_ones:
        yield Finding(
            part="secrets",
            is_ok=False,
            said=f"{file.name}: others may read it",
            mend=f"chmod 600 {file}",
        )
    if files and not open_ones:
        yield Finding(part="secrets", is_ok=True, said=f"{len(files)} file(s), yours alone")


def _files(home: Path, folder: Path) -> Iterator[Path]:
    if (home / ".env").is_file():
        yield home / ".env"
    if folder.is_dir():
        yield from (f for f in sorted(folder.iterdir()) if f.is_file())
