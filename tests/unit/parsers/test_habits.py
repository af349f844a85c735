"""Habits of other authors and rooms: each as templates and the words for them.

Written as ``test_forms`` is: ``{x}`` stands for each of the words, and the label says what a
person understands by every one of them.
"""

import pytest

from engine.domain.alert import Alert, EmbedText
from engine.parsers import read
from tests.unit.parsers.labelled import message, outcome, profile, score
from tests.unit.parsers.test_forms import CLOSE, OPEN, SPY, rows

COUNTS_IN_LETTERS = (
    rows("options", f"open+ {SPY} @1 q=2", "BTO {x} 640C 8/15 @ 1.00", "two SPY|two $SPY|2 SPY")
    + rows("options", f"close+ {SPY} @2 q=3", "STC {x} SPY 640C 8/15 @ 2.00",
           "three|three contracts|three contracts of")
    + rows("options", f"open+ {SPY} @1 q=4", f"{OPEN}, {{x}}",
           "four contracts|four cons|4 contracts")
    + rows("options", f"close+ {SPY} @2 f=0.67", "STC {x} SPY 640C 8/15 @ 2.00", "two thirds of")
    + rows("options", f"close+ {SPY} @2 part=y", f"{CLOSE}, {{x}}",
           "one contract left|leaving two contracts")
    + rows("options", f"close+ {SPY} @2 f=0.5", "STC {x} SPY 640C 8/15 @ 2.00",
           "50 percent|50 pct|50%|50 percent of my")
    + rows("options", f"close+ {SPY} @2 part=y", "Sold {x} SPY 640C 8/15 @ 2.00",
           "all but one|all but a few|all but 1")
    + rows("options", f"open+ {SPY} @1 q=2", "{x} BTO SPY 640C 8/15 @ 1.00", "2️⃣ contracts")
)  # fmt: skip

NUMBERED_LINES = (
    rows("options", f"open+ {SPY} @1", "{x}BTO SPY 640C 8/15 @ 1.00", "1) |1. |1️⃣ |2) ")
    + rows("options", f"open+ {SPY} @1 + open+ QQQ 08-15 570C @1.1",
           "{x}) BTO SPY 640C 8/15 @ 1.00\n2) BTO QQQ 570C 8/15 @ 1.10", "1")
    + rows("options", "ask", "BTO\n{x}\nSPY 640C 8/15 @ 1.00", "5|5)")
)  # fmt: skip

STRIKES_AND_DATES = (
    rows("options", f"open+ {SPY} @1", "BTO SPY {x} @ 1.00",
         "C640 8/15|call 640 8/15|Call 640 Aug 15|640-call 8/15|640-C 8/15|640 c 8/15|640 cals 8/15"
         "|640 clls 8/15|640C Aug-15|640C Aug15'25|8/15 640 callls")
    + rows("options", "open+ SPY 08-15 640P @1", "BTO SPY {x} @ 1.00",
           "P640 8/15|put 640 8/15|640 ptus 8/15|640-put 8/15|640 p 8/15")
    + rows("options", "open+ SPY 08-12 640C @1", "BTO SPY 640C {x} @ 1.00", "0-dte|0DTE|0 DTE")
    + rows("options", f"open+ {SPY} @1", "{x} @ 1.00",
           "SPY C640 8/15|SPY Call 640 8/15|BTO O:SPY250815C00640000")
    + rows("options", "ask", "BTO SPY 640C {x} @ 1.00", "Aug-27|Jan-26|Sep-30")
    + rows("options", "no order", "{x}", "SPY calls 3 @ 1.12 8/15|SPY calls 12 8/15 @ 1.12")
)  # fmt: skip

TICKERS_THAT_ARE_WORDS = (
    rows("options", "ask", "BTO SPY 640C 8/15 @ 1, {x} 25C 8/15 @ 2", "SO|ON|GO|ALL|IT")
    + rows("options", f"open+ {SPY} @1 + open+ SPY 08-15 645C @2",
           "BTO SPY 640C 8/15 @ 1 {x} 645C 8/15 @ 2", "AND|and|plus|+")
    + rows("options", "close+ OPEN 08-15 8C @0.6 f=1", "{x} OPEN 8C 8/15 @ .60", "STC|Sold|SOLD")
    + rows("options", "open+ LOW 08-15 240C @3.1", "{x}LOW 8/15/2025 240C @ 3.10",
           "ENTRY: |BTO |Bought |")
    + rows("options", "open+ BE 08-15 45C @2.2", "{x} 2.20",
           "BTO BE 45C 8/15 @|BE 45 calls 8/15 @|New position: BE 45 calls 8/15,")
    + rows("options", "close+ BE 08-15 45C @2.2 f=0.5", "{x} BE 45C 8/15 2.20",
           "Taking half off|Sold half|STC 1/2")
    + rows("options", f"update {SPY} sl=BE", "{x}", "SPY 640C 8/15 SL TO BE|SPY 640C 8/15 STOP BE")
    + rows("options", "no order", "{x}", "STOP TO BE 640C 8/15|OPEN 1/2 SPY 640C 8/15 @ 1.00"
           "|LOW OF DAY 640 CALLS 8/15 @ 1.00")
    + rows("options", "open+ F 08-15 12C @0.72", "Entered F {x} 12C avg 0.72", "8-15|8/15|Aug 15")
    + rows("options", f"open+ {SPY} @4.08", "BTO SPY 640C {x} 4.08", "8-15|8/15")
)  # fmt: skip

LEVELS = (
    rows("options", f"open+ {SPY} @1 sl=0.8 pt=1.5", "BTO SPY 640C 8/15 {x}",
         "@ 1.00 sl.80 tp1.5|@1.00SL.80 TP 1.5|1.00 sl0.8 tp1.50|@ 1.00 S/L .80 T/P 1.50")
    + rows("options", f"open+ {SPY} @1 pt=50%", f"{OPEN} {{x}}", "PT +50%|TP +50%|PT 50%")
    + rows("options", f"open+ {SPY} @1 sl=0.8", f"{OPEN}, {{x}}",
           "stop below 0.80|stop on a close below .80|stop under .80|SL if under 0.80")
    + rows("options", f"open+ {SPY} @1 under=635", f"{OPEN}, stop {{x}}",
           "below SPY 635|under 635 SPY|below 635 on SPY")
    + rows("options", "ask", f"{OPEN}, stop {{x}}", "below 635|under 300|below 5|1.20")
    + rows("options", f"update {SPY} sl=1.2", "{x}",
           "SPY 640C 8/15 stop raised from .80 to 1.20|SPY 640C 8/15 stop from .80 to 1.20")
    + rows("options", f"update {SPY} sl=1.2", "stop moved {x}",
           "from .80 to 1.20|to 1.20|up to 1.20", OPEN)
    + rows("options", f"update {SPY} sl=0.8", "stop {x}", "below .80|under 0.80", OPEN)
    + rows("stocks", "open+ AAPL @230 sl=225", "AAPL long 230 {x}",
           "stop below 225|stop under 225 AAPL|SL 225")
    + rows("stocks", "open- CVNA @305 q=50 sl=318", "Sell short 50 CVNA 305, {x} 318",
           "cover stop|stop")
)  # fmt: skip

SOLD_AND_COVERED = (
    rows("options", "ask", "{x} SPY 640C 8/15 @ 3.00 covered", "Sold|Sold 2|Selling")
    + rows("options", "ask", "Sold 2 SPY 610P 8/15 @ 3.00 {x}",
           "cash-secured|cash secured|csp|naked|fully cash secured")
    + rows("options", "ask", "Sold SPY 640C 8/15 for 3.00{x}", " covered| (covered)|, covered x2")
    + rows("options", "open- SPY 08-15 640C @3", "STO SPY 640C 8/15 @ 3.00 {x}",
           "covered|covered call")
    + rows("options", "open- SPY 08-15 640C @3 q=10", "STO SPY 640C 8/15 @ 3.00 {x}", "covered x10")
    + rows("options", "close- SPY 08-15 640C @0.1 f=1", "{x} SPY 640C 8/15 @ .10",
           "Covered|covered")
    + rows("stocks", "ask", "Sold TSLA @ 330 {x}", "covered|(covered)|fully covered|, cvr")
    + rows("options", "no order", "SPY 640C 8/15 @ 3.00 {x}",
           "cash secured|fully covered|naked|csp")
    + rows("options", "ask", "{x} BTO SPY 640C 8/15 @ 3.00", "all but one|all but 1")
)  # fmt: skip

HOW_A_POSITION_STANDS = (
    rows("stocks", "no order", "{x} UNH is 322.75",
         "My cost basis in|My average in|My avg in|My entry in|Our cost basis in"
         "|my average price in")
    + rows("options", "no order", "{x} SPY 640C 8/15 is 1.12",
           "My avg in|My cost basis in|my fill on")
    + rows("options", f"close+ {SPY} @1.8 f=1", "sold SPY 640C 8/15 for 1.80, {x}",
           "paid 1.12|in at 1.12|entry 1.12|from 1.12")
    + rows("stocks", "no order", "{x} DASH, cost 198.50",
           "I'm long|We are long|I am short|currently long")
    + rows("stocks", "no order", "I'm long DASH, {x} 198.50", "avg|average|cost basis|my avg")
    + rows("stocks", "no order", "{x} 198.50",
           "Our DASH long|My DASH long|DASH long cost basis|DASH buy level|DASH buy point"
           "|DASH buy area|DASH loading zone|DASH short level|DASH add zone|DASH entry area")
    + rows("stocks", "open+ DASH @198.5", "{x} 198.50",
           "Long DASH|DASH long|I'm long DASH|DASH buy|Adding to DASH")
    + rows("futures", "no order", "ES {x}",
           "long to 6470|short to 6430|long 6450 paid|long 6450 off the table|long zone 6440-6445"
           "|long 6450 on close|long 6450 on the close")
    + rows("futures", "open+ ES @6441 sl=6435",
           "ES 6440-6442 long zone filled 6441, stop {x}", "6435")
    + rows("futures", "no order", "ES {x} 6450", "buy level|long level|short levels|sell area")
    + rows("stocks", "close- AFRM @61.2 f=1", "AFRM covered {x}", "61.20|@ 61.20|at 61.20")
    + rows("stocks", "no order", "AFRM covered {x}", "the gap|by analysts")
    + rows("stocks", "none", "{x} long GLD now", "Everyone is|Everybody is")
)  # fmt: skip

TAKEN_BACK_AND_DONE = (
    rows("options", f"cancel {SPY}", "{x} SPY 640C 8/15 order", "scrap the|scrap my|cancel the")
    + rows("options", f"cancel {SPY}", "{x}", "pulling it|scrap it|pulled it", OPEN)
    + rows("options", f"close+ {SPY} @2 f=1", "{x} 2.00", "done here|gone|profit taken", OPEN)
    + rows("options", f"close+ {SPY} @2 f=1", "{x} SPY 640C 8/15 @ 2.00",
           "Profit taken on|STC'd|STC'ing|profits taken")
    + rows("options", f"open+ {SPY} @1", "{x} SPY 640C 8/15 @ 1.00",
           "pulled the trigger on|BTO'd|BTO'ing|Don't miss this one: BTO|Don't miss this: BTO")
)  # fmt: skip

REASONS = (
    rows("options", f"open+ {SPY} @1", f"{OPEN} {{x}}",
         "because the gap held|because it reclaimed and ran|since we broke out"
         "|bc volume was great|because the gap held and breadth is improving.")
    + rows("options", f"close+ {SPY} @2 f=1", f"{CLOSE} {{x}}",
           "because I have a meeting|since it hit the area I like|because theta was eating it")
    + rows("options", "no order", f"{OPEN} {{x}}",
           "because this is a test|because he said so|because why not?|if it holds"
           "|because he bought 570C @ 2.00, not adding")
    + rows("options", f"update {SPY} sl=1.2", "raising the stop on this position to 1.20 {x}",
           "so that we lock in a profit|", OPEN)
)  # fmt: skip

OTHER_LANGUAGES = (
    rows("options", "no order", "{x} SPY 640C 8/15 @ 1,00",
         "kaufe|Kauf|Verkauf|verkauft|Compré|vendí|achat|Hälfte verkauft|no compren|Würde kaufen"
         "|kein Kauf|nicht kaufen")
    + rows("options", f"open+ {SPY} @1 sl=0.8 pt=1.5", "BTO SPY 640C {x} 0,80 Ziel 1,50",
           "15. August @ 1,00 SL|8/15 @ 1,00 Stopp")
)  # fmt: skip

FUTURES_HABITS = (
    rows("futures", "open+ ES @6450 sl=6440 pt=6470", "ES {x} 6450 SL 6440 TP 6470", "L|long|LONG")
    + rows("futures", "no order", "{x}",
           "NQ S 24000 support|ES L 6450|ES S 6450|ES H 6470 L 6430 stop 6420|ES S: 6430 R: 6470")
    + rows("futures", "open- ES @6450 sl=6460 pt=6430", "ES {x} 6450 SL 6460 TP 6430", "S|short")
    + rows("futures", "open+ NQ @24810 sl=24775 pt=24866", "🚨 NQ long 24810, SL 24775, {x} 24866",
           "T1|target|TP")
    + rows("futures", "ask", "{x}",
           "🚨 ES long 6450\nStop: 6440|🚨 ES long 6450, stop 6440"
           "|🚨 ES long 6450\nStop: 6440\nTarget 1: 6457")
    + rows("futures", "open- ES @6450 sl=6458", "{x} ES from 6450, stop 6458",
           "Shorting|Shorted|Going short")
    + rows("futures", "no order", "{x}",
           "ES short from 6450 still, stop 6458|I'm long ES from 6450, stop 6440"
           "|Long ES from 6450, stop 6440|ES long from 6450 still running, stop now 6455"
           "|ES long from 6450 hit T2, +12|ES long from 6450, stop to 6455")
    + rows("futures", "close+ ES @6460 f=0.5 sl=BE", "ES long: {x} 6460, stop to BE",
           "half off|1/2 off|50% off")
    + rows("futures", "close- ES @6440 f=0.5", "ES short: {x} 6440", "half off|half covered")
    + rows("futures", "update NQ sl=24800", "NQ long {x} 24800",
           "stop moved up to|stop to|stop now")
    + rows("futures", "ask", "{x}", "T2 6462 hit, flat|T1 6458 hit, all out",
           "ES long 6450 stop 6440")
    + rows("futures", "close+ ES @6462 f=1", "{x}", "T2 hit, flat 6462|T2 hit, out 6462",
           "ES long 6450 stop 6440")
    + rows("futures", "update ES sl=BE", "{x}", "T1 6458 hit, stop to BE|T1 hit, stop to BE",
           "ES long 6450 stop 6440")
)  # fmt: skip

SHARES_HABITS = (
    rows("stocks", "open+ AMD @170 q=40 sl=165", "Bought AMD @ 170\n{x}: 40\nStop: 165",
         "Shares|Qty|Quantity")
    + rows("futures", "open+ MNQ @24790 q=2 sl=24750", "MNQ buy 24790\n{x}: 2\nStop: 24750",
           "Contracts|Lots|Qty")
    + rows("options", f"open+ {SPY} @1 q=3", f"{OPEN}\n{{x}}: 3", "Contracts|Cons|Qty")
    + rows("stocks", "open- MP @56.42 sl=59.81", "{x} MP 56.42 stop 59.81", "Short|Shorting")
    + rows("stocks", "open+ MP", "Buy MP {x}", "@ market|@ mkt")
)  # fmt: skip

EMOJI_HABITS = (
    rows("options", f"open+ {SPY} @1", "{x} SPY 640C 8/15 @ 1.00 {x}",
         "🎲|🐻|💎🙌|🤏|🚀|👉|🧨|🔵|💪🏽")
    + rows("options", "no order", "{x} SPY 640C 8/15 @ 1.00", "✅|🔴|👋|💰|🏁|👀|📉|💸")
    + rows("options", f"update {SPY} sl=BE", "{x}", "🛑➡️ BE|🛑 BE|🛑: BE", OPEN)
    + rows("options", f"close+ {SPY} @2 f=0.5", "{x} half 2.00",
           "🎯 hit! took|🎯 hit, sold|took|🎯 reached, sold", OPEN)
)  # fmt: skip

CODES_APART = (
    rows("options", "open- SPY 08-15 640C @3", "{x} SPY 640C 8/15 @ 3.00 to open",
         "Sell|Sold|Selling")
    + rows("options", f"open+ {SPY} @1", "{x} SPY 640C 8/15 @ 1.00 to open", "Buy|Bought")
    + rows("options", "close- SPY 08-15 640C @0.1 f=1", "{x} SPY 640C 8/15 @ .10 to close", "Buy")
    + rows("options", f"close+ {SPY} @2 f=1", "{x} SPY 640C 8/15 @ 2.00 to close", "Sell|Sold")
    + rows("options", "ask", "{x}", "SPY 640C 8/15 @ 1.00 to open|SPY 640C 8/15 @ 1.00 to close")
    + rows("options", f"update {SPY} sl=0.8 pt=2", "{x}: SPY 640C 8/15 stop 0.80 target 2.00",
           "Update|UPDATE|Trade update")
    + rows("options", "open+ SPY 08-15 BTO:640C STO:645C @1.7", "{x} 8/15 for 1.70",
           "buy SPY 640C / sell SPY 645C|buy the 640c sell the 645c SPY")
    + rows("options", f"open+ {SPY} @1", f"{OPEN} {{x}}", "($100)|")
    + rows("options", "ask", f"{OPEN} {{x}}", "($200)|($1000)")
    + rows("options", f"close+ {SPY} @2 f=0.5", "taking half of the SPY 640 calls 8/15 {x} at 2.00",
           "off the table here|off here")
)  # fmt: skip

ENTRY = "BTO 6 SPY 640C 8/15 @ 1.00"

ONE_OF_SEVERAL = (
    rows("options", f"close+ {SPY} @2 q=1", "{x}",
         "one out, 2.00|one more out 2.00|took one off 2.00|trim one 2.00|out of one 2.00"
         "|1 more out @ 2.00", ENTRY)
    + rows("options", f"close+ {SPY} @2 q=2", "{x} 2.00",
           "took two off @|two sold|2 out @|2 more sold @|T2 done, 2 more sold at", ENTRY)
    + rows("options", "ask", "{x} 2.00",
           "another one sold|next one out|first one sold|sold a contract|sold another"
           "|sold one", ENTRY)
    + rows("options", f"close+ {SPY} @2 f=1", "{x}",
           "sold at 2.00 a contract|closing this one out 2.00|sold 2.00|out of it 2.00", ENTRY)
    + rows("options", f"close+ {SPY} @2 f=0.5", "sold {x} 2.00", "one half|half|a half", ENTRY)
    + rows("options", f"open+ {SPY} @1 q=3", "SPY 640C 8/15 {x} 3 @ 1.00", "BTO|- BUY TO OPEN|bto")
    + rows("futures", "close+ ES @6460 q=1", "{x} 6460", "one off|one out|1 out @",
           "ES long 6450 stop 6440")
    + rows("futures", "open+ ES @6445 q=1", "added one more 6445", "", "ES long 6450 stop 6440")
)  # fmt: skip

EXITS_AT_A_LEVEL = (
    rows("options", f"close+ {SPY} @0.8 f=1", "{x} .80",
         "out at stop|out at my stop|sold at the stop|closed at stop|stopped at", ENTRY)
    + rows("options", f"close+ {SPY} @3 f=1", "{x} 3.00",
           "closed at target|sold at TP|out at my target|out @ target", ENTRY)
    + rows("stocks", "close+ AAPL @225 f=1", "{x} 225", "out at stop|sold at my stop",
           "Bought AAPL 230")
    + rows("stocks", "close+ CAT @641 f=1", "{x} on CAT, sold at 641",
           "Trailing stop hit|Trailing stop triggered")
    + rows("options", "ask", "{x}",
           "out, stop .80|sold @ 2.40, SL to 1.50|sold @ 2.40, stop 1.50|closed, target 3", ENTRY)
    + rows("options", f"close+ {SPY} @2.4 f=0.5 sl=1.5", "sold half @ 2.40, {x} 1.50",
           "SL to|stop|SL|stop on the rest|stop on the rest to", ENTRY)
    + rows("options", f"close+ {SPY} @2.4 q=2 sl=1.5", "{x} sold 2 @ 2.40, SL to 1.50",
           "T1!|T1 hit,|TP1 hit!", ENTRY)
    + rows("futures", "update ES pt=6620", "ES {x} 6620", "TP moved to|target raised to")
    + rows("futures", "update ES sl=6600", "ES {x}",
           "stop 6596 → 6600|stop moved to 6600|stop to 6600 (BE)|stop to 6600")
)  # fmt: skip

SHORT_WORDS = (
    rows("options", f"open+ {SPY} @1", "{x} SPY 640C 8/15 @ 1.00",
         "lng|opn|bght|Filled on|Going with|picked these up:|Took a shot at|Scalping|[13:30] BTO"
         "|(9:45 AM) BTO")
    + rows("options", f"close+ {SPY} @2 f=1", "{x} SPY 640C 8/15 @ 2.00",
           "cls|clsd|Cashing in|cashed in")
    + rows("options", f"close+ {SPY} @2 f=1", f"{CLOSE} {{x}}", "gg|ggs|✅")
    + rows("options", "no order", "SPY 640C 8/15 @ 1.00 {x}",
           "on close|at the close|at the open|at the bell")
    + rows("options", "none", "{x}",
           "SPY 640C 8/15 trading 1.00|SPY 640C 8/15 mark 1.00|SPY 640C 8/15 traded @ 1.00"
           "|ideal: SPY 640C 8/15 @ .80|alarm set: SPY 640C 8/15 @ .80"
           "|got assigned on SPY 640P @ 640")
    + rows("options", f"open+ {SPY} @1", f"{OPEN}\n{{x}}: 2%", "Position size|Size")
)  # fmt: skip

FROM_ONE_INTO_ANOTHER = (
    rows("options", "ask", "Out {x} QQQ 570C 8/15 1.10",
         "SPY 640C 8/15 2.00 into|SPY 640C 8/15 2.00 to")
    + rows("stocks", "ask", "Out of MSFT 520 {x} AAPL 230", "into|to")
    + rows("stocks", "close+ MSFT @520 f=1 + open+ AAPL @230", "Sold MSFT 520, {x} AAPL 230",
           "bought|long|buying")
    + rows("futures", "ask", "{x} 6445", "out, long again|flat, short|out, now short",
           "ES long 6450 stop 6440")
    + rows("futures", "close+ ES @6460 f=1", "{x} 6460",
           "Closed ES long|ES: out of long|out of ES long")
    + rows("options", "no order", "{x}", "cancel the sell|cancelling the add|cancel that exit"
           "|cancel stop|cancel TP", ENTRY)
    + rows("options", f"cancel {SPY}", "{x}",
           "cancel|cancel it|cancel that BTO|cancel the buy", ENTRY)
)  # fmt: skip

NUMBERS_THAT_ARE_NO_PRICE = (
    rows("stocks", "close+ AAPL f=1", "AAPL sold {x}",
         "for $500 profit|for a 500 profit|for a $200 loss|+$500|+2%")
    + rows("stocks", "ask", "AAPL sold {x}", "$500 profit|, $500 gain")
    + rows("futures", "close- ES @6440 f=1", "covered ES 6440 {x}", "profit|winner|gain|for a loss")
    + rows("stocks", "close+ AAPL @235 f=1", "AAPL sold {x}",
           "235 for a $500 profit|@ 235 $500 profit|235, 2% gain")
    + rows("options", f"close+ {SPY} @2 f=1", "Closed SPY 640C 8/15 {x}",
           "@ 2.00 profit|2.00 for a loss|@ 2.00 $100 profit|at 2.00 for a 50% gain")
    + rows("options", "ask", "{x}",
           "Closed SPY 640C 8/15 2.00 profit|Closed SPY 640C 8/15 for 2.00 profit"
           "|BTO SPY 640C 8/15 @ 1.00 100 shares|BTO 2.0 SPY 640C 8/15 @ 1.00")
    + rows("stocks", "ask", "{x}", "AAPL sold 235 avg|Buy 1.000 AAPL @ 230")
    + rows("options", "ask", "{x}", "SL +10%|avg down to .95|averaged to .95|sold one at 2", ENTRY)
    + rows("options", f"update {SPY} sl=10%", "{x}", "SL -10%|SL 10%|stop 10%", ENTRY)
    + rows("options", "open+ SPY 2026-01-16 640C @30", "BTO SPY 640C {x} @ 30.00",
           "LEAPS Jan 26|Jan 2026 leaps|LEAPS Jan 2026|Jan 16")
    + rows("options", "ask", "BTO SPY 640C {x} @ 30.00", "Jan 26|Jan 27|26 Jan")
    + rows("options", "open+ SPY 08-26 640C @3", "BTO SPY 640C {x} @ 3.00", "Aug 26|8/26")
    + rows("options", "no order", "out {x}", "by EOD|before the close|by the bell", ENTRY)
    + rows("futures", "no order", "ES long now {x}", "stop 6438|SL 6438")
    + rows("futures", "update ES sl=6438", "ES long{x} 6438", ", stop now| stop to| stop moved to")
)  # fmt: skip

HEADINGS = (
    rows("options", "close+ SPY 08-15 640C @2 f=1 + close+ QQQ 08-15 570C @1.1 f=1",
         "{x}:\nSPY 640C 8/15 @ 2.00\nQQQ 570C 8/15 @ 1.10", "Sold|STC|Closed|Exits|Exit")
    + rows("options", f"close+ {SPY} @2 f=1", "{x}:\nSPY 640C 8/15 @ 2.00", "Sold|Closed|Exit|Out")
    + rows("options", f"open+ {SPY} @1 + close+ QQQ 08-15 570C @1.1 f=1",
           "Bought:\nSPY 640C 8/15 @ 1.00\n{x}:\nQQQ 570C 8/15 @ 1.10", "Sold|Closed")
    + rows("options", f"open+ {SPY} @1", "BTO SPY 640C 8/15 @ 1.00\n{x}",
           "Exit: -|Exit: N/A|Exit: TBD")
)  # fmt: skip

SIDES_AND_DATES = (
    rows("options", "ask", "{x} 640P 8/15 @ 2.00",
         "short SPY with|Short SPY via|Shorting SPY here,|Long SPY via|BTO OPEN/SPY|Stop out SPY")
    + rows("options", "open- SPY 08-15 640P @2", "{x} SPY 640P 8/15 @ 2.00", "Short|Shorting")
    + rows("options", f"open+ {SPY} @2", "Long SPY {x} 640C 8/15 @ 2.00", "with|via")
    + rows("options", "no order", "{x} SPY 640C 8/15 @ 2.00", "everyone sold|Everybody bought")
    + rows("options", "ask", "{x}", "In at 1.00 out at 2.00 SPY 640C 8/15|STC SPY 640C 8/15 for 2x"
           "|STC SPY 640C 1/2 @ 2.00|BTO SPY \u200f640C 8/15 @ 1.00|BTO SPY ٦٤٠C 8/15 @ 1.00")
    + rows("options", "no order", "Trade journal\nSPY 640C 8/15\nEntry {x}\nExit 2.05", "1.05")
    + rows("options", "close+ SPY 2026-02-06 640C @2 f=1", "STC SPY {x} @ 2.00",
           "640C 2/6|2/6 640C|640C 02/06|2/6 640 calls")
    + rows("options", "close+ SPY 2026-02-06 640C @2 f=0.33", "STC 1/3 SPY 640C {x} @ 2.00", "2/6")
    + rows("options", f"open+ {SPY} @1", "BTO SPY {x} 8/15 @ 1.00", "۶۴۰C|६४०C")
    + rows("options", f"open+ {SPY} @1 pt=1.5,2", "BTO SPY 640C 8/15 {x}",
           "@ 🔥 1.00 🎯 1.50, 2.00|@ 1.00, p/t 1.50 / 2.00")
    + rows("options", "open+ C 08-15 95C @2 q=4", "BTO 4 C {x} @ 2.00", "95C 8/15|8/15 95C")
    + rows("options", "open+ IT 08-15 320C @2", "{x} IT 320C 8/15\nEntry: 2.00", "Contract:")
    + rows("options", "open+ IT 08-15 320C @2", "{x} IT 320C 8/15 @ 2.00", "Entry:|BOT")
    + rows("options", "ask", "BTO SPY {x} 8/15 @ 1.00", "6۴0C|64٠C")
    + rows("options", f"close+ {SPY} @2 f=0.5", "{x} half SPY 640C 8/15 @ 2.00", "SSold|oSld")
    + rows("options", "open+ SPY 08-15 640P @2", "{x} SPY 8/15 640 purs @ 2.00",
           "nEtered|Second entry")
    + rows("options", "update U 08-15 40C sl=BE", "Stop on U 40C 8/15 now {x}", "at breakeven")
    + rows("options", "update U 08-15 40C sl=1.2", "Trailing stop on U 40C 8/15 {x} 1.20", "up to")
    + rows("options", "ask", "{x}", "BTO SPY 640C 8/15 @ 1.00\nSTC SPY 640C 8/15 @ 2.00"
           "|STC SPY 640C 8/15 @ 1 / STC ALL 200C 8/15 @ 2|Covered NKE with 75c 8/15 @ 1.00"
           "|ADD ON 46C 8/15 @ 1.00|going short S, 18C 8/15 @ 1.00|BTO FAST CRWD 400C 8/15 @ 3.00"
           "|cancel my cancel on SPY 640C 8/15|BTO ON, SPY 640C 8/15 @ 1.00")
    + rows("options", "no order", "{x} SPY 640C 8/15 @ 1.00", "yeah right, BTO|retail bought")
    + rows("options", f"close+ {SPY} @2 f=0.5 sl=BE", "STC half SPY 640C 8/15 @ 2, {x}",
           "BE on rest|BE on the rest|breakeven on runners")
    + rows("options", "close+ SPY 2026-02-06 640C @2 f=1",
           "Action: STC\nTicker: SPY\nStrike: 640\nType: CALL\n{x}: 2/6\nPrice: 2.00", "Exp|Expiry")
    + rows("options", "open+ U 08-15 40.5C @1", "BTO U {x} @ 1.00",
           "C40.5 8/15|8/15 C40.5")
    + rows("options", "open+ SPY 08-15 STO:635P BTO:640P @1.5",
           "SPY 8/15 640/635 put debit spread @ 1.50 {x}", "debit")
    + rows("options", "no order", "{x} @ 2.00", "out of the money SPY 640C 8/15"
           "|SPY 640C 8/15 sold off|SPY 640C 8/15 is out of the money")
    + rows("options", "ask", "{x}", "STC half size SPY 640C 8/15 @ 2.00|BTO SPY 6,00C 8/15 @ 2.00"
           "|BTO SPY 640C 8/15 @ 1.00 👎|BTO SPY 640C 8/15 @ 1.00 🤡")
    + rows("options", "no order", "SPY 640C 8/15 {x}", "(2.15)")
    + rows("options", "close- SPY 08-15 640C @2 f=1", "Bought it back SPY 640C 8/15 {x}", "@ 2.00")
    + rows("futures", "ask", "{x}", "ES long 6320 closed|NQ short 22000 closed")
    + rows("stocks", "no order", "{x}", "AAPL sells for 230|SELL NOW 100|BUY NOW 100")
    + rows("stocks", "open+ NOW @100", "BTO {x} 100", "NOW")
    + rows("stocks", "close+ AAPL @230 f=1", "AAPL sold 230 {x}", "(avg 210)")
    + rows("stocks", "open+ COST @990 q=20", "$COST bought 20 {x} 990", "@|at")
    + rows("stocks", "open+ COST @990 q=20", "BTO 20 {x} @ 990", "COST")
    + rows("stocks", "open+ M @17.5 q=20", "BTO 20 {x} @ 17.50", "M")
    + rows("stocks", "close+ RUN @17.5 f=1", "{x} stopped at 17.50, all out", "RUN")
)  # fmt: skip

GROUPS = {
    "headings": HEADINGS,
    "sides and dates": SIDES_AND_DATES,
    "counts in letters": COUNTS_IN_LETTERS,
    "numbered lines": NUMBERED_LINES,
    "strikes and dates": STRIKES_AND_DATES,
    "tickers that are words": TICKERS_THAT_ARE_WORDS,
    "levels": LEVELS,
    "sold and covered": SOLD_AND_COVERED,
    "how a position stands": HOW_A_POSITION_STANDS,
    "taken back and done": TAKEN_BACK_AND_DONE,
    "reasons": REASONS,
    "one of several": ONE_OF_SEVERAL,
    "exits at a level": EXITS_AT_A_LEVEL,
    "short words": SHORT_WORDS,
    "from one into another": FROM_ONE_INTO_ANOTHER,
    "numbers that are no price": NUMBERS_THAT_ARE_NO_PRICE,
    "other languages": OTHER_LANGUAGES,
    "futures": FUTURES_HABITS,
    "shares": SHARES_HABITS,
    "emoji": EMOJI_HABITS,
    "codes apart": CODES_APART,
}


@pytest.mark.parametrize("name", GROUPS)
def test_other_authors_habits_are_read_as_a_person_reads_them(name: str) -> None:
    found = [(row, score(row[1], outcome(row[0], row[2], first=row[3]))) for row in GROUPS[name]]
    wrong = [f"{row[2]!r}: {one.verdict}: {one.got}, not {row[1]}" for row, one in found
             if one.verdict not in ("exact", "ok")]  # fmt: skip
    assert not wrong, "\n".join(wrong)


FORM = "Symbol=SPY;Strike=640;Type=Call;Expiration=8/15"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        *[(f"Entry=1.00;Exit={none}", f"open+ {SPY} @1") for none in ("", "-", "—", "N/A", "TBD")],
        ("Entry=1.00;Exit=1.20", f"close+ {SPY} @1.2 f=1"),
        ("Entry=1.00;DTE=3", f"open+ {SPY} @1"),
        ("Entry=1.00;DTE=5", "ask"),
        ("Entry=1.00;Risk=Low", f"open+ {SPY} @1"),
        ("Entry=1.00;Posted=8/12/2025 10:00", f"open+ {SPY} @1"),
        ("Entry=1.00;Size=2%", f"open+ {SPY} @1"),
        ("Entry=1.00;Contracts=3", f"open+ {SPY} @1 q=3"),
        ("Entry=1.00;P/L=+20%", "no order"),
        ("Price=1.20;P/L=+20%;Action=Sold", f"close+ {SPY} @1.2 f=1"),
        ("Entry=1.00;Action=SELL", "ask"),
        ("Entry=1.00;Notes=added to 2", "ask"),
    ],
)
def test_the_lines_of_a_form_say_what_they_say(fields: str, expected: str) -> None:
    pairs = [line.split("=", 1) for line in f"{FORM};{fields}".split(";")]
    embed = EmbedText(title="Trade Alert", fields=tuple((name, said) for name, said in pairs))
    found = score(expected, read(message("", embeds=(embed,)), profile("options")))
    assert found.verdict in ("exact", "ok"), found.got


@pytest.mark.parametrize(
    "text",
    [
        "Ticker: AAPL\nSignal: LONG\nClose: 230",
        '{"ticker":"AAPL","signal":"long","close":230}',
        '{"ticker":"AAPL","action":"buy","close":230}',
        '{"symbol":"AAPL","action":"sell","quantity":-5}',
        "Ticker: AAPL\nSide: Long\nEntry: 230\nP/L: +5%",
    ],
)
def test_the_close_of_a_bar_is_no_exit_and_a_result_no_entry(text: str) -> None:
    assert score("no order", outcome("stocks", text)).verdict == "ok"


@pytest.mark.parametrize(
    ("text", "is_asked"),
    [
        ("move ES stop up 5 points", True),
        ("move target up 5 points on ES", True),
        ("moving stop on NQ by 20 points", True),
        ("raise ES stop by 5", True),
        ("move ES stop to 5 points", False),
        ("moving stop on NQ up to 20100", False),
        ("ES long 6000 stop down 5 points", False),
    ],
)
def test_a_level_moved_by_a_distance_is_asked_about(text: str, is_asked: bool) -> None:
    """From the entry, or from where it stands? The two are far apart once a stop has moved."""
    found = outcome("futures", text)
    assert isinstance(found, Alert)
    assert found.needs_human is is_asked, found.question
