"""The books: can they be opened, are they whole, may they carry an entry?"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

from bot.doctor import Finding, Patient
from engine.domain.errors import ConfigError, StoreUnavailable

_MEND = "tradestream db verify says where; docs/architecture.md and db restore help"


async def look(patient: Patient) -> AsyncIterator[Finding]:
    """From within: as the desk uses them. From outside: checked whole, read only."""
    if patient.app is not None:
        desk = patient.app.desk
        why = desk.unsound or desk.health.get("storage", "")
        said = why or f"written and checked, {desk.store.health().last_seq} events"
        yield Finding(part="books", is_ok=not why, said=said, mend=_MEND if why else "")
        return
    yield await asyncio.to_thread(_inspected, patient, patient.config.database_url())


def _inspected(patient: Patient, url: str) -> Finding:
    from storage import inspection

    parts = urlsplit(url)
    if parts.scheme.startswith("sqlite") and not Path(parts.path[1:]).is_file():
        return Finding(part="books", is_ok=None, said="none yet: the first start makes them")
    try:
        found = inspection.inspect(url, patient.config.audit_key())
    except (StoreUnavailable, ConfigError) as error:
        return Finding(part="books", is_ok=False, said=str(error), mend="is the database running?")
    mend = "" if found.is_ok else _MEND
    return Finding(part="books", is_ok=found.is_ok, said=found.audit_line(), mend=mend)
