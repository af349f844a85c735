"""Tells listeners what was committed: after the commit, perhaps again after a crash."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from engine.domain.record import Event

Listener = Callable[[Sequence[Event]], None]


class Bus:
    """Listeners are quick and synchronous: they note what is to be done and return."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Hear of every commit from now on."""
        self._listeners.append(listener)

    @contextmanager
    def hearing(self, listener: Listener) -> Iterator[None]:
        """Hear of every commit for a while."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def publish(self, events: Sequence[Event]) -> None:
        """Called by the desk once the events are durable."""
        for listener in self._listeners:
            listener(events)
