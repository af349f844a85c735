"""Each test gets its own Discord, on its own port, and must not have done anything it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.sandbox import Sandbox
from bot.sandbox.hooks import QuickBot, point_discord_at

SPEC = Path(__file__).resolve().parents[3] / "shared/data/specs/discord/openapi.json"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    with_spec = SPEC.is_file()
    made = await Sandbox.start(spec=SPEC if with_spec else None, check_answers=with_spec)
    point_discord_at(made.api_base, made.gateway_url)
    yield made
    await made.stop()
    point_discord_at()
    assert not made.problems, "\n".join(map(str, made.problems))


@pytest.fixture
def bot(sandbox: Sandbox) -> QuickBot:
    return QuickBot()
