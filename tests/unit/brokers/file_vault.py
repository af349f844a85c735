"""A vault in one append-only file, for tests that really kill a process."""

import json
import os
from collections.abc import Mapping
from pathlib import Path


class FileVault:
    """One line per save; a torn last line was never answered and does not count."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def load(self) -> dict[str, str]:
        kept: dict[str, str] = {}
        text = self._path.read_text() if self._path.exists() else ""
        for line in text.splitlines(keepends=True):
            if not line.endswith("\n"):
                break
            for key, value in json.loads(line).items():
                if value is None:
                    kept.pop(key, None)
                else:
                    kept[key] = value
        return kept

    async def save(self, puts: Mapping[str, str | None]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(dict(puts)) + "\n")
            file.flush()
            os.fsync(file.fileno())
