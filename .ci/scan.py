"""Refuse files that hold a secret, a path of one machine, or the host of a package registry.

``python .ci/scan.py [FILE...]``: without files, everything that git knows or would add. Standard
library only, so that the commit hook runs it before anything is installed. Exit 1 with one line per
finding; the finding itself is not printed, for it may be a secret.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.secret_shapes import SHAPES  # noqa: E402 - found through the line above

HERE = {
    "a literal secret": (
        r"(?i)\b(?:api_?key|secret_?key|access_?token|bot_?token|password|passphrase)"
        r"[\"']?\s*[:=]\s*[\"'][A-Za-z0-9+/_.=-]{16,}[\"']"
    ),
    "a path of one machine": (
        r"(?<![\w.~$}<>-])/(?:work|farm|root)/"
        r"|(?<![\w.~$}<>-])/(?:home|Users)/(?!<)[A-Za-z0-9_.-]+/"
    ),
    "the host of a package registry": (
        r"(?i)\b(?:test\.)?pypi\.org\b|pythonhosted\.org|registry\.npmjs\.org|registry-1\.docker\.io"
        r"|\bghcr\.io\b|\bquay\.io\b|\b(?:extra-)?index-url\s*[= ]\s*\S"
    ),
}
RULES = [(what, re.compile(rule)) for what, rule in (SHAPES | HERE).items()]


def findings(text: str) -> Iterator[tuple[int, str]]:
    """Line number and kind of everything in ``text`` that must not be committed."""
    for number, line in enumerate(text.splitlines(), 1):
        for what, rule in RULES:
            if rule.search(line):
                yield number, what


def scan(paths: Iterable[Path]) -> list[str]:
    """One line per finding, ``path:line: what``; binary and vanished files are passed over."""
    report = []
    for path in paths:
        try:
            text = path.read_bytes().decode()
        except (UnicodeDecodeError, OSError):
            continue
        report += [f"{path}:{number}: {what}" for number, what in findings(text)]
    return report


def known_files() -> list[Path]:
    """Everything git tracks here, and everything it would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name]


def main(names: list[str]) -> int:
    """Scan and report."""
    report = scan([Path(name) for name in names] or known_files())
    for line in report:
        print(line, file=sys.stderr)
    if report:
        print(f"{len(report)} finding(s): take them out", file=sys.stderr)
    return 1 if report else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
