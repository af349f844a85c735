"""How the loopback says no: to the bot like Discord, to a driver like Discord's client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong in a request body: where, Discord's error key, and words."""

    path: tuple[str | int, ...]
    key: str
    text: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path)) or 'body'}: {self.text} ({self.key})"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something the bot did that real Discord refuses or does not know."""

    kind: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"[{self.kind}] {self.where}: {self.detail}"


class ApiError(Exception):
    """An error answer of Discord's REST API."""

    def __init__(
        self, status: int, code: int, message: str, *, flaws: tuple[Flaw, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.flaws = flaws

    def body(self) -> dict[str, Any]:
        """Return the JSON body that Discord would send."""
        answer: dict[str, Any] = {"message": self.message, "code": self.code}
        if self.flaws:
            answer["errors"] = _nested(self.flaws)
        return answer


class Refused(Exception):
    """A driver verb asked for something that a real Discord client does not let a person do."""


class NotAnswered(Exception):
    """The bot did not answer in time: Discord shows "The application did not respond"."""


def unknown(what: str) -> ApiError:
    """Return the 404 for a missing thing."""
    codes = {
        "Channel": 10003,
        "Guild": 10004,
        "Member": 10007,
        "Message": 10008,
        "Role": 10011,
        "User": 10013,
        "Emoji": 10014,
        "Webhook": 10015,
        "interaction": 10062,
        "application command": 10063,
    }
    return ApiError(404, codes[what], f"Unknown {what}")


def missing_access() -> ApiError:
    """Return the 403 for a channel that the bot cannot see."""
    return ApiError(403, 50001, "Missing Access")


def missing_permissions() -> ApiError:
    """Return the 403 for an act that the bot may not do."""
    return ApiError(403, 50013, "Missing Permissions")


def invalid_form(*flaws: Flaw) -> ApiError:
    """Return the 400 for a body with flaws."""
    return ApiError(400, 50035, "Invalid Form Body", flaws=flaws)


def _nested(flaws: tuple[Flaw, ...]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for flaw in flaws:
        node = tree
        for step in flaw.path:
            node = node.setdefault(str(step), {})
        node.setdefault("_errors", []).append({"code": flaw.key, "message": flaw.text})
    return tree
