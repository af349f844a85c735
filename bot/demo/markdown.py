"""Discord's markdown as HTML, as far as cards and people use it; whatever is unknown stays text."""

import html
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from engine.market import NEW_YORK

_ESCAPED = re.compile(r"\\([\\*_~`|\[\]<>#@.\-])")
_CODE = re.compile(r"```(?:[a-z]+\n)?\n?(.*?)```", re.DOTALL)
_HELD = re.compile("\ue000(\\d+)\ue001")
_INLINE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\*\*(.+?)\*\*"), r"<b>\1</b>"),
    (re.compile(r"__(.+?)__"), r"<u>\1</u>"),
    (re.compile(r"~~(.+?)~~"), r"<s>\1</s>"),
    (re.compile(r"(?<![\w*])\*(?!\s)(.+?)(?<!\s)\*(?![\w*])"), r"<i>\1</i>"),
)
_TOKEN = re.compile(
    r"&lt;(?:t:(?P<at>\d+)(?::(?P<how>[a-zA-Z]))?|@&amp;(?P<role>\d+)|@!?(?P<user>\d+)"
    r"|#(?P<channel>\d+))&gt;"
)


class Markdown:
    """Turns texts into HTML; knows the names behind mentions."""

    def __init__(self, names: Mapping[str, str]) -> None:
        """``names``: id -> ``@Tom``, ``@Approver`` or ``#orders``."""
        self._names = names

    def html(self, text: str) -> str:
        """Safe HTML: nothing of the text is ever taken for a tag."""
        held: list[str] = []

        def hold(piece: str) -> str:
            held.append(piece)
            return f"\ue000{len(held) - 1}\ue001"

        plain = text.replace("\ue000", "").replace("\ue001", "")
        plain = _CODE.sub(lambda m: hold(f"<pre>{html.escape(m[1].rstrip())}</pre>"), plain)
        plain = re.sub(r"`([^`\n]+)`", lambda m: hold(f"<code>{html.escape(m[1])}</code>"), plain)
        plain = _ESCAPED.sub(lambda m: hold(html.escape(m[1])), plain)
        blocks = _blocks(html.escape(plain, quote=False), self._line)
        return _HELD.sub(lambda m: held[int(m[1])], blocks)

    def _line(self, line: str) -> str:
        for rule, shape in _INLINE:
            line = rule.sub(shape, line)
        return _TOKEN.sub(self._token, line)

    def _token(self, found: re.Match[str]) -> str:
        if found["at"]:
            moment = datetime.fromtimestamp(int(found["at"]), UTC)
            return f"<time>{clock(moment)}</time>"
        name = self._names.get(found["role"] or found["user"] or found["channel"], "@unknown")
        return f'<span class="mention">{html.escape(name)}</span>'


def clock(moment: datetime) -> str:
    """New York time with seconds."""
    return f"{moment.astimezone(NEW_YORK):%H:%M:%S}"


def _blocks(text: str, line: Callable[[str], str]) -> str:
    """Quotes, small print and headings are whole lines; everything else breaks where it breaks."""
    out: list[str] = []
    quote: list[str] = []
    for raw in text.split("\n"):
        if raw.startswith("&gt; "):
            quote.append(line(raw[5:]))
            continue
        if quote:
            out.append(f"<blockquote>{'<br>'.join(quote)}</blockquote>")
            quote = []
        if raw.startswith("-# "):
            out.append(f"<small>{line(raw[3:])}</small>")
        elif raw.startswith(("# ", "## ", "### ")):
            out.append(f"<h4>{line(raw.lstrip('# '))}</h4>")
        elif raw.strip() and _HELD.fullmatch(raw.strip()):
            out.append(raw.strip())
        elif raw.strip():
            out.append(f"<p>{line(raw)}</p>")
    if quote:
        out.append(f"<blockquote>{'<br>'.join(quote)}</blockquote>")
    return "".join(out)
