"""Modules that a broker's library imports and that nothing we use of it touches.

pandas and a calendar of every exchange cost more than the rest of a start, and would stay in memory
for good. Until one of them is touched a stand-in takes its place; then the real one is imported.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any


class _Later:
    """Something of such a module: made when it is looked at, not when it is called."""

    def __init__(self, made: Callable[[], Any]) -> None:
        self._made = cache(made)

    def __call__(self, *args: Any, **more: Any) -> "_Later":
        return _Later(lambda: self._made()(*args, **more))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._made(), name)


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Later(lambda: getattr(self._real(), name))

    def _real(self) -> ModuleType:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return import_module(self.__name__)


@contextmanager
def put_off(*names: str) -> Iterator[None]:
    """A library imported in here gets stand-ins for these modules; whoever comes later the real.

    Those that were imported before are left as they are.
    """
    put = {name: _StandIn(name) for name in names if name not in sys.modules}
    sys.modules.update(put)
    try:
        yield
    finally:
        for name, stand_in in put.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]
