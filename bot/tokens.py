"""Tokens of logins that must outlive the process: one file each, for us alone, whole or not."""

import asyncio
import errno
import os
import re
from contextlib import suppress
from pathlib import Path

from bot.config.secrets import check_private
from engine.store import Tokens

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


class FileTokens:
    """Files of mode 0600 in a folder of mode 0700, beside the books and never in them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = asyncio.Lock()
        """Two who keep the same at once would take each other's draft away."""

    async def load(self, name: str) -> str | None:
        """What was saved last; None when nothing was.

        Raises:
            ConfigError: others may read the file.
        """
        return await asyncio.to_thread(self._load, name)

    async def save(self, name: str, text: str) -> None:
        """Keep it, whole or not at all: a crash leaves the one before."""
        async with self._lock:
            await asyncio.to_thread(self._save, name, text)

    async def append(self, name: str, text: str) -> None:
        """Add to it, durable on return; what could not be added whole is taken back."""
        async with self._lock:
            await asyncio.to_thread(self._append, name, text.encode())

    def _path(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"{name!r} is no name of a token")
        return self._folder / name

    def _load(self, name: str) -> str | None:
        path = self._path(name)
        with suppress(FileNotFoundError):
            check_private(path)
            return path.read_text(encoding="utf-8")
        return None

    def _save(self, name: str, text: str) -> None:
        path = self._path(name)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{name}.new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)  # its new name as well
        finally:
            os.close(folder)

    def _append(self, name: str, data: bytes) -> None:
        path = self._path(name)
        if not path.exists():
            self._save(name, "")
        with path.open("ab", buffering=0) as file:
            size = file.tell()
            try:
                _write_all(file.fileno(), data)
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):
                    file.truncate(size)
                raise


def _write_all(descriptor: int, data: bytes) -> None:
    if os.write(descriptor, data) != len(data):
        raise OSError(errno.ENOSPC, "written in part")


class TrialTokens:
    """What a trial connection reads and writes: the real files are read and never written."""

    def __init__(self, real: Tokens) -> None:
        self._real = real
        self._kept: dict[str, str] = {}

    async def load(self, name: str) -> str | None:
        """What the trial has saved, else what is really there."""
        return self._kept[name] if name in self._kept else await self._real.load(name)

    async def save(self, name: str, text: str) -> None:
        """Keep it for the trial alone."""
        self._kept[name] = text

    async def append(self, name: str, text: str) -> None:
        """Add to it for the trial alone."""
        self._kept[name] = (await self.load(name) or "") + text
