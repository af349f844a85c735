"""transcript.html: the whole conversation in one file, with its pictures, as a product shows it."""

import base64
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bot import text
from bot.cards._layout import signed
from bot.demo.books import Books
from bot.demo.markdown import Markdown, clock
from bot.demo.telling import Line
from bot.sandbox.message import Attachment, Message
from bot.sandbox.server import Sandbox
from bot.sandbox.state import Channel
from bot.sandbox.views import author
from bot.sandbox.world import CHANNEL_KINDS
from engine.domain.money import ZERO
from engine.reports import Missing
from engine.reports.closing import ClosingReport

Json = dict[str, Any]
_CATEGORY = CHANNEL_KINDS["category"]
_HERE = Path(__file__).parent
_FACES = ("#5865f2", "#2d8f6f", "#b0498f", "#b5651d", "#3f7cb5", "#8a63d2", "#a8433d", "#5c7a29")


@dataclass(frozen=True, kw_only=True)
class Show:
    """Everything that goes into the file."""

    sandbox: Sandbox
    lines: Sequence[Line]
    back_at: datetime | None
    """When the bot was there again after the crash."""
    books: Books | None
    proven: Sequence[str]
    pictures: dict[str, bytes]
    failed: str = ""


def page(show: Show) -> str:
    """The file's text."""
    guild = show.sandbox.guild()
    channels = [c for c in guild.channels.values() if c.kind != _CATEGORY]
    names = {str(u.id): f"@{u.display_name}" for u in show.sandbox.state.users.values()}
    names |= {str(r.id): f"@{r.name}" for r in guild.roles.values()}
    names |= {str(c.id): f"#{c.name}" for c in channels}
    marks = Markdown(names)
    sections = [_overview(show), *(_Room(c, show, marks).html() for c in channels)]
    return _PAGE.format(
        css=(_HERE / "transcript.css").read_text(encoding="utf-8"),
        js=(_HERE / "transcript.js").read_text(encoding="utf-8"),
        net=_headline(show),
        nav=_nav(channels, guild.channels.values()),
        sections="\n".join(sections),
    )


_PAGE = """<!doctype html>
<html lang="en" data-theme="dark">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>TradeStream demo</title>
<style>{css}</style>
</head>
<body>
<header><h1>TradeStream demo</h1>{net}<button type="button">Light</button></header>
<div class="frame">
<nav aria-label="Channels">{nav}</nav>
<main>
{sections}
</main>
</div>
<script>{js}</script>
</body>
</html>
"""


def _headline(show: Show) -> str:
    if show.books is None:
        return '<span class="net bad">did not finish</span>'
    net = show.books.report.pnl.net_usd
    tone = "" if isinstance(net, Missing) else "good" if net > 0 else "bad"
    return (
        f'<span class="net {tone}">{html.escape(signed(net))} net</span>'
        '<span class="badge">PAPER · SYNTHETIC MARKET · New York time</span>'
    )


def _nav(channels: Sequence[Channel], everything: Iterable[Channel]) -> str:
    groups = {c.id: c.name for c in everything if c.kind == _CATEGORY}
    parts, group = ['<a href="#overview">Overview</a>'], ""
    for channel in channels:
        name = groups.get(channel.parent_id or 0, "")
        if name != group:
            group = name
            parts.append(f"<b>{html.escape(name)}</b>")
        count = len(channel.messages)
        parts.append(f'<a href="#{channel.name}"># {channel.name}<i>{count or ""}</i></a>')
    return "".join(parts)


# -- the overview -----------------------------------------------------------------------------


def _overview(show: Show) -> str:
    story = "".join(
        f"<li><time>{line.after_s:.1f} s</time>"
        f"<span{' class=killed' if line.is_crash else ''}>{html.escape(line.text)}</span></li>"
        for line in show.lines
    )
    failed = f'<p class="failed">{html.escape(show.failed)}</p>' if show.failed else ""
    figures = "" if show.books is None else _figures(show, show.books.report)
    return (
        f'<section id="overview">{failed}<div class="over">'
        f'<div><h3>What happened</h3><ol class="story">{story}</ol></div>'
        f"<div>{figures}</div></div></section>"
    )


def _figures(show: Show, report: ClosingReport) -> str:
    def picture(name: str, alt: str, kind: str = "") -> str:
        png = show.pictures.get(name)
        if png is None:
            return ""
        alt = html.escape(alt, quote=True)
        return f'<img class="picture {kind}" src="{_data_uri(png)}" alt="{alt}" loading="lazy">'

    total = signed(report.pnl.realised_usd)
    charts = "".join(
        picture(name, f"Price of trade {name}") for name in show.pictures if "trade" in name
    )
    proofs = "".join(f"<li>{_code(p)}</li>" for p in show.proven)
    return (
        picture("pnl-dark.png", f"Realised P&L by trade: {total}", "dark-only")
        + picture("pnl-light.png", f"Realised P&L by trade: {total}", "light-only")
        + _table(report)
        + f'<ul class="proof">{proofs}</ul>'
        + f'<h3>Each trade</h3><div class="charts">{charts}</div>'
    )


def _table(report: ClosingReport) -> str:
    rows = "".join(
        f'<tr><td>{html.escape(row.label)}</td><td class="hide-small">{text.qty(row.qty)}</td>'
        f'<td class="hide-small">{text.price_tight(row.entry, row.price_of)}</td>'
        f'<td class="hide-small">{text.price_tight(row.leave, row.price_of)}</td>'
        f'<td class="why">{html.escape(row.why)}</td>{_money(row.net_usd)}'
        f'<td>{text.r_short(row.r)}</td><td class="hide-mid">{text.usd(row.fees_usd)}</td></tr>'
        for row in report.rows
    )
    pnl = report.pnl
    won = text.pct(pnl.win_rate_pct, sign=False, places=0)
    foot = (
        f'<tr><td>{pnl.n_closed} trades</td><td class="hide-small" colspan="3"></td>'
        f'<td class="why">{won} won</td>{_money(pnl.realised_usd)}'
        f'<td></td><td class="hide-mid">{text.usd(pnl.fees_usd)}</td></tr>'
    )
    head = (
        '<tr><th>Closing table</th><th class="hide-small">qty</th><th class="hide-small">in</th>'
        '<th class="hide-small">out</th><th class="why">closed by</th><th>realised</th>'
        '<th>R</th><th class="hide-mid">fees</th></tr>'
    )
    return (
        f'<div class="wide"><table><thead>{head}</thead><tbody>{rows}</tbody>'
        f"<tfoot>{foot}</tfoot></table></div>"
        f"<p>equity <b>{text.usd(report.equity_usd)}</b>, of which "
        f"{text.usd(report.deposits_usd)} were deposited</p>"
    )


def _money(value: Any) -> str:
    tone = "" if isinstance(value, Missing) or value == ZERO else "good" if value > 0 else "bad"
    return f'<td class="{tone}">{text.usd(value, sign=True)}</td>'


def _code(words: str) -> str:
    parts = html.escape(words).split("`")
    return "".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(parts))


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


# -- a channel --------------------------------------------------------------------------------


class _Room:
    """One channel's messages, the crash marked where it fell."""

    def __init__(self, channel: Channel, show: Show, marks: Markdown) -> None:
        self._channel, self._show, self._marks = channel, show, marks

    def html(self) -> str:
        name = self._channel.name
        parts: list[str] = []
        killed = next((line.at for line in self._show.lines if line.is_crash), None)
        events = [
            (killed, '<div class="crash">kill -9: the bot is dead</div>'),
            (self._show.back_at, '<div class="back">the bot is back</div>'),
        ]
        for message in self._channel.messages:
            while events and events[0][0] is not None and message.created_at >= events[0][0]:
                parts.append(events.pop(0)[1])
            parts.append(self._message(message))
        if parts:
            parts += [mark for at, mark in events if at is not None]
        lock = "<small>private: admins and the bot</small>" if name == "admin" else ""
        body = "\n".join(parts) or '<p class="empty">Nothing was said here.</p>'
        return f'<section id="{name}"><h2># {name}{lock}</h2>\n{body}\n</section>'

    def _message(self, item: Message) -> str:
        who = author(item)
        name = html.escape(who["name"])
        colour = _FACES[int(who["id"]) % len(_FACES)]
        tag = "<em>APP</em>" if who["bot"] else ""
        edited = f"<span>edited {len(item.edits)}×</span>" if item.edits else ""
        seen_by = item.ephemeral_for
        private = (
            f"<small>Only {html.escape(seen_by.display_name)} sees this</small>" if seen_by else ""
        )
        shown = self._content(item.content, item.embeds, item.components, item.attachments)
        return (
            f'<article class="msg{" private" if seen_by else ""}">'
            f'<div class="face" style="background:{colour}">{name[:1]}</div>'
            f'<div class="body">{self._used(item)}<div class="who"><b>{name}</b>{tag}'
            f"<time>{clock(item.created_at)}</time>{edited}</div>"
            f"{shown}{self._before(item)}{private}</div></article>"
        )

    def _used(self, item: Message) -> str:
        """Which command a message answers."""
        about = item.interaction or {}
        if about.get("command_type") != 1:
            return ""
        who = html.escape(about["user"]["global_name"] or about["user"]["username"])
        return f'<div class="used">{who} used /{html.escape(about["name"])}</div>'

    def _before(self, item: Message) -> str:
        """How a card looked when it was posted."""
        if not item.edits:
            return ""
        first = item.edits[0]
        shown = self._content(first.content, first.embeds, first.components, first.attachments)
        return f"<details><summary>as first posted</summary>{shown}</details>"

    def _content(
        self, content: str, embeds: list[Json], components: list[Json], files: list[Attachment]
    ) -> str:
        used = {(embed.get("image") or {}).get("url") for embed in embeds}
        pictures = {file.url: file for file in files}
        loose = "".join(_img(file) for file in files if file.url not in used)
        return (
            (self._marks.html(content) if content else "")
            + "".join(self._embed(embed, pictures) for embed in embeds)
            + loose
            + "".join(_components(row) for row in components)
        )

    def _embed(self, embed: Json, pictures: dict[str, Attachment]) -> str:
        head = html.escape((embed.get("author") or {}).get("name", ""))
        foot = html.escape((embed.get("footer") or {}).get("text", ""))
        file = pictures.get((embed.get("image") or {}).get("url", ""))
        fields = "".join(
            f"<p><b>{html.escape(f['name'])}</b></p>{self._marks.html(f['value'])}"
            for f in embed.get("fields") or []
        )
        return (
            f'<div class="embed" style="border-color:#{embed.get("color") or 0x80848E:06x}">'
            + (f'<div class="author">{head}</div>' if head else "")
            + f'<div class="title">{html.escape(embed.get("title") or "")}</div>'
            + self._marks.html(embed.get("description") or "")
            + fields
            + (_img(file) if file is not None else "")
            + (f'<div class="footer">{foot}</div>' if foot else "")
            + "</div>"
        )


def _img(file: Attachment) -> str:
    alt = html.escape(file.description or file.filename, quote=True)
    return f'<img src="{_data_uri(file.data)}" alt="{alt}" loading="lazy">'


def _components(row: Json) -> str:
    parts = []
    for part in row.get("components") or []:
        emoji = (part.get("emoji") or {}).get("name") or ""
        if part["type"] == 2:
            label = html.escape(f"{emoji} {part.get('label') or ''}".strip())
            parts.append(f'<span class="button s{part.get("style")}">{label}</span>')
        else:
            options = "".join(f"<li>{html.escape(o['label'])}</li>" for o in part["options"])
            hint = html.escape(part.get("placeholder") or "")
            parts.append(f'<div class="menu">{hint}<ul>{options}</ul></div>')
    return f'<div class="row">{"".join(parts)}</div>'
