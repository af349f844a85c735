"""One notification as it is kept: what was told, where it went, who has seen it."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from bot.notify import Severity
from engine.domain.desk import Document

KIND = "notification"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One notification: what was told, where it went, who has seen it."""

    notification_id: str
    rule_id: str
    text: str
    severity: Severity
    channels: tuple[str, ...]
    at: datetime
    user_id: int
    delivered: dict[str, str]
    """Channel -> ``sent``, ``held back (quiet hours)`` or why it failed; absent: under way."""
    seen_by: str = ""

    def document(self) -> Document:
        """As the books keep it."""
        return Document(
            document_id=self.notification_id,
            kind=KIND,
            subject=self.rule_id,
            user_id=self.user_id,
            filed_at=self.at,
            body=self.body(),
        )

    def body(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), default=lambda at: at.isoformat())


def told(document: Document) -> Told:
    """A notification as the books have it."""
    kept = json.loads(document.body)
    at = datetime.fromisoformat(kept["at"])
    return Told(**{**kept, "at": at, "channels": tuple(kept["channels"])})
