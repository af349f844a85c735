"""Forms that read plausibly and were once read wrongly: each as templates and the words for them.

``{x}`` in a template stands for each of the words in turn; the label says what a person
understands by every one of them, in the notation of ``labelled``.
"""

import pytest

from engine.domain.alert import Alert, EmbedText, NotAnAlert
from engine.domain.copying import replace
from engine.parsers import Thread, read
from tests.unit.parsers.labelled import DEFAULT_AT, message, outcome, profile, score

CLOSE = "STC SPY 640C 8/15 @ 2.00"
OPEN = "BTO SPY 640C 8/15 @ 1.00"
SPY = "SPY 08-15 640C"

Row = tuple[str, str, str, str | None]


def rows(
    channel: str, expected: str, template: str, words: str = "", first: str | None = None
) -> list[Row]:
    """One row for each word; the words are separated by ``|``."""
    each = words.split("|") if words else [""]
    return [(channel, expected, template.replace("{x}", word), first) for word in each]


SOMETHING_STAYS = (
    rows("options", f"close+ {SPY} @2 part=y", f"{CLOSE} {{x}}",
         "leaving 2|keeping 2|2 left|holding 1|with 1 runner|with a runner|letting 2 ride"
         "|leaving two"
         "|2 remaining|leaving runners|rest riding|2 cons left|1 contract left|one runner left"
         "|kept 1"
         "|still in 1|got 2 left|have 2 left|runner on|1 more to go|2 runners left"
         "|holding the rest")
    + rows("options", f"close+ {SPY} @2 part=y", f"{CLOSE}, {{x}}",
           "2 left|one left|two left|runner left|1 still on|letting the rest run|kept a runner")
    + rows("options", f"close+ {SPY} @2 f=0.75", f"{CLOSE}, {{x}}",
           "keeping a quarter|1/4 left|25% left|25% still on|holding 1/4|quarter left")
    + rows("options", f"close+ {SPY} @2 f=0.5", f"{CLOSE}, {{x}}",
           "keeping half|half left|still have half|50% remaining|1/2 riding|still in with half")
    + rows("options", f"close+ {SPY} @2 q=2", "STC 2 SPY 640C 8/15 @ 2.00 {x}",
           "leaving 1|, 1 left|with a runner|, half left")
    + rows("options", f"close+ {SPY} @2 f=1", "Sold {x} SPY 640C 8/15 @ 2.00",
           "my 2 left|my 2 runners|the rest of")
    + rows("options", "ask", "STC all SPY 640C 8/15 @ 2.00 {x}", "leaving 1|keeping half|2 left")
    + rows("options", "ask", f"{CLOSE}, {{x}}", "risk free now|free ride|house money now")
    + rows("options", "no order", "Sold {x} SPY 640C 8/15 @ 2.00",
         "half of my half|half my quarter")
    + rows("options", f"close+ {SPY} @2 part=y", "out @ 2.00 {x}", "leaving 1|, 1 left|, runner on",
           "BTO 4 SPY 640C 8/15 @ 1.00")
    + rows("stocks", "close+ AAPL @200 part=y", "Sold AAPL @ 200 {x}",
           "leaving 100|keeping 100|, 100 left|, 100 shares left|with 50 left|holding 25")
    + rows("stocks", "close- TSLA @200 part=y", "Covered TSLA @ 200, {x}", "50 left|leaving 50")
    + rows("futures", "close+ NQ @24850 part=y", "NQ out 24850, {x}",
           "leaving 1|1 left|holding 1 runner|runner left")
)  # fmt: skip

TICKS = (
    rows("futures", "open+ NQ @24800 sl=24790", "NQ long 24800 {x}",
         "stop 40 ticks|, 40 tick stop|risk 40 ticks|SL 40 ticks")
    + rows("futures", "open- ES @6450 sl=6452", "ES short 6450, {x}", "8 tick stop|stop 8 ticks")
    + rows("futures", "open+ CL @67.2 sl=67 pt=67.6", "CL long 67.20 {x} 20 ticks, target 40 ticks",
           "stop|SL|stop loss")
    + rows("futures", "open+ GC @3032 sl=3024", "GC long 3032 stop {x}", "80 ticks|8 pts|3024")
    + rows("futures", "open+ ZN @110.5 sl=110.375", "ZN long 110.5 stop {x}", "8 ticks")
    + rows("futures", "open+ ES ESU25 @6450 sl=6448", "ESU5 long 6450 stop {x}", "8 ticks")
    + rows("futures", "ask", "{x} stop 20 ticks", "HG long 4.50|6A long .6520|ZC long 412")
    + rows("futures", "ask", "6E long 1.1650 stop {x}", "20 pips|20 pip|20t")
    + rows("futures", "ask", "stop {x}", "8 ticks|8 tick", "ES long 6450 stop 6440")
    + rows("futures", "close+ ES f=0.5", "out half {x}", "+12 ticks|+3 pts",
         "ES long 6450 stop 6440")
)  # fmt: skip

SOLD_SHORT = (
    rows("futures", "open- ES @6450 sl=6458", "{x} 6450 stop 6458",
         "Sell ES short|Sold ES short|Selling ES short|Short ES|Sell short ES")
    + rows("stocks", "open- TSLA @220 sl=226", "{x} 220 stop 226",
           "Selling TSLA short|Sold TSLA short|Sold short TSLA|Sell short TSLA")
    + rows("stocks", "ask", "{x} @ 220", "Sell 100 TSLA short|Sold TSLA short|Sold my TSLA short")
    + rows("futures", "ask", "{x} 6450", "selling ES short|Sold my ES short|sell ES short")
    + rows("options", "ask", "{x} @ 1.00",
         "Sold SPY 640C 8/15 short|Sell short-dated SPY 640C short")
    + rows("stocks", "close- TSLA @215 f=1", "{x} TSLA short @ 215",
         "Covered|Closed|Out of|Bought back")
)  # fmt: skip

COUNT_ON_ITS_LINE = (
    rows("options", "open+ SNAP 09-19 11C q=10", "{x}\n10 SNAP 9/19 11 CALLS",
         "BOUGHT|BTO|BUY|BTO 🚨")
    + rows("options", f"close+ {SPY} q=2", "{x}\n2 SPY 640C 8/15", "STC|SOLD|SELLING|CLOSED")
    + rows("options", f"open+ {SPY} @2 q=5", "BTO\n5 SPY 640C 8/15 {x}",
         "@ 2.00|2.00|at 2|\n@ 2.00")
    + rows("options", "ask", "{x}",
         "BTO\n5\nSPY 640C 8/15|5 SPY 640C 8/15|BTO\n5\nSPY 640C 8/15\n2.00")
    + rows("stocks", "open+ AAPL q=100", "{x}\n100 AAPL", "BUY|BOUGHT|BTO")
    + rows("stocks", "close+ AAPL q=50", "{x}\n50 AAPL", "SOLD|SELL")
    + rows("futures", "open+ ES @6450 q=2 sl=6440", "{x}\n2 ES 6450 stop 6440", "LONG|BUY|BTO")
)  # fmt: skip

CENTS = (
    rows("options", f"open+ {SPY} @0.95", "BTO SPY 640C 8/15 {x}",
         "@ 95 cents|@ 95¢|for 95 cents|95 cents|@ .95 cents|@ $.95 cents|@ 95cents")
    + rows("options", f"close+ {SPY} @0.95 f=1", "STC SPY 640C 8/15 {x}", "@ 95 cents|95¢")
    + rows("stocks", "open+ SOFI @0.95", "Bought SOFI {x}", "@ 95 cents|@ 95¢")
    + rows("options", "ask", "BTO SPY 640C 8/15 {x}",
           "cost $100|$100 per contract|@ $100|@ 100|100 a contract|$95/contract|@ 95|@ $235"
           "|@ 120 cents|@ €1.05|@ 1.05€|@ £1.05|@ 1.00 SL 50 cents|@ 1.00 stop 50¢")
    + rows("options", "open+ SPX 08-15 6400C @45", "BTO SPX 6400C 8/15 {x}", "@ 45|@ $45|for 45")
    + rows("options", "open+ NVDA 2027-01-15 100C @95", "BTO NVDA 100C 1/15/27 {x}", "@ 95|for $95")
)  # fmt: skip

SAMPLES = (
    rows("options", "none", f"{{x}} {OPEN}",
         "e.g.|E.g.|e.g.:|i.e.|Ex.|ex:|Ex|like this:|alerts look like this:|such as|for instance"
         "|as follows:|in the form|type|z.B.|viz.|Example:|sample -|Format:")
    + rows("options", "none", f"({{x}} {OPEN})", "e.g.|i.e.|ex:|for example")
    + rows("stocks", "none", "{x} Bought AAPL @ 190", "e.g.|Ex.|such as|like this:")
    + rows("futures", "none", "{x} ES long 6450 stop 6440", "e.g.|Ex.|such as|like this:")
    + rows("options", f"open+ {SPY} @1", "BTO SPY {x} @ 1.00", "exp. 8/15 640C|640C exp 8/15")
)  # fmt: skip

OF_ANOTHER = (
    rows("options", "ask", "{x}", f'"{OPEN}"|“{OPEN}”|«{OPEN}»|「{OPEN}」|„{OPEN}“')
    + rows("options", "no order", "{x}",
           f'"{OPEN}" - great alert by Dan|“{OPEN}” lol ok Dan|Dan: "{OPEN}"|«{OPEN}» Dan'
           '|@dan: {OPEN}'
           f"|'{OPEN}' nice one|From Dan - {OPEN}")
    + rows("options", "no order", f"{OPEN} {{x}}",
           "- great alert by Dan|(Dan's trade)|via @dan|h/t Dan|credit to Dan|credit @dan|per Dan"
           "|from @dan|by @dan|thanks @dan|following Dan|copying Dan|with @dan|tailing dan"
           "|(Mike's alert)|courtesy of Dan|not my trade")
    + rows("options", "no order", f"{{x}} {OPEN}",
           "Friday's trade|Yesterday's trade:|this AM|from this morning|Dan's play:")
    + rows("options", f"open+ {SPY} @1", f"{{x}} {OPEN}",
           "Today's play:|Today's trade -|Let's|@Swing|@Options Alerts")
    + rows("options", f"open+ {SPY} @1", 'BTO {x} @ 1.00', '"SPY" 640C 8/15|SPY "640C" 8/15')
    + rows("stocks", "no order", "{x}", '"Bought AAPL @ 190" - Dan|"Bought AAPL @ 190"')
    + rows("futures", "no order", "{x}", '"ES long 6450 stop 6440"|“NQ short 24800” nice')
)  # fmt: skip

LATER = (
    rows("options", "no order", f"{OPEN} {{x}}",
         "on pullback|on a pullback|on dip|on dips|at the open|on the open|on a retest|on weakness"
         "|stop limit|by EOD|before the close|at the bell")
    + rows("options", "no order", "Close SPY 640C 8/15 {x}",
           "by EOD|before the close|into strength|at the open|by the close|EOD|into the close")
    + rows("options", f"open+ {SPY} @1", "{x} SPY 640C 8/15 @ 1.00 on the dip",
         "Bought|Adding|Grabbed")
    + rows("options", f"close+ {SPY} @2 f=1", "{x} SPY 640C 8/15 @ 2.00 into strength",
           "Sold|Selling|Closed")
    + rows("options", f"close+ {SPY} @2 f=1", "{x} SPY 640C 8/15 @ 2.00 before the close",
           "Sold|Closed|Exited")
    + rows("options", "ask", "BTO SPY 640C 8/15 {x}",
           "stop limit 1.00|stop @ 1.00|stop 1.00|buy stop 1.00|SL 1.00")
    + rows("stocks", "ask", "Buy AAPL {x}", "stop 190|stop limit 190|buy stop 190")
    + rows("options", "none", f"{{x}} {OPEN} ok", "is|Is|are")
    + rows("options", "none", f"{{x}} {OPEN}", "ok to|safe to|is it good to|worth buying")
)  # fmt: skip

MISFITS = (
    rows("options", "ask", "BTO {x} SPY 640C 8/15 @ 1.00", "-3|-1")
    + rows("options", "ask", "SOLD {x} SPY 640C 8/15 @ 1.00", "+3|+1")
    + rows("options", f"open+ {SPY} @1 q=3", "BOT {x} SPY 640C 8/15 @ 1.00", "+3|3")
    + rows("stocks", "no order", "Bought {x} @ 20", "$TSLA.TO|TSLA.TO|VOD.L|SAP.DE|$RY.TO|BHP.AX")
    + rows("stocks", "open+ BRK.B @490", "Bought {x} @ 490", "BRK.B|$BRK.B|BRK/B")
    + rows("stocks", "open+ AAPL @190 sl=185", "Bought AAPL @ 190.{x} 185", "Stop| Stop|SL")
    + rows("options", "ask", "BTO {x} 8/15 @ 3.00",
           "AV GO 350C|CO IN 300C|NV DA 180C|T SLA 330C|S PY 640C|AM D 180C|AAP L 230C|N VDA 180C")
    + rows("stocks", "ask", "Bought {x} @ 300", "AV GO|CO IN")
    + rows("options", "ask", "BTO {x} 8/15 @ 20", "ES 6500C|/ES 6500C|NQ 24000C|MNQ 24000C|/CL 70C")
    + rows("options", "open+ ES 08-15 65C @2", "BTO ES 65C 8/15 {x}", "@ 2|@ 2.00")
    + rows("stocks", "ask", "{x} @ 64000", "sell half BTC|Bought BTC")
    + rows("options", "ask", "{x} @ 5.00", "BTC|buy back|bought to cover", OPEN)
    + rows("options", "ask", "{x} .80", "sold|STC|selling",
         "STO IWM 8/15 200/195 put credit spread @ 1")
    + rows("options", "ask", "{x}", "STC SPY 640C 8/15 @ 2 half, QQQ 570C 8/15 @ 3"
           "|BUY\nContract: SPY 8/15 640C\nContract: SPY 8/15 645C\nPrice: 1.00")
)  # fmt: skip

MOVED_TO_ENTRY = (
    rows("options", f"close+ {SPY} f=0.5 sl=BE", "sold half, {x}",
         "stop to breakeven|stp to breakeven|moved to breakeven|BE now|sl BE|stop to BE"
         "|sstop to breakeven", OPEN)
    + rows("options", "ask", "sold half, {x} to breakeven", "stxp", OPEN)
    + rows("options", f"close+ {SPY} f=0.5", "sold half {x}", "at breakeven|@ breakeven", OPEN)
    + rows("futures", "close+ ES f=0.5 sl=BE", "half off, {x}", "BE now|stop BE|SL to BE",
           "ES long 6450 stop 6440")
)  # fmt: skip

NUMBERS_OF_REMARKS = (
    rows("stocks", "close+ NVDA f=0.5 sl=180", "sold half NVDA, {x} 180",
         "stop moved to|stops moved up to|stop now|stop at|mental stop|mental stop at"
         "|hard stop in at"
         "|stop is in at|tight stop at|soft stop|stop moved")
    + rows("futures", "close+ ES f=0.5 sl=6450", "out half, {x} 6450",
           "stop moved to|stop now|mental stop at|stop in at", "ES long 6450 stop 6440")
    + rows("futures", "update NQ sl=23890", "NQ {x} 23890", "stop moved to|stop to|stops moved to")
    + rows("stocks", "ask", "{x}",
         "Bought NVDA, support 180|Bought NVDA, vwap 180|Bought NVDA, 180 vwap"
           "|Bought NVDA, gap fill 180|Bought NVDA off 180 support|sold half NVDA, 180 support"
           "|Bought NVDA, 50 ema at 180|sold half NVDA, support at 180")
    + rows("futures", "ask", "ES long, {x}", "vwap 6445|support 6445|support at 6445|6445 support")
    + rows("options", "ask", "BTO NVDA 185C 8/15{x}",
           ", vwap 182.5|, support 180| NVDA 182.5| stock at 182.5| with NVDA at 182.5"
           "|, mental stop 180")
    + rows("options", "open+ NVDA 08-15 185C @1.2", "BTO NVDA 185C 8/15 @ 1.20, {x}",
           "support 180|vwap at 182.5|support at 180|180 support|above vwap")
    + rows("options", "open+ NVDA 08-15 185C @1.2", "BTO NVDA 185C 8/15 {x}",
           "off vwap @ 1.20|vwap bounce 1.20|off support 1.20|at support @ 1.20|1.20 vwap bounce")
)  # fmt: skip

ONCE_MISSED = (
    rows("options", f"open+ {SPY} @3.5", "{x} @ 3.50",
         "adding here|adding|double|doubling|add here|doubled down", OPEN)
    + rows("options", f"close+ {SPY} f=1", "SPY 640C 8/15 {x}",
           "SL triggered|stop triggered|stopped out|stop hit|SL hit")
    + rows("futures", "open+ ES @6450 sl=6440", "{x} long 6450 stop 6440", "ES1!|/ES|ES|es1!")
    + rows("futures", "open- MNQ @24800 sl=24850", "{x} short 24800 SL 24850", "MNQ1!|MNQ")
    + rows("futures", "no order", "{x} long 6450 stop 6440", "ES2!|NQ2!")
    + rows("stocks", "open+ PLTR @82.5 q=200 sl=80", "{x} 200 pltr 82.5 sl 80",
         "bot|Bot|BOT|bought")
)  # fmt: skip

SLIPS = (
    rows("options", f"close+ {SPY} @2 f=1", "{x} SPY 640C 8/15 @ 2.00",
         "Solld|solld|SOOLD|Selll|Closedd|Closign|Exitted|sodl|Slod|Exitd|Sokd|seell|Dumpped")
    + rows("options", f"open+ {SPY} @2", "{x} SPY 640C 8/15 @ 2.00",
           "Bougth|BOUHGT|Boought|boufht|Bougt|Entred|Enterred|Grabbbed|Addded|Openning")
    + rows("options", f"open+ {SPY} @2", "Bought SPY 8/15 640 {x} @ 2.00",
           "clals|cals|callls|caals|caalls|cslls|cll|calld|CALLLS")
    + rows("options", "open+ SPY 08-15 640P @2", "Bought SPY 8/15 640 {x} @ 2.00",
           "ptus|puuts|putts|pust|pus|pits")
    + rows("options", f"open+ {SPY} @2 sl=1.4", "BTO SPY 640C 8/15 @ 2.00 {x} 1.40",
           "stopp|stoop|sotp|stpo|syop|Stopp")
    + rows("options", f"open+ {SPY} @2 sl=1.4 pt=3", "BTO SPY 640C 8/15 @ 2.00 SL 1.40 {x} 3.00",
           "targt|targget|tarrget|tatget|traget|Targte")
    + rows("futures", "open+ ES @6450 sl=6440", "ES {x} 6450 stop 6440",
           "lonng|loong|lonf|logn")
    + rows("futures", "open- ES @6450 sl=6458", "ES {x} 6450 stop 6458",
           "shrt|shrot|shorrt|shory")
    + rows("futures", "open+ ES @6450 sl=6440", "ES {x} 6450 STOP 6440", "LOONG|LONNG")
    + rows("futures", "close+ ES @6455 f=1", "{x} here 6455", "flaat|fllat|flst|stoppped out",
           "ES long 6450 stop 6440")
    + rows("futures", "close+ ES @6455 f=0.5", "{x} 6455", "hlf off|haalf off|sold hlf|trimed half"
           "|trimmng half|trim haf", "ES long 6450 stop 6440")
)  # fmt: skip

SLIPS += rows("stocks", "open+ AAPL @190 q=50", "Bought 50 {x} of AAPL at 190",
              "sharees|sahres|shars|shares")  # fmt: skip

NO_SLIPS = tuple(
    row
    for name in ("HLF", "TGTX", "LOTZ", "STRL", "TRMB", "HALO", "FLT", "LNG", "RST", "ENTG", "CLSK")
    for row in (
        *rows("options", f"open+ {name} 08-15 25C @1", "{x} 8/15 @ 1.00",
              f"BTO {name} 25C|Bought {name} $25 calls|BOUGHT {name} 25C"),
        *rows("options", f"open+ {SPY} @1 + open+ {name} 08-15 25C @2", "{x}",
              f"BTO SPY 640C 8/15 @ 1.00\nBTO {name} 25C 8/15 @ 2.00"),
        *rows("stocks", f"open+ {name} @20", f"Bought {name} @ 20"),
    )
)  # fmt: skip
"""Tickers that look like a slip of an order word."""

NAMED_MONTHS = (
    rows("options", "open+ SPY 09-10 640C @1", "BTO SPY 640C {x} @ 1.00",
           "Sep 10|Sep10|Sept 10th|10 Sep|10SEP|September 10")
    + rows("options", "open+ SPY 2026-03-04 640C @1", "BTO SPY 640C {x} @ 1.00",
           "Mar 4|March 4th|4 Mar|Mar4")
)  # fmt: skip

ODD_LETTERS = (
    rows("options", f"open+ {SPY} @1", "{x} SPY 640C 8/15 @ 1.00",
         "𝐁𝐓𝐎|ＢＴＯ|bou\u0308ght|b\u00f2ught")
    + rows("options", "ask", "{x} SPY 640C 8/15 @ 1.00",
           "ⒷⓉⓄ|ⓑⓣⓞ|ʙᴏᴜɢʜᴛ|🄱🅃🄾|ВТO|BTО|Воught|Bοught|ΒΤΟ")
    + rows("options", "ask", "BTO {x} 8/15 @ 1.00", "SРY 640C|ЅPY 640C|SPY 640С|SPΥ 640C")
    + rows("options", "none", f"{{x}} you {OPEN}", "Ⓦⓞⓤⓛⓓ|ᴡᴏᴜʟᴅ|𝐖𝐨𝐮𝐥𝐝|Wоuld|Wοuld")
    + rows("stocks", "none", "{x} buy SOFI again around 13", "Ⓦⓞⓤⓛⓓ|Wоuld|Ẃould|Would")
    + rows("options", "ask", "BTO SPY 640C {x} Friday @ 1.00", "ñext|nex\u0301t|next|(next)|next,"
           "|next -|[next]|next\n|**next**|NEXT")
    + rows("options", "ask", "BTO SPY 640C {x} @ 1.00",
           "next [Friday]|next (friday)|next - Friday|next/Friday|nxt friday"
           "|nexxt Friday|next Firday")
    + rows("options", "ask", OPEN.replace("@ 1.00", "{x}"), "'25|’25")
    + rows("options", f"open+ {SPY} @1", "{x}",
           f"\u2068{OPEN}\u2069|\u202a{OPEN}\u202c|\u2066{OPEN}\u2069|{OPEN}\u200e"
           f"|\u200f{OPEN}|{OPEN}\u200f")
    + rows("options", "ask", "{x}", f"\u202e{OPEN}|BTO\u200f {OPEN[4:]}|\u2067{OPEN}\u2069")
)  # fmt: skip

ADORNED = (
    rows("options", f"open+ {SPY} @1 sl=0.7", "BTO SPY 640C 8/15 {x}",
         "@ [1.00] SL (0.70)|@ [1.00] (SL) 0.70|@ 1.00 [stop]: 0.70|@ 1.00 SL: (0.70)"
         "|at [$1.00] sl (.70)")
    + rows("options", "ask", "BTO SPY 640C 8/15 {x}", "@ (1.00)")
    + rows("futures", "open+ ES @6450 sl=6440", "ES long 6450 {x}",
           "stop (6440)|(stop) 6440|[SL] 6440|SL [6440]")
    + rows("options", f"open+ {SPY} @1", "BTO SPY 640 c {x}",
           "Aug 15 @ 1.00|8/15 @ 1.00|15 Aug @ 1.00|2025-08-15 at 1")
    + rows("options", f"open+ {SPY} @1", "BTO 8/15 SPY 640 {x}", "c @ 1.00|c at 1.00|c for 1.00")
)  # fmt: skip

HEADED = (
    rows("options", "no order", "{x}\n- SPY 640C 8/15 (2.15)\n- QQQ 570C 8/15 (0.95)",
         "Openpositions:|Mypositons|Currentholds:|Opne positions|Portfoliio:")
    + rows("stocks", "no order", "BOUGHT 50 SHARES {x} AT 1042", "OF COST|IN COST|FROM COST")
    + rows("futures", "open+ ES @6450 q=2", "BTO 2 /ES @ 6450 {x}", "🚨|🚨🚨🚨")
    + rows("futures", "ask", "{x} ES long 6450", "🚨|🚨🚨")
    + rows("stocks", "no order", "{x}", "HAKF out|HLAF out|Hakf out|HAALF off")
    + rows("stocks", "close+ AAPL f=1", "{x}", "AAPL out")
    + rows("options", "ask", "trim {x}", "1 - 1.45|2-2.10|1 – 1.45", OPEN)
)  # fmt: skip

FORMS = {
    name.lower(): made for name, made in list(globals().items())
    if name.isupper() and isinstance(made, list | tuple)
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_every_word_of_a_form_is_read_as_a_person_understands_it(name: str) -> None:
    wrong = []
    for channel, expected, text, first in FORMS[name]:
        found = score(expected, outcome(channel, text, DEFAULT_AT, first))
        if found.verdict not in ("exact", "ok"):
            wrong.append(f"{found.verdict}: {text!r} is {found.got}, not {expected}")
    assert not wrong, "\n".join(wrong)


# --- threads --------------------------------------------------------------------------------------

ENTRY = "BTO 4 SPY 640C 8/15 @ 1.00"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"~~{ENTRY}~~", f"cancel {SPY}"),
        ("BTO 4 SPY 640C 8/15 @ 1.10", f"open+ {SPY} @1.1 q=4"),
        ("BTO 4 SPY 645C 8/15 @ 1.00 (edit: strike fixed)", "open+ SPY 08-15 645C @1 q=4"),
        (f"{ENTRY} closed @ 1.50", "no order"),
        (f"{ENTRY} - stopped", "no order"),
    ],
)
def test_an_edit_is_read_by_its_new_text(text: str, expected: str) -> None:
    thread = Thread()
    thread.remember(1, read(message(ENTRY), profile("options"), thread))
    found = score(expected, read(message(text, edit_no=1), profile("options"), thread))
    assert found.verdict in ("exact", "ok"), found.got


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, f"open+ {SPY} @1"),
        ({"Analyst": "Mike"}, f"open+ {SPY} @1"),
        ({"Trader": "He who buys"}, f"open+ {SPY} @1"),
        ({"Status": "Open"}, f"open+ {SPY} @1"),
        ({"Status": "Pending"}, "no order"),
        ({"Status": "Cancelled"}, "no order"),
    ],
)
def test_a_form_may_say_who_posts_it(fields: dict[str, str], expected: str) -> None:
    said = {"Ticker": "SPY", "Strike": "640C", "Exp": "8/15", "Entry": "1.00", **fields}
    embed = EmbedText(title="BTO", fields=tuple(said.items()))
    found = score(expected, _read(message("", embeds=(embed,))))
    assert found.verdict in ("exact", "ok"), found.got


def test_one_contract_at_two_prices_in_one_message_is_asked_about() -> None:
    embed = EmbedText(description="BTO SPY 640C 8/15 @ 1.10")
    assert score("ask", _read(message(OPEN, embeds=(embed,)))).verdict == "ok"


# --- payloads, embeds, hours ----------------------------------------------------------------------


@pytest.mark.parametrize("value", ['"abc"', '"NaN"', "NaN", '"ten"', "true", '"n/a"', "Infinity"])
@pytest.mark.parametrize("key", ["price", "quantity", "limitPrice", "stopLoss"])
def test_a_payload_with_a_word_for_a_number_is_not_traded(key: str, value: str) -> None:
    text = f'{{"ticker":"AAPL","action":"buy","{key}":{value}}}'
    parsed = outcome("stocks", text)
    assert isinstance(parsed, NotAnAlert) or parsed.needs_human


@pytest.mark.parametrize("key", ["dryRun", "dry_run", "test", "isTest", "paper", "paper_trade"])
@pytest.mark.parametrize("value", ["true", "1", '"yes"', "false"])
def test_a_payload_that_is_only_tried_out_is_no_order(key: str, value: str) -> None:
    text = f'{{"ticker":"AAPL","action":"buy","price":190,"quantity":10,"{key}":{value}}}'
    parsed = outcome("stocks", text)
    assert isinstance(parsed, Alert) == (value == "false")


@pytest.mark.parametrize(
    "fence", ["{}", "```{}```", "```yaml\n{}\n```", "```\n{}```", "\n{}\n", "**{}**"]
)
def test_the_value_of_a_field_may_stand_in_a_block(fence: str) -> None:
    said = {"Ticker": "SPY", "Strike": "640", "Type": "CALL", "Exp": "8/15", "Price": "$1.00"}
    fields = tuple((name, fence.format(value)) for name, value in said.items())
    found = score(
        f"open+ {SPY} @1", _read(message("", embeds=(EmbedText(title="BTO", fields=fields),)))
    )
    assert found.verdict in ("exact", "ok"), found.got


@pytest.mark.parametrize("footer", ["EXAMPLE ONLY", "Test alert", "Demo", "Paper trading"])
def test_a_footer_may_say_that_it_is_an_example(footer: str) -> None:
    said = message("", embeds=(EmbedText(description=OPEN, footer=footer),))
    assert isinstance(_read(said), NotAnAlert)


@pytest.mark.parametrize(
    "footer",
    [
        "Twinsight",
        "Not financial advice",
        "Educational use only",
        "Not financial advice. Simulated and live results differ.",
        "Practice makes perfect",
        "Stress test your plan",
        "",
    ],
)
def test_other_footers_change_nothing(footer: str) -> None:
    said = message("", embeds=(EmbedText(description=OPEN, footer=footer),))
    assert score(f"open+ {SPY} @1", _read(said)).verdict == "exact"


@pytest.mark.parametrize("tail", ["0 left", "leaving 0", "0 remaining"])
def test_none_left_means_all_of_it(tail: str) -> None:
    parsed = outcome("stocks", f"Sold AAPL @ 190, {tail}")
    assert isinstance(parsed, Alert)
    (signal,) = parsed.signals
    assert not parsed.needs_human
    assert (signal.fraction, signal.is_partial) in ((1, False), (None, False))


@pytest.mark.parametrize("tail", ["keep the profit", "keep the gains", "letting it go"])
def test_what_is_kept_is_only_a_part_when_it_is_a_count_or_a_thing(tail: str) -> None:
    parsed = outcome("stocks", f"Sold AAPL @ 190, {tail}")
    assert isinstance(parsed, Alert)
    assert parsed.needs_human or not parsed.signals[0].is_partial


def test_a_webhooks_own_embed_beside_a_link_is_its_own() -> None:
    own = (EmbedText(title="Alert", description=OPEN),)
    said = replace(message("https://charts.example/1", embeds=own), webhook_id=5)
    assert score(f"open+ {SPY} @1", _read(said)).verdict == "exact"


def test_the_preview_of_a_link_is_anothers_words() -> None:
    preview = (EmbedText(title="Dan on X", description="BTO QQQ 570C 8/15 @ 2.00"),)
    alone = _read(message("https://x.com/dan/status/1", embeds=preview))
    assert isinstance(alone, Alert)
    assert alone.needs_human
    own = _read(message(f"{OPEN} https://x.com/dan/status/1", embeds=preview))
    assert score(f"open+ {SPY} @1", own).verdict == "exact"


@pytest.mark.parametrize("when", ["0DTE", "8/12", "today"])
@pytest.mark.parametrize("at", ["2025-08-12T15:59:59-04:00", "2025-08-13T01:30:00+02:00"])
def test_today_is_the_day_of_the_message_in_new_york(when: str, at: str) -> None:
    """Whether its session is over is for the desk: it refuses the entry then."""
    found = score("open+ SPY 08-12 640C @0.4", outcome("options", f"BTO SPY 640C {when} @ .40", at))
    assert found.verdict in ("exact", "ok"), found.got


def _read(said):
    return read(said, profile("options"))
