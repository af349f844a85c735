"""Every card and every chart, dark and light, as a phone of 480 px shows them: ``make sheet``.

Cards are posted into a sandbox Discord and photographed one by one (needs chromium), charts are
drawn by the worker, a running desk shows what only it has. Each picture is a file of its own under
demo-out/cards and demo-out/charts; ``demo-out/sheet-*.png`` have them all on a few pages.
"""

import asyncio
import importlib
import inspect
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import discord
from PIL import Image, ImageDraw

from bot.charts import Theme
from bot.sandbox import Sandbox
from bot.sandbox.hooks import QuickBot, point_discord_at, running
from tests import (
    admin_cards,
    card_sheet,
    contact_sheet,
    desk_cards,
    live_sheet,
    market_cards,
    news_cards,
    ticket_sheet,
)
from tests.copilot import sheet as copilot_sheet
from tests.sandbox.browser import chromium, photographs

OUT = Path("demo-out")
WIDTH = 480
PER_ROOM = 50
PAGE_HEIGHT, COLUMNS, GAP, LABEL = 1500, 3, 12, 14
Shown = discord.Embed | discord.ui.LayoutView | str

SOURCES: tuple[Callable[[], Iterator[Shown]], ...] = (
    card_sheet.trade_cards,
    card_sheet.approval_cards,
    card_sheet.alert_cards,
    card_sheet.lists,
    card_sheet.broker_cards,
    card_sheet.figures,
    card_sheet.mirrored,
    ticket_sheet.cards,
    market_cards.cards,
    news_cards.cards,
    copilot_sheet.cards,
    admin_cards.cards,
    desk_cards.cards,
    desk_cards.notes,
    desk_cards.panels,
)


def modules() -> list[ModuleType]:
    """Every kind of card there is."""
    files = sorted((Path(__file__).parents[1] / "bot/cards").glob("[!_]*.py"))
    return [importlib.import_module(f"bot.cards.{f.stem}") for f in files]


def makers(module: ModuleType) -> list[str]:
    """Names of its functions that make a whole card."""
    return [
        name
        for name, made in vars(module).items()
        if inspect.isfunction(made)
        and made.__module__ == module.__name__
        and not name.startswith("_")
        and made.__annotations__.get("return") is discord.Embed
    ]


@contextmanager
def signed() -> Iterator[list[str]]:
    """While it lasts, who makes a card writes ``file.function`` at the end of the list."""
    told: list[str] = []
    kept: list[tuple[ModuleType, str, Any]] = []

    def signing(name: str, made: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **more: Any) -> Any:
            card = made(*args, **more)
            told.append(name)
            return card

        return wrapped

    for module in modules():
        stem = module.__name__.rsplit(".", 1)[1]
        for name in (*makers(module), *(n for n in _WORDS.get(stem, ()))):
            kept.append((module, name, getattr(module, name)))
            setattr(module, name, signing(f"{stem}.{name}", getattr(module, name)))
    try:
        yield told
    finally:
        for module, name, made in kept:
            setattr(module, name, made)


_WORDS = {"mirror": ("line",), "recovery": ("words",), "panel": ("blocks", "stopped")}
"""Cards that are no embeds."""


def cards() -> list[tuple[str, Shown]]:
    """Every card with ``file.function`` of what made it, in order of these names."""
    found: list[tuple[str, Shown]] = []
    with signed() as told:
        for source in SOURCES:
            found.extend((told[-1], shown) for shown in source())
    return sorted(found, key=lambda pair: pair[0])


def named(shown: Iterable[tuple[str, Shown]]) -> list[tuple[str, Shown]]:
    """With a file stem each: ``pnl-show-2``."""
    counted: dict[str, int] = {}
    made = []
    for name, card in shown:
        counted[name] = counted.get(name, 0) + 1
        made.append((f"{name.replace('.', '-')}-{counted[name]}", card))
    return made


async def photographed(
    wanted: Sequence[tuple[str, Shown]], width: int = WIDTH
) -> list[tuple[str, bytes]]:
    """(file stem, PNG) of every card in both themes, as a reader of the channel sees it."""
    sandbox = await Sandbox.start()
    point_discord_at(sandbox.api_base, sandbox.gateway_url)
    bot = QuickBot()
    made: list[tuple[str, bytes]] = []
    with tempfile.TemporaryDirectory() as profile:
        async with running(bot), chromium(Path(profile)) as page:
            rooms = iter(c for g in bot.guilds for c in g.text_channels if not c.is_news())
            for start in range(0, len(wanted), PER_ROOM):
                part = wanted[start : start + PER_ROOM]
                room = next(rooms)
                ids = [await _post(room, shown) for _, shown in part]
                for theme in Theme:
                    place = f"{sandbox.api_base}/?channel={room.name}&as=olivia&theme={theme}"
                    shots = await photographs(page, place, ids, width)
                    names = (f"{stem}-{width}-{theme}" for stem, _ in part)
                    made += zip(names, shots, strict=True)
    assert not sandbox.problems, sandbox.problems
    await sandbox.stop()
    return made


async def _post(room: discord.TextChannel, shown: Shown) -> int:
    if isinstance(shown, discord.Embed):
        return (await room.send(embed=shown)).id
    if isinstance(shown, str):
        return (await room.send(shown)).id
    return (await room.send(view=shown)).id


def pages(paths: Sequence[Path], stem: str, ground: str, ink: str) -> list[Path]:
    """All pictures in columns, as many pages as it takes; each under its name."""
    sheet, made, column, y = _blank(ground), [], 0, GAP
    for path in paths:
        with Image.open(path) as image:
            small = image.convert("RGB").resize(
                (WIDTH, image.height * WIDTH // image.width), Image.Resampling.LANCZOS
            )
        if y > GAP and y + small.height > PAGE_HEIGHT:
            column, y = column + 1, GAP
        if column == COLUMNS:
            made.append(_kept(sheet, stem, len(made) + 1))
            sheet, column = _blank(ground), 0
        x = GAP + column * (WIDTH + GAP)
        ImageDraw.Draw(sheet).text((x, y), path.stem, fill=ink)
        sheet.paste(small, (x, y + LABEL))
        y += LABEL + small.height + GAP
    return [*made, _kept(sheet, stem, len(made) + 1)]


def _blank(ground: str) -> Image.Image:
    return Image.new("RGB", (GAP + COLUMNS * (WIDTH + GAP), PAGE_HEIGHT + LABEL), ground)


def _kept(sheet: Image.Image, stem: str, number: int) -> Path:
    path = OUT / f"sheet-{stem}-{number}.png"
    sheet.save(path)
    return path


async def draw(widths: Sequence[int] = (WIDTH,)) -> list[Path]:
    """All of it; the pages that were made."""
    folder = OUT / "cards"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for width in widths:
        for stem, png in await photographed(named(cards()), width):
            (folder / f"{stem}.png").write_bytes(png)
    for stem, png in await live_sheet.photographed(WIDTH):
        (folder / f"{stem}.png").write_bytes(png)
    drawn = OUT / "charts"
    shutil.rmtree(drawn, ignore_errors=True)
    drawn.mkdir()
    for stem, png in await contact_sheet.pictures():
        (drawn / f"{stem}.png").write_bytes(png)
    return bound()


def bound() -> list[Path]:
    """All pictures that there are, on a few pages of each theme."""
    for old in OUT.glob("sheet-*.png"):
        old.unlink()
    made: list[Path] = []
    for theme, ground, ink in ((Theme.DARK, "#1e1f22", "#b5bac1"), (Theme.LIGHT, "#ccc", "#333")):
        for kind in ("cards", "charts"):
            made += pages(
                sorted((OUT / kind).glob(f"*{theme}.png")), f"{kind}-{theme}", ground, ink
            )
    return made


if __name__ == "__main__":
    for each in asyncio.run(draw()):
        print(each)  # noqa: T201 - a tool for the command line
