"""Versions of what admins have changed: what each is made of, and how it is kept."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.settings import paths
from engine.domain.desk import Document

KIND = "settings"
"""Of the documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One key that changes."""

    path: str
    old: str
    new: str
    is_loosening: bool
    """A limit that would let more through: two admins have to say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One state of everything that admins have changed."""

    number: int
    changes: Mapping[str, Any]
    """Path -> value of all that differs from the file, not of this step alone."""
    steps: tuple[Step, ...]
    by: int
    name: str
    why: str
    at: datetime
    checksum: str
    """SHA-256 of ``changes``."""
    then: str = ""
    """What had to be done to put it in force, in words; not kept."""


def id_of(number: int) -> str:
    """The document that holds a version."""
    return f"settings:{number:06}"


def checksum(changes: Mapping[str, Any]) -> str:
    """SHA-256 of changes, whatever their order."""
    text = json.dumps(paths.plain(changes), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def document_of(version: Version) -> Document:
    """As it is kept."""
    body = {
        "changes": dict(version.changes),
        "steps": [[s.path, s.old, s.new, s.is_loosening] for s in version.steps],
        "name": version.name,
        "why": version.why,
        "checksum": version.checksum,
    }
    return Document(
        document_id=id_of(version.number),
        kind=KIND,
        subject=str(version.number),
        user_id=version.by,
        filed_at=version.at,
        body=json.dumps(body),
    )


def version_of(document: Document) -> Version:
    """As it was kept."""
    body = json.loads(document.body)
    return Version(
        number=int(document.subject),
        changes=body["changes"],
        steps=tuple(_steps(body["steps"])),
        by=document.user_id or 0,
        name=body["name"],
        why=body["why"],
        at=document.filed_at,
        checksum=body["checksum"],
    )


def _steps(rows: list[list[Any]]) -> Iterator[Step]:
    for path, old, new, is_loosening in rows:
        yield Step(path=path, old=old, new=new, is_loosening=is_loosening)
