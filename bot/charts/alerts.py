"""How far the alerts of a time got: one bar per step, as wide as many got there."""

from typing import Any

from engine.reports.alert_stats import AlertStats


def pack(report: AlertStats) -> dict[str, Any]:
    """What is drawn, as plain values."""
    return {
        "title": f"Alerts of {report.days} days",
        "value": f"{report.funnel[-1][1]} filled",
        "detail": f"{report.funnel[0][1]} received",
        "names": tuple(name for name, _ in report.funnel),
        "counts": tuple(n for _, n in report.funnel),
        "is_synthetic": report.stamp.is_synthetic,
    }


EXAMPLE: dict[str, Any] = {
    "title": "Alerts of 7 days",
    "value": "9 filled",
    "detail": "23 received",
    "names": ("received", "parsed", "routed", "filled"),
    "counts": (23, 19, 11, 9),
    "is_synthetic": True,
}


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    from matplotlib.collections import PolyCollection

    from bot.charts import _canvas as c

    page = c.sheet("alerts", theme)
    colours = page.palette
    if data["is_synthetic"]:
        page.strip()
    page.heading(data["title"], data["value"], colours.ink, data["detail"])
    counts = data["counts"]
    if not counts or not counts[0]:
        page.middle("no alerts")
        return page.png()
    axes = page.panel(0.20, 0.10, 0.60, 0.70)
    n, most = len(counts), float(max(counts))
    axes.set_xlim(0, most)
    axes.set_ylim(n, 0)
    box = axes.get_position()
    for at, (name, count) in enumerate(zip(data["names"], counts, strict=True)):
        shape = [(0, at + 0.18), (count, at + 0.18), (count, at + 0.82), (0, at + 0.82)]
        tint = colours.good if at == n - 1 else colours.third
        axes.add_collection(PolyCollection([shape], facecolors=tint, linewidths=0))
        y = box.y1 - (at + 0.5) / n * box.height
        page.words(box.x0 - 0.012, y, name, ha="right", va="center", colour=colours.ink)
        x = box.x0 + count / most * box.width + 0.01
        said = f"{count}" if at == 0 else f"{count} · {count / counts[0] * 100:.0f}%"
        page.words(x, y, said, va="center", colour=colours.ink, bold=True)
    return page.png()
