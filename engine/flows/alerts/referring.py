"""What an author may be referring to, for the parsers."""

from engine.desk import Desk
from engine.domain.alert import Alert, RawAlert, Signal
from engine.domain.source import SourceProfile


class DeskContext:
    """What an author may be referring to: earlier alerts of the room, his open trades there."""

    def __init__(self, desk: Desk, profile: SourceProfile, author_id: int) -> None:
        self._desk, self._profile, self._author_id = desk, profile, author_id

    def alert_of(self, message_id: int) -> Alert | None:
        """The alert that an earlier message of this channel was."""
        found = self._desk.book.by_message.get((self._profile.channel_id, message_id))
        record = self._desk.book.alerts.get(found) if found else None
        return record.parsed if record and isinstance(record.parsed, Alert) else None

    def open_trades(self) -> list[Signal]:
        """The opening signals behind this author's live trades from this room."""
        found: dict[tuple[str, int], Signal] = {}
        for trade in self._desk.book.trades.values():
            if trade.source != self._profile.name or trade.author_id != self._author_id:
                continue
            record = self._desk.book.alerts.get(trade.alert_id)
            signals = record.parsed.signals if record and isinstance(record.parsed, Alert) else ()
            for number, signal in enumerate(signals):
                if signal.action.effect.opens:
                    found[trade.alert_id, number] = signal
        return list(found.values())


def context(desk: Desk, profile: SourceProfile, message: RawAlert) -> DeskContext:
    """The context of one message."""
    return DeskContext(desk, profile, message.author_id)
