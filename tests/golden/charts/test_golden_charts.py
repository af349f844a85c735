"""Every chart as a picture: right size, right colours, not blank, and as last looked at.

After a wanted change look at the new pictures (``make sheet``), then take them
over with ``python -m tests.golden.charts.test_golden_charts``.
"""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bot.charts import Theme
from tests.contact_sheet import pictures

HERE = Path(__file__).parent
TOLERANCE = 2.0
"""Root mean square over all pixels and channels, as matplotlib's compare_images has it."""
KEPT = (
    "pnl-12",
    "pnl-60",
    "pnl-empty",
    "replay",
    "trade-open",
    "trade-stopped",
    "candles-four",
    "candles-year",
    "compare-four",
    "payoff-spread",
    "sectors-mine",
    "metrics-ill",
    "quality",
    "correlation",
    "risk-heatmap",
    "stress-spy-10",
)
GROUND = {"dark": (43, 45, 49), "light": (242, 243, 245)}
GOOD = {"dark": (47, 191, 113), "light": (18, 132, 74)}
BAD = {"dark": (240, 87, 91), "light": (197, 40, 45)}
WARN = (240, 178, 50)


@pytest.fixture(scope="module")
def drawn() -> dict[str, bytes]:
    import asyncio

    return dict(asyncio.run(pictures()))


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"), dtype=np.int16)


def share(image: np.ndarray, colour: tuple[int, int, int], slack: int = 12) -> float:
    """Part of the picture in (about) this colour."""
    return float((np.abs(image - np.array(colour)).max(axis=2) <= slack).mean())


@pytest.mark.parametrize("theme", list(Theme))
@pytest.mark.parametrize("stem", KEPT)
def test_looks_as_it_did_when_somebody_looked(drawn, stem, theme):
    new, old = pixels(drawn[f"{stem}-{theme}"]), pixels((HERE / f"{stem}-{theme}.png").read_bytes())
    assert new.shape == old.shape
    assert np.sqrt(np.mean((new - old) ** 2.0)) <= TOLERANCE


def test_every_picture_has_its_size_its_ground_and_something_on_it(drawn):
    assert len(drawn) >= 20
    for name, png in drawn.items():
        image = pixels(png)
        theme = name.rsplit("-", 1)[1]
        assert image.shape == (600, 960, 3), name
        assert len(png) < 60_000, name
        ground = share(image, GROUND[theme], 3)
        assert 0.3 < ground < 0.995, name


@pytest.mark.parametrize("theme", list(Theme))
def test_profit_is_green_and_loss_is_red(drawn, theme):
    one = pixels(drawn[f"pnl-1-{theme}"])
    assert share(one, GOOD[theme]) > 0.002
    assert share(one, BAD[theme]) == 0
    losing = pixels(drawn[f"pnl-60-{theme}"])
    assert share(losing, BAD[theme]) > 0.002


@pytest.mark.parametrize("theme", list(Theme))
def test_made_up_prices_are_marked_along_the_foot(drawn, theme):
    marked = pixels(drawn[f"pnl-12-{theme}"])
    assert share(marked[570:], WARN) > 0.7
    real = pixels(drawn[f"pnl-60-{theme}"])
    assert share(real[570:], WARN) == 0


def test_two_drawings_of_one_report_are_the_same_bytes(drawn):
    import asyncio

    again = dict(asyncio.run(pictures()))
    assert again == drawn


if __name__ == "__main__":
    import asyncio

    for name, png in asyncio.run(pictures()):
        if name.rsplit("-", 1)[0] in KEPT:
            (HERE / f"{name}.png").write_bytes(png)
