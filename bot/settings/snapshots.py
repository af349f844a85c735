"""The whole configuration as it was: kept every two hours when it has changed, by whatever way.

A version of the settings knows what admins changed in Discord. What was changed in config.yaml or
in the environment is known by these alone.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bot.settings import paths
from engine.domain.desk import Document

if TYPE_CHECKING:
    from bot.app import App

EVERY_S = 7200.0
LOOK_S = 60.0
"""The first one is taken so long after the start."""
_KIND = "settings.snapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One state of the configuration; secrets are no part of it."""

    at: datetime
    number: int
    """Version of the settings that was in force."""
    changed: tuple[tuple[str, str, str], ...]
    """Path, old and new value since the snapshot before; empty in the first."""
    checksum: str
    """SHA-256 of all values."""


class Snapshots:
    """Takes them, and finds them again."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._next_at = 0.0

    async def look(self) -> None:
        """Take one when it is time and something has changed.

        Raises:
            StoreUnavailable: tried again at the next look.
        """
        now = self._app.clock.monotonic()
        if now < self._next_at:
            return
        await self.take()
        self._next_at = now + EVERY_S

    async def take(self) -> bool:
        """Keep the configuration as it is; whether it differs from the one kept before.

        Raises:
            StoreUnavailable.
        """
        app, desk = self._app, self._app.desk
        values = {p: paths.shown(v) for p, v in sorted(paths.flat(app.config).items())}
        checksum = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
        kept = await self._kept(1)
        before = json.loads(kept[0].body) if kept else None
        if before is not None and before["checksum"] == checksum:
            return False
        changed = [] if before is None else _changed(before["values"], values)
        body = {
            "values": values,
            "number": app.settings.number,
            "changed": changed,
            "checksum": checksum,
        }
        document = Document(
            document_id=app.ids.new("K"),
            kind=_KIND,
            subject=checksum[:12],
            filed_at=desk.clock.now(),
            body=json.dumps(body),
        )
        await desk.commit(
            desk.event("settings.snapshot", "settings", document, n_changed=len(changed))
        )
        return True

    async def newest(self, limit: int = 20) -> list[Snapshot]:
        """Newest first."""
        return [_snapshot(d) for d in await self._kept(limit)]

    async def _kept(self, limit: int) -> list[Document]:
        found = await self._app.desk.store.find(
            Document, where={"kind": _KIND}, newest_first=True, limit=limit
        )
        return list(found)


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[tuple[str, str, str]]:
    return [
        (path, old.get(path, "not set"), new.get(path, "gone"))
        for path in sorted({*old, *new})
        if old.get(path) != new.get(path)
    ]


def _snapshot(document: Document) -> Snapshot:
    body = json.loads(document.body)
    return Snapshot(
        at=document.filed_at,
        number=body["number"],
        changed=tuple((path, old, new) for path, old, new in body["changed"]),
        checksum=body["checksum"],
    )
