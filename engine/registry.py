"""Find the files of a ★ folder: the file name is the thing's name, CamelCase is its class.

Listing imports nothing, so a file whose SDK is missing hurts only whoever asks for that file.
"""

import importlib
import inspect
import pkgutil
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from engine.domain.errors import ConfigError

T = TypeVar("T")


def names(package: str) -> list[str]:
    """Names of all things in a folder, sorted; files that begin with ``_`` are its own business.

    Raises:
        ConfigError: when there is no such folder.
    """
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.submodule_search_locations is None:
        raise ConfigError(f"{_path(package)} is not a folder of the project")
    folders = tuple(spec.submodule_search_locations)
    return list(_files(folders, tuple(Path(folder).stat().st_mtime_ns for folder in folders)))


@lru_cache(maxsize=64)
def _files(folders: tuple[str, ...], changed_at: tuple[int, ...]) -> tuple[str, ...]:
    """Looked at again only when a file came or went: every key of a configuration asks."""
    found = pkgutil.iter_modules(folders)
    return tuple(sorted(m.name for m in found if not m.name.startswith("_")))


def class_name(name: str) -> str:
    """``daily_loss`` -> ``DailyLoss``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def load(package: str, name: str, base: type[T]) -> type[T]:
    """The class that one file holds.

    Raises:
        ConfigError: names the file and what is wrong with it: unknown, cannot be imported, lacks
            its class, or the class does not fill the contract ``base``.
    """
    file = f"{_path(package)}/{name}"
    known = names(package)
    if name not in known:
        raise ConfigError(f"{file}.py does not exist; there are: {', '.join(known) or 'none'}")
    try:
        module = importlib.import_module(f"{package}.{name}")
    except ImportError as error:
        raise ConfigError(f"{file} cannot be imported: {error}") from error
    wanted = class_name(name)
    found = getattr(module, wanted, None)
    if not inspect.isclass(found):
        raise ConfigError(f"{file} has no class {wanted}")
    if not issubclass(found, base):
        raise ConfigError(f"{file}: {wanted} is no {base.__name__}")
    if inspect.isabstract(found):
        missing = sorted(getattr(found, "__abstractmethods__", ()))
        raise ConfigError(f"{file}: {wanted} lacks {', '.join(missing)}")
    return found


def _path(package: str) -> str:
    return package.replace(".", "/")
