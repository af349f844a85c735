"""Adding a thing is adding one file; what is wrong with a file is said by its name."""

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import registry
from engine.domain.errors import ConfigError
from engine.risk import RiskCheck


class Shape(ABC):
    @abstractmethod
    def area(self) -> int: ...


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A ★ folder ``shapes`` on the path; imports of it are forgotten afterwards."""
    home = tmp_path / "shapes"
    home.mkdir()
    (home / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield home
    for name in [n for n in sys.modules if n.split(".")[0] == "shapes"]:
        del sys.modules[name]


def put(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text)


GOOD = "from {here} import Shape\nclass {name}(Shape):\n    def area(self):\n        return 4\n"


def good(name: str) -> str:
    return GOOD.format(here=__name__, name=name)


def test_a_new_file_is_found_and_loaded_by_its_name(folder: Path) -> None:
    put(folder, "big_square", good("BigSquare"))
    assert registry.names("shapes") == ["big_square"]
    kind = registry.load("shapes", "big_square", Shape)  # type: ignore[type-abstract]
    assert kind().area() == 4


def test_listing_imports_no_file_and_skips_private_ones(folder: Path) -> None:
    put(folder, "needs_sdk", "import no_such_sdk\n")
    put(folder, "_inner", "raise RuntimeError\n")
    (folder / "notes.txt").write_text("")
    (folder / "whole").mkdir()
    (folder / "whole" / "__init__.py").write_text("raise RuntimeError\n")
    assert registry.names("shapes") == ["needs_sdk", "whole"]
    assert "shapes.needs_sdk" not in sys.modules


def test_a_missing_sdk_hurts_only_its_own_file(folder: Path) -> None:
    put(folder, "needs_sdk", "import no_such_sdk\n")
    with pytest.raises(ConfigError, match=r"^shapes/needs_sdk cannot be imported: .*no_such_sdk"):
        registry.load("shapes", "needs_sdk", Shape)  # type: ignore[type-abstract]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "shapes/square has no class Square"),
        ("Square = 4\n", "shapes/square has no class Square"),
        ("class Square: ...\n", "shapes/square: Square is no Shape"),
    ],
)
def test_a_file_that_does_not_fill_the_contract_is_named(
    folder: Path, text: str, said: str
) -> None:
    put(folder, "square", text)
    with pytest.raises(ConfigError) as caught:
        registry.load("shapes", "square", Shape)  # type: ignore[type-abstract]
    assert str(caught.value) == said


def test_a_class_with_a_method_missing_is_named(folder: Path) -> None:
    put(folder, "square", f"from {__name__} import Shape\nclass Square(Shape): ...\n")
    with pytest.raises(ConfigError, match=r"^shapes/square: Square lacks area$"):
        registry.load("shapes", "square", Shape)  # type: ignore[type-abstract]


@pytest.mark.parametrize(("there", "said"), [((), "none"), (("round", "square"), "round, square")])
def test_an_unknown_name_lists_what_there_is(
    folder: Path, there: tuple[str, ...], said: str
) -> None:
    for name in there:
        put(folder, name, "")
    with pytest.raises(ConfigError, match=rf"^shapes/disc\.py does not exist; there are: {said}$"):
        registry.load("shapes", "disc", Shape)  # type: ignore[type-abstract]


def test_a_file_that_comes_while_the_desk_runs_is_found(folder: Path) -> None:
    os.utime(folder, (0, 0))
    assert registry.names("shapes") == []
    put(folder, "square", good("Square"))
    assert registry.names("shapes") == ["square"]


@pytest.mark.parametrize("package", ["no_such_place", "engine.no_such_place", "engine.registry"])
def test_a_folder_that_is_none_is_named(package: str) -> None:
    with pytest.raises(ConfigError, match=f"^{package.replace('.', '/')} is not a folder"):
        registry.names(package)


def test_every_risk_check_is_found_by_its_file() -> None:
    kind = registry.load("engine.risk", "daily_loss", RiskCheck)  # type: ignore[type-abstract]
    assert kind.__name__ == "DailyLoss"


@pytest.mark.parametrize(
    ("name", "expected"), [("daily_loss", "DailyLoss"), ("x", "X"), ("top_25", "Top25")]
)
def test_class_names_are_camel_case(name: str, expected: str) -> None:
    assert registry.class_name(name) == expected
