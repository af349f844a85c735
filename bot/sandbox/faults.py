"""Misbehaviour of the REST side on command: errors, delays, cut connections."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

KINDS = ("429", "429-global", "delay", "reset_before", "reset_after", "delay_after")


@dataclass(slots=True)
class Fault:
    """One rule: how often which requests go wrong in which way.

    `kind` is `429`, `429-global`, `delay` (before handling), `delay_after` (handled, answered
    late), `reset_before` (cut, not handled), `reset_after` (handled, answer lost), or any status
    from 400 to 599 as text.
    """

    path: str
    kind: str
    times: int = 1
    method: str = "*"
    retry_after_s: float = 0.2
    delay_s: float = 1.0
    code: int = 0
    message: str = ""
    hits: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS and not (self.kind.isdigit() and 400 <= int(self.kind) <= 599):
            raise ValueError(f"unknown fault {self.kind!r}; known: {KINDS} or a status 400-599")

    def strikes(self, method: str, path: str) -> bool:
        """Whether this rule is for this request and not used up."""
        return (
            self.hits < self.times
            and fnmatchcase(method, self.method)
            and fnmatchcase(path, self.path)
        )


@dataclass(slots=True)
class Faults:
    """The rules in the order they were asked for."""

    rules: list[Fault] = field(default_factory=list)

    def add(self, rule: Fault) -> Fault:
        """Put a rule behind the others."""
        self.rules.append(rule)
        return rule

    def take(self, method: str, path: str) -> Fault | None:
        """Return the first rule that strikes and count the hit."""
        for rule in self.rules:
            if rule.strikes(method, path):
                rule.hits += 1
                return rule
        return None

    def clear(self) -> None:
        """Forget every rule."""
        self.rules.clear()
