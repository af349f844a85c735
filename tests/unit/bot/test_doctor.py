"""The doctor's sums of Discord's permissions, and its findings without a Discord."""

import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.config import load
from bot.doctor import PARTS, Patient, _rights, examine
from bot.doctor._rest import DiscordRest
from bot.sandbox import permissions
from engine.clock import ManualClock

BITS = st.sets(st.sampled_from([3, 4, 10, 11, 14, 15, 16, 28, 51])).map(
    lambda places: sum(1 << n for n in places)
)
GUILD, ME, ROLES = 1, 9, (2, 3)
NOW = datetime(2026, 1, 5, 15, tzinfo=UTC)


@settings(max_examples=200)
@given(
    everyone=BITS,
    roles=st.tuples(BITS, BITS),
    held=st.sets(st.sampled_from(ROLES)),
    exceptions=st.dictionaries(st.sampled_from([GUILD, *ROLES, ME]), st.tuples(BITS, BITS)),
)
def test_permissions_are_summed_as_the_sandbox_sums_them(everyone, roles, held, exceptions) -> None:
    guild: Any = SimpleNamespace(
        id=GUILD,
        owner_id=77,
        roles={
            GUILD: SimpleNamespace(permissions=everyone),
            **{r: SimpleNamespace(permissions=p) for r, p in zip(ROLES, roles, strict=True)},
        },
    )
    member: Any = SimpleNamespace(user=SimpleNamespace(id=ME), roles=sorted(held))
    channel: Any = SimpleNamespace(
        is_thread=False,
        parent=None,
        overwrites={k: SimpleNamespace(allow=a, deny=d) for k, (a, d) in exceptions.items()},
    )
    expected = permissions.of_channel(guild, member, channel)
    bits = {GUILD: everyone, **dict(zip(ROLES, roles, strict=True))}
    found = _rights.in_channel(
        {"user": {"id": str(ME)}, "roles": [str(r) for r in held]},
        {
            "id": str(GUILD),
            "owner_id": "77",
            "roles": [{"id": str(r), "permissions": str(p)} for r, p in bits.items()],
        },
        {
            "permission_overwrites": [
                {"id": str(k), "allow": str(a), "deny": str(d)} for k, (a, d) in exceptions.items()
            ]
        },
    )
    for needed in (_rights.VIEW, _rights.SEND, _rights.HISTORY, _rights.PIN):
        if needed is _rights.SEND or expected & _rights.SEND or not expected & _rights.VIEW:
            assert bool(found & needed) == bool(expected & needed)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TS_DISCORD_TOKEN", raising=False)
    file = tmp_path / "config.yaml"
    file.write_text("accounts: {main: {broker: paper}}\ndiscord: {guild_id: 5}\n")
    return file


def findings(file: Path, rest: DiscordRest | None = None) -> dict[str, Any]:
    async def all_of_them() -> dict[str, Any]:
        patient = Patient(config=load(file), clock=ManualClock(NOW), rest=rest)
        return {f.part: f async for f in examine(patient, PARTS)}

    return asyncio.run(all_of_them())


def test_without_a_token_everything_else_is_still_looked_at(home: Path) -> None:
    found = findings(home)
    assert found["token"].is_ok is False
    assert "tradestream init" in found["token"].mend
    assert found["Discord"].is_ok is None
    assert found["disk"].is_ok
    assert found["books"].is_ok is None
    assert found["quotes"].is_ok is False
    assert found["broker paper"].is_ok


def test_a_secret_that_others_may_read_is_named_with_its_remedy(home: Path) -> None:
    folder = home.parent / ".secrets"
    folder.mkdir()
    config = load(home)
    (folder / "discord_token").write_text("x")
    (folder / "discord_token").chmod(0o644)

    async def look() -> list[Any]:
        patient = Patient(config=config, clock=ManualClock(NOW), rest=None)
        return [f async for f in examine(patient, ("keys",))]

    found = {f.part: f for f in asyncio.run(look())}
    assert found["secrets"].is_ok is False
    assert found["secrets"].mend.startswith("chmod 600")


async def test_a_discord_that_does_not_answer_is_a_finding(home: Path) -> None:
    async with DiscordRest("x", "http://127.0.0.1:9") as rest:
        patient = Patient(config=load(home), clock=ManualClock(NOW), rest=rest)
        found = {f.part: f async for f in examine(patient, ("login", "rooms", "machine"))}
    assert found["Discord"].is_ok is False
    assert "no answer" in found["Discord"].said
    assert found["clock"].is_ok is None


def test_a_taken_health_port_is_found_before_the_start(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        home.write_text(f"{home.read_text()}health: {{port: {port}}}\n")
        found = findings(home)["health.port"]
        assert found.is_ok is None, "a desk that runs takes its own port"
        assert f"{port} on 127.0.0.1 is taken" in found.said
        assert "health.port" in found.mend
    assert findings(home)["health.port"].is_ok
