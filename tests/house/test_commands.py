"""make, .ci/run, the pinned packages: what a newcomer and the build server rely on."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
)
PINNED = {canonicalize_name(name): version for name, version in PINS.items()}


def needed(requirement: str) -> list[str]:
    """A requirement and everything below it, as installed here."""
    todo, seen = [requirement], {}
    while todo:
        text = todo.pop()
        wanted = Requirement(text)
        extras = wanted.extras or {""}
        marker = wanted.marker
        if marker is not None and not any(marker.evaluate({"extra": e}) for e in extras):
            continue
        name = canonicalize_name(wanted.name)
        if name in seen and wanted.extras <= seen[name]:
            continue
        seen[name] = seen.get(name, set()) | wanted.extras
        for below in metadata.requires(name) or []:
            inner = Requirement(below)
            if inner.marker is None or any(inner.marker.evaluate({"extra": e}) for e in extras):
                inner.marker = None
                todo.append(str(inner))
    return sorted(seen)


ALL = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]


@pytest.mark.parametrize("requirement", ALL)
def test_a_package_and_all_it_needs_is_pinned_as_tested(requirement: str) -> None:
    for name in needed(requirement):
        assert PINNED.get(name) == metadata.version(name), f"{name}: run make install"


@pytest.mark.parametrize("requirement", ALL)
def test_a_pin_satisfies_what_the_project_asks_for(requirement: str) -> None:
    wanted = Requirement(requirement)
    assert wanted.specifier.contains(PINNED[canonicalize_name(wanted.name)], prereleases=True)


def test_nothing_is_pinned_that_nobody_needs() -> None:
    used = {name for requirement in ALL for name in needed(requirement)} | {"setuptools"}
    assert set(PINNED) == used


def make(*words: str) -> str:
    done = subprocess.run(
        ["make", "--no-print-directory", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout


def test_make_alone_explains_every_target() -> None:
    shown = make()
    rules = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test", "lint", "install", "bench", "chaos", "help", "ci"} <= rules
    assert {line.split()[0] for line in shown.splitlines() if line.startswith("  ")} >= rules


def test_demo_needs_no_test_tools_and_test_needs_them(tmp_path: Path) -> None:
    venv = f"VENV={tmp_path}/venv"
    demo, test = make("-n", "demo", venv), make("-n", "test", venv)
    assert "--editable ." in demo
    assert "[dev]" not in demo
    assert "-m bot demo" in demo
    assert '--editable ".[dev]"' in test
    assert "-m pytest -n auto" in test
    assert "constraints.txt" in demo
    assert "SERVE=1" in make("-n", "demo", venv, "SERVE=1")


# -- .ci/run, in a house of its own -----------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "Makefile").write_text("lint:\n\t@echo linted\ntest:\n\t@echo tested\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "start")
    return tmp_path


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, timeout=30)


def ci(house: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(house / ".ci" / "run")],
        cwd="/",
        env={"PATH": os.environ["PATH"], "HOME": str(house)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_ci_lints_then_tests_and_is_content(house: Path) -> None:
    done = ci(house)
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("linted") < done.stdout.index("tested") < done.stdout.index("green")


@pytest.mark.parametrize("broken", ["lint", "test"])
def test_ci_fails_with_its_first_failing_step(house: Path, broken: str) -> None:
    text = (house / "Makefile").read_text()
    (house / "Makefile").write_text(text.replace(f"{broken}:\n", f"{broken}:\n\t@false\n"))
    git(house, "commit", "-qam", "break")
    done = ci(house)
    assert done.returncode != 0
    assert ("tested" in done.stdout) is False
    assert "green" not in done.stdout


@pytest.mark.parametrize("line", ["touch left.txt", "echo x >> Makefile"])
def test_ci_fails_when_the_run_leaves_something_behind(house: Path, line: str) -> None:
    (house / "Makefile").write_text(f"lint:\n\t@true\ntest:\n\t@{line}\n")
    git(house, "commit", "-qam", "litter")
    done = ci(house)
    assert done.returncode == 1
    assert "left behind" in done.stderr


def test_every_commit_hook_is_a_tool_of_the_project() -> None:
    """Commits need no network: hooks run what make install put into .venv."""
    import yaml

    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in hooks["repos"]] == ["local"]
    tools = Path(sys.executable).parent
    for hook in hooks["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        program = hook["entry"].split()[0]
        assert program.startswith(".venv/bin/")
        assert (tools / Path(program).name).exists(), program
