"""Which program this is: version, commit, schema of the books."""

from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeOf:
    """What a bug report needs."""

    version: str
    commit: str
    """Short; empty when the program does not run from a checkout."""
    schema: str


@cache
def made_of() -> MadeOf:
    """Read once; the running program does not change."""
    from storage.migrations import HEAD

    commit = _commit(Path(__file__).parents[1] / ".git")
    return MadeOf(version=version("tradestream"), commit=commit[:10], schema=HEAD)


def _commit(git: Path) -> str:
    """What git's own files say is checked out."""
    try:
        head = (git / "HEAD").read_text(encoding="ascii").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        if (git / name).is_file():
            return (git / name).read_text(encoding="ascii").strip()
        for line in (git / "packed-refs").read_text(encoding="ascii").splitlines():
            if line.endswith(f" {name}"):
                return line.split()[0]
    except (OSError, UnicodeDecodeError):
        return ""
    return ""
