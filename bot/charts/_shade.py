"""Colours between colours, for pictures that say with a shade how much."""


def mix(a: str, b: str, share: float) -> str:
    """``share`` 0: the first, 1: the second."""
    share = min(max(share, 0.0), 1.0)
    parts = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (a, b)]
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in zip(*parts, strict=True))


def ink_on(colour: str) -> str:
    """Black or white, whichever can be read on it."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#060607" if red * 0.299 + green * 0.587 + blue * 0.114 > 140 else "#ffffff"
