"""One line of the all-messages feed: who, what, what it was taken for."""

from bot import text
from engine.domain.alert import EmbedText
from engine.domain.desk import Intake

LINE_MAX = 600


def line(intake: Intake) -> str:
    """``💬 Ann · good morning · ignored: chat``; at most :data:`LINE_MAX` characters."""
    message = intake.message
    who = text.safe_line(message.author_name, 40) or "unknown"
    said = text.safe_line(message.text, 120) or text.safe_line(_of_embeds(message.embeds), 120)
    if not said:
        said = "(picture)" if message.n_attachments else "(no text)"
    edited = f" (edit {message.edit_no})" if message.edit_no else ""
    late = " (read after a gap)" if message.is_caught_up else ""
    verdict = text.safe_line(intake.verdict, 160)
    mark = "🔔" if intake.alert_id else "💬"
    where = f"<#{message.channel_id}> "
    return f"{mark} {where}**{who}**{edited}{late} {said} · *{verdict}*"[:LINE_MAX]


def _of_embeds(embeds: tuple[EmbedText, ...]) -> str:
    return " ".join(
        part for e in embeds for part in (e.title, e.description, *(v for _, v in e.fields)) if part
    )
