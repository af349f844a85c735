"""What adapters wrote down of the orders they sent: copied with the books, put back with them.

Brokers that hide our ids know our orders by these alone. Login tokens lie in the same folder and
are never copied: a backup is carried about, a token is a key. What is on this machine is newer
than any backup and is never replaced by one.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.domain.errors import StoreUnavailable
from engine.store import REGISTERS
from storage.backup import private_file, refusing, sync

_ENDING = ".registers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a backup holds beside the books; names are ``<broker>-<environment>/<file>``."""

    path: Path
    registers: tuple[str, ...]
    left_out: tuple[str, ...]
    """Login tokens: after a restore elsewhere people log in anew."""

    def line(self) -> str:
        """One line for whoever made it."""
        kept = f"{len(self.registers)} register(s) of sent orders" if self.registers else "none"
        out = f"; left out on purpose: {', '.join(self.left_out)}" if self.left_out else ""
        return f"{self.path}: {kept}{out}"


def save(tokens: Path, backup: Path) -> Saved:
    """Copy the registers beside a backup, after the books: they know at least what those do.

    Raises:
        StoreUnavailable: they cannot be read or written.
    """
    target = _beside(backup)
    with refusing(f"cannot copy the registers of {tokens}"):
        files = dict(_files(tokens))
        kept = {n: p.read_text(encoding="utf-8") for n, p in files.items() if _is_register(n)}
        left_out = sorted(n for n in files if not _is_register(n))
        body = json.dumps({"registers": kept, "left_out": left_out})
        text = json.dumps({"tradestream_registers": 1, "sha256": _sum(body), "body": body})
        private_file(target).write_text(text, encoding="utf-8")
        sync(target)
    return Saved(path=target, registers=tuple(sorted(kept)), left_out=tuple(left_out))


def prove(backup: Path) -> None:
    """Look at a copy before anything is replaced.

    Raises:
        StoreUnavailable: it is not what was written.
    """
    source = _beside(backup)
    with refusing(f"{source} cannot be read"):
        if source.exists():
            _read(source)


def restore(tokens: Path, backup: Path, now: datetime) -> list[str]:
    """Put back what is missing here; one sentence for everything that people must know.

    Raises:
        StoreUnavailable: the copy is not what was written, or cannot be put in its place.
    """
    source = _beside(backup)
    with refusing(f"cannot put back the registers of {source}"):
        here = {name for name, _ in _files(tokens) if _is_register(name)}
        if not source.exists():
            return [_without(source, here)]
        found = _read(source)
        said = []
        for name, text in sorted(found["registers"].items()):
            said.append(_put(tokens / name, name, text, now))
        said += [
            f"{name} is not in the backup; it stays"
            for name in sorted(here - set(found["registers"]))
        ]
        said += [
            f"{name} was left out on purpose: log in anew"
            for name in found["left_out"]
            if not (tokens / name).exists()
        ]
    return said


def _put(path: Path, name: str, text: str, now: datetime) -> str:
    if path.exists():
        if path.read_text(encoding="utf-8") == text:
            return f"{name} is as it was"
        beside = path.with_name(f"{path.name}.backup-{now:%Y%m%dt%H%M%S}")
        _write(beside, text)
        return f"{name} is newer here and stays; the backup's is kept as {beside.name}"
    _write(path, text)
    return f"{name} was put back"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    private_file(path).write_text(text, encoding="utf-8")
    sync(path)


def _without(source: Path, here: set[str]) -> str:
    lost = (
        "orders that were sent before cannot be told apart at brokers that hide our ids: compare "
        "with the broker's own app before the desk trades"
    )
    if here:
        return f"there is no {source.name}; the registers of this machine stay"
    return f"there is no {source.name}, and no register on this machine: {lost}"


def _read(source: Path) -> dict[str, dict[str, str]]:
    whole = json.loads(source.read_text(encoding="utf-8"))
    if whole.get("tradestream_registers") != 1 or whole["sha256"] != _sum(whole["body"]):
        raise StoreUnavailable(f"{source} is not as it was written")
    body: dict[str, dict[str, str]] = json.loads(whole["body"])
    return body


def _files(tokens: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(tokens.glob("*/*")):
        if path.is_file() and not path.name.startswith("."):
            yield f"{path.parent.name}/{path.name}", path


def _is_register(name: str) -> bool:
    return name.endswith(REGISTERS)


def _beside(backup: Path) -> Path:
    return backup.with_name(backup.name + _ENDING)


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
