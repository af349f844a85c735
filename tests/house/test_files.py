"""What may not stand in any file of the project, and that the scanner would find it."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from bot import secret_shapes

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def scan() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ci_scan", ROOT / ".ci" / "scan.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_file_holds_a_secret_a_machines_path_or_a_registrys_host(scan: ModuleType) -> None:
    assert scan.scan(scan.known_files()) == []


def _split(*parts: str) -> str:
    """Put together here, so that this very file stays clean."""
    return "".join(parts)


PLANTED = {
    "a Discord bot token": _split("M", "TEz" * 8, ".", "Gx_-9A", ".", "k" * 30),
    "a Discord webhook address": _split(
        "https://discord.com/api/web", "hooks/", "1" * 18, "/", "a" * 60
    ),
    "an API key": _split("sk-", "proj-", "a1" * 15),
    "a cloud access key": _split("AKI", "A", "B2" * 8),
    "a GitHub token": _split("gh", "p_", "a1" * 18),
    "a Slack token": _split("xo", "xb-", "12345-abcdef"),
    "an Alpaca key": _split("P", "K", "A1" * 9),
    "a signed web token": _split(
        "ey", "JhbGciOiJIUzI1", ".", "ey", "JzdWIiOiIxMjM0", ".", "s" * 20
    ),
    "a private key": _split("-----BEGIN ", "RSA PRIVATE", " KEY-----"),
    "a password in an address": _split("postgresql://desk:", "hunter22", "@db.internal/desk"),
    "a literal secret": _split("pass", "word = ", '"', "correcthorsebattery", '"'),
    "a path of one machine": _split("/ho", "me/", "anna/desk"),
    "the host of a package registry": _split("https://py", "pi.org/simple"),
}


def test_every_kind_of_finding_is_planted_here(scan: ModuleType) -> None:
    assert set(PLANTED) == {what for what, _ in scan.RULES}
    assert set(secret_shapes.SHAPES) < set(PLANTED)


@pytest.mark.parametrize("what", PLANTED)
def test_the_scanner_finds_what_is_planted(scan: ModuleType, tmp_path: Path, what: str) -> None:
    file = tmp_path / "notes.md"
    file.write_text(f"harmless\nsee {PLANTED[what]} there\n")
    assert f"{file}:2: {what}" in scan.scan([file])
    assert scan.main([str(file)]) == 1


def test_a_finding_is_reported_without_the_secret(
    scan: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = PLANTED["a Discord bot token"]
    file = tmp_path / "notes.md"
    file.write_text(token)
    scan.main([str(file)])
    out, err = capsys.readouterr()
    assert token not in out + err


@pytest.mark.parametrize(
    "harmless",
    [
        "postgresql://user@host/name",
        "postgresql://<user>:<password>@host",
        "http://127.0.0.1:8503/page",
        "see docs/home/start.md and <repo>/work/",
        "password: str",
        "TS_DISCORD_TOKEN=",
        "channel 1127635026318721094",
    ],
)
def test_the_scanner_leaves_ordinary_lines_alone(scan: ModuleType, harmless: str) -> None:
    assert list(scan.findings(harmless)) == []


def test_binary_and_missing_files_are_passed_over(scan: ModuleType, tmp_path: Path) -> None:
    picture = tmp_path / "x.png"
    picture.write_bytes(b"\x89PNG\xff\xfe" + PLANTED["an API key"].encode())
    assert scan.scan([picture, tmp_path / "gone"]) == []
