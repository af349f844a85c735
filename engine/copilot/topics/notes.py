"""What people wrote into the journal; their words."""

from collections.abc import Iterable

from engine.copilot.question import Asked
from engine.copilot.seen import Seen
from engine.copilot.topics import Facts, Topic, several
from engine.reports._said import Fact, foreign, words


class Notes(Topic):
    """The newest notes."""

    words = r"\b(notes?|journal|wrote|written|remarks?|my own words)\b"
    place = 65
    mark = "✎"
    source = "/journal list"

    def facts(self, seen: Seen) -> Iterable[Fact]:
        """Text and author of each."""
        for n, note in enumerate(seen.jottings, 1):
            key, about = f"notes.t{n}", note.about or "no trade"
            yield foreign(f"{key}.name", f"a note on {about}", note.text, self.source)
            yield words(f"{key}.about", "what it is about", about, self.source)
            yield foreign(f"{key}.by", "who wrote it", note.by, self.source)

    def lines(self, facts: Facts, asked: Asked) -> Iterable[str]:
        """Each as it is, marked as a person's."""
        del asked
        rows = several(facts, "notes.t")
        if not rows:
            yield "The journal has no notes."
        for row in rows:
            yield f"Note on {{{row}.about}} by {{{row}.by}}: {{{row}.name}}"
