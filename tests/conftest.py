"""House rules of every test run."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# One commit, one verdict: `make test` tries the same examples each time, `make chaos` new ones.
settings.register_profile("default", max_examples=500, deadline=None, derandomize=True)
settings.register_profile("nightly", max_examples=10_000, deadline=None, derandomize=False)
settings.load_profile("default")

LONG = ("tests/chaos/", "tests/scenarios/test_demo.py", "tests/property/test_desk_machine.py")
"""Half a minute and more each."""


def compile_once() -> None:
    """Where Python may keep no bytecode beside the sources, pytest's own folder keeps it.

    Without any, compiling is half of what collecting costs, and a fifth of each start of the bot.
    """
    if sys.dont_write_bytecode and not sys.pycache_prefix:
        kept = str(Path(__file__).parents[1] / ".pytest_cache" / "bytecode")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = kept
        sys.dont_write_bytecode, sys.pycache_prefix = False, kept


compile_once()


def pytest_xdist_auto_num_workers() -> int:
    """Half again as many as cores: most tests wait for disks, sockets and other processes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (cores or 1) * 3 // 2 or 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first: one that begins last keeps everybody waiting."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
