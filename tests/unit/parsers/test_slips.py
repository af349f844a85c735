"""Slips of the finger: read as what was meant where only one thing can be, else asked about.

Written as ``test_forms`` is: ``{x}`` stands for each of the words.
"""

import pytest

from tests.unit.parsers.labelled import outcome, score
from tests.unit.parsers.test_forms import OPEN, SPY, rows
from tests.unit.parsers.test_read import asked

CODES = (
    rows("options", f"open+ {SPY} @1", "{x} SPY 640C 8/15 @ 1.00", "TBO|BTTO|BBTO|btto")
    + rows("options", f"open+ {SPY} @1 q=2", "{x} 2 spy 640c 8/15 @ 1.00", "tbo|BTOO")
    + rows("options", f"close+ {SPY} @2 f=1", "{x} SPY 640C 8/15 @ 2.00", "STTC|SCT|TSC|stcc")
    + rows("options", "close- TGT 08-15 94C @1 q=3", "{x} 3 TGT 94C 8/15 @ 1.00", "BCT|btcc")
    + rows("options", "ask", "{x} 25C 8/15 @ 1.00", "TBO|BTTO|STTC")
    + rows("options", "ask", "SPY 640C 8/15 @ 1.00 {x}", "TBO|BTTO")
)

TWO_VERBS = (
    rows("options", "ask", "{x} SPY 640P 8/15 @ 1.00", "Wxiting|wxiting")
    + rows("futures", "no order", "{x} for CL 65.60 to go long", "Eaiting|Waiting")
    + rows("options", "ask", "Took {x} on SPY 640C 8/15 @ 1.00", "poits|pionts")
    + rows("stocks", "ask", "$ASTS {x} at 47.74 all out", "stoppe")
    + rows("options", "ask", f"{OPEN} {{x}}", "scalo")
)

NAMES = (
    rows("options", "ask", "BTO {x} @ 1.00 nffa", "LMT 480C 8/15|IT 243C 8/15")
    + rows("options", "ask", "Sold 3 {x} 35C 8/15 ogr 1.04", "BE|ALL|ON")
    + rows("options", "ask", "SOLD {x} ALL 197 CALLS 8/15 @ 1.06", "RWST|RESR|RET")
    + rows("options", "ask", "{x}: LMT 465P 8/15 @ 0.67", "WXTI|EXXIT|ENTRY ALRT")
    + rows("options", "ask", "AOLD 1/2 {x} 8/15 49 puts @ 4.71", "ON")
    + rows("options", "ask", f"{OPEN}\nBTO {{x}} 465C 8/15 @ 0.66", "lmt|now|be|open")
    + rows("options", f"open+ {SPY} @1 + open+ SPY 08-15 645C @0.66",
           f"{OPEN}\nBTO {{x}} 645C 8/15 @ 0.66", "some|the")
    + rows("options", f"open+ {SPY} @1", "{x} SPY 640C 8/15 @ 1.00", "BUY THE|BUY SOME|BTO")
    + rows("options", f"close+ {SPY} @2 f=1", "STC {x} SPY 640C 8/15 @ 2.00", "all|ALL")
    + rows("stocks", "open+ CAR @113.06 q=25", "Picked up 25 {x} at 113.06", "CAR|CAR shares")
    + rows("stocks", "open- SBUX @92.62 q=50 sl=98.18", "Short 50 SBUX @ 92.62, {x} 98.18",
           "SSTOP|stop|Sstop")
)  # fmt: skip

LABELS_AND_DATES = (
    rows("futures", "open+ MES @6462 sl=6454.25 pt=6474", "MES long 6462 / stop 6454.25 {x} 6474",
         "/tp|/ tp|/TP")
    + rows("futures", "ask", "long /{x} 6462 stop 6454", "ABC|XYZ")
    + rows("options", "ask", "BTO SPY 640C {x} Friday @ 1.00", "next|net|text|nxet")
    + rows("options", f"open+ {SPY} @1", "BTO SPY 640C {x} Friday @ 1.00", "this|exp")
)  # fmt: skip

ADORNED = rows(
    "futures", "open+ ES @6462 sl=6454 pt=6474", "ES long 6462\n{x}: 6454\nTarget: 6474",
    "St\u0331op|S\u0332t\u0332o\u0332p\u0332|Sto\u034fp|Stop\u0308",
)  # fmt: skip

SHORT_AND_FIRST = (
    rows("options", f"close+ {SPY} @2 f=1", "Sold {x} rest SPY 640C 8/15 @ 2.00", "teh|hte|thhe")
    + rows("options", f"open+ {SPY} @1", "BTO SPY 640C 8/15 {x} 1.00", "ofr|forr|fro")
    + rows("options", "open+ OTU 08-15 25C @1", "BTO {x} 25C 8/15 @ 1.00", "OTU|otu")
    + rows("options", f"open+ {SPY} @1 pt=2", "BTO SPY 640C 8/15 @ 1.00 {x} 2", "rarget|arget")
    + rows("options", f"open+ {SPY} @1", "BTO SPY 640C {x} @ 1.00", "eekly|qeekly")
    + rows("options", f"open+ {SPY} @1", "{x} SPY 640C 8/15 @ 1.00", "vought|Vought")
    + rows("options", "no order", "{x} up SPY 640C 8/15 @ 1.00", "Pocked")
    + rows("stocks", "no order", "AAPL {x} at 230", "topped|opped")
    + rows("options", f"close+ {SPY} @2 f=0.5", "Sold {x} SPY 640C 8/15 \ufe6b 2.00",
           "\u210e\U0001d44e\U0001d459\U0001d453|half")
)  # fmt: skip

GROUPS = {
    "short and first": SHORT_AND_FIRST,
    "codes": CODES, "two verbs": TWO_VERBS, "names": NAMES, "labels and dates": LABELS_AND_DATES,
    "adorned": ADORNED,
}  # fmt: skip


@pytest.mark.parametrize("name", GROUPS)
def test_a_slip_is_read_as_what_it_can_only_mean_or_asked_about(name: str) -> None:
    found = [(row, score(row[1], outcome(row[0], row[2], first=row[3]))) for row in GROUPS[name]]
    wrong = [f"{row[2]!r}: {one.verdict}: {one.got}, not {row[1]}" for row, one in found
             if one.verdict not in ("exact", "ok")]  # fmt: skip
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("first", "reply"),
    [
        ("Xbuy 2 spy 640c 8/15 @ 1.00", "out @ 2.00"),
        ("Took MNQ shirt at 21991.50, stop at 22010", "out 21950"),
        ("🚨MNQ KONG 21991.50:A\nSTO:21943.50", "flat the rest 22070"),
    ],
)
def test_what_was_not_understood_of_an_alert_is_not_inherited_by_a_reply(
    first: str, reply: str
) -> None:
    room = "futures" if "MNQ" in first else "options"
    assert asked(outcome(room, reply, first=first))
