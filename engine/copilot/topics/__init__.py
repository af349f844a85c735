"""The subjects that the copilot knows, one file each: its facts, and its sentences without a model.

A file's class (its name in CamelCase) says which words call for it, which facts of the reports it
contributes, and how it answers in plain sentences. Sentences name facts, never figures.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cache
from typing import ClassVar

from engine import registry
from engine.copilot.question import Asked
from engine.copilot.seen import Seen
from engine.reports._said import Fact

Facts = Mapping[str, Fact]


class Topic(ABC):
    """One subject."""

    words: ClassVar[str]
    """Regular expression over the question in lower case."""
    place: ClassVar[int] = 50
    """Where it stands in an answer of several subjects; low numbers first."""
    mark: ClassVar[str] = ""
    """Put before its first sentence, so that the eye finds it."""
    source: ClassVar[str]
    """The command that shows the same."""

    @abstractmethod
    def facts(self, seen: Seen) -> Iterable[Fact]:
        """What it knows; ids begin with the subject's own name."""

    @abstractmethod
    def lines(self, facts: Facts, asked: Asked) -> Iterable[str]:
        """Plain sentences with placeholders for facts that are there."""


@cache
def topics() -> Mapping[str, Topic]:
    """All subjects by their name."""
    package = "engine.copilot.topics"
    return {n: registry.load(package, n, Topic)() for n in registry.names(package)}  # type: ignore[type-abstract]


@cache
def rules() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Name of each subject and the words that call for it."""
    return tuple((name, re.compile(topic.words)) for name, topic in topics().items())


def several(facts: Facts, prefix: str) -> list[str]:
    """Ids of the numbered rows below ``prefix``: ``day.t1``, ``day.t2`` ... in order."""
    found: list[str] = []
    while f"{prefix}{len(found) + 1}.name" in facts:
        found.append(f"{prefix}{len(found) + 1}")
    return found
