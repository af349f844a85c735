"""What several benches share."""

import asyncio
from pathlib import Path

import pytest

from tests.bench.history import make_history


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a closed database with a long past; copy it, never open it."""
    home = tmp_path_factory.mktemp("history")
    asyncio.run(make_history(home))
    return home
