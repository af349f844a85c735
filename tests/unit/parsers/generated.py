"""Messages made from parts, labelled by the parts they were made of and not by any parser."""

import random
from dataclasses import dataclass
from datetime import date

_SYMBOLS = """
WFC CVX HD MCD PEP VZ TXN AMGN HON LMT DE MMM GILD BMY ISRG NOW REGN PANW CRWD SNOW DDOG ZS NET
RBLX DKNG AFRM UPST CHWY ETSY PINS DASH LYFT ABNB EXPE MAR HLT CCL RCL AAL DAL LUV FDX UPS EMR
ADBE CSCO IBM KLAC LRCX ASML TSM ARM MRVL ANET DELL HPE STX WDC F T V X U
"""
SYMBOLS = _SYMBOLS.split()
FUTURES = {"ES": 6400, "NQ": 23800, "MES": 6400, "MNQ": 23800, "RTY": 2270, "YM": 44900}
TODAY = date(2025, 8, 12)
FRIDAYS = [date(2025, 8, 15), date(2025, 8, 22), date(2025, 9, 5), date(2025, 9, 19)]
_OPENERS = """BTO|bto|Bto|Bought|BOUGHT|Buying|bought|Grabbed|grabbing|Entered|Entering|Entry:|
Picked up|Opening|Opened|Long|In|Taking|Added|Adding|Snagged|scooped|Just bought|I bought|Got in|
Getting in|Starting|Going long|Buy to open|buying to open|New position|Jumped in|🚨 BTO|🟢 BTO|
ALERT: BTO"""
_CLOSERS = """STC|stc|Stc|Sold|SOLD|sold|Selling|Closed|Closing|closing|Exited|exiting|Out of|
All out|Cut|Cutting|Dumped|Took profits|Sell to close|Selling to close|Stopped out|Flattened|
🔴 STC|Exit"""
_TRIMMERS = "Trimmed|trimming|TRIM|Scaling out of|Scaled out of|Peeling|Partial exit|trim"
_REMARKS = """|||| (swing)|, risky| - day trade|, small size|, good luck| lotto|
not financial advice|, looks strong| into earnings|, let's go| (scalp)"""
OPENERS, CLOSERS = _OPENERS.split("|"), _CLOSERS.split("|")
TRIMMERS, REMARKS = _TRIMMERS.split("|"), _REMARKS.split("|")
NOISE = [
    "",
    "",
    "",
    "",
    " 🔥",
    " 🚀🚀",
    " @everyone",
    " <@&112233445566778899>",
    " ✅",
    "!",
    " 💰",
    " .",
]


@dataclass(frozen=True)
class Made:
    channel: str
    text: str
    expected: str
    first: str | None = None


class Maker:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def pick(self, items):
        return self.rng.choice(items)

    # --- parts ----------------------------------------------------------------------------------

    def symbol(self) -> tuple[str, str]:
        name = self.pick(SYMBOLS)
        shown = self.pick([name, name, name, f"${name}", name.lower() if len(name) > 2 else name])
        return name, shown

    def expiry(self) -> tuple[str, str]:
        on = self.pick(FRIDAYS)
        month, day = on.month, on.day
        shown = [
            f"{month}/{day}", f"{month:02d}/{day:02d}", f"{month}/{day}/25", f"{month}/{day}/2025",
            f"{on:%b} {day}", f"{on:%b} {day}th".replace("22th", "22nd"), f"{on:%B} {day}",
            f"{day}{on:%b}25".upper(), f"{day} {on:%b} 25".upper(), on.isoformat(), f"{on:%b}{day}",
            f"exp {month}/{day}", f"{on:%b} {day}, 2025", f"{month}-{day}-25",
        ]  # fmt: skip
        if on == FRIDAYS[0]:
            shown += [
                "weekly",
                "weeklies",
                "this Friday",
                "EOW",
                "this week",
                "3DTE",
                "3 dte",
                "Friday",
            ]
        if on == FRIDAYS[1]:
            shown += ["next week"]
        if on == FRIDAYS[3]:
            shown += ["Sep monthly", "September OPEX", "9/19 monthly"]
        return on.isoformat(), self.pick(shown)

    def today(self) -> tuple[str, str]:
        return TODAY.isoformat(), self.pick(["0DTE", "0dte", "0 DTE", "same day", "today", "8/12"])

    def strike(self) -> tuple[str, str]:
        value = self.pick(["5", "12.5", "27", "95", "110", "222.5", "640", "1200", "41", "77.5"])
        right = self.pick("CP")
        word = {"C": ["C", "c", " calls", " call", " CALLS", "C", " C"],
                "P": ["P", "p", " puts", " put", " PUTS", "P", " P"]}[right]  # fmt: skip
        return f"{value}{right}", self.pick(["", "", "", "$"]) + value + self.pick(word)

    def price(self, low: int = 20, high: int = 480) -> tuple[str, str]:
        cents = self.rng.randint(low, high)
        value = f"{cents / 100:.2f}"
        shown = [value, value, value.rstrip("0").rstrip("."), f"${value}"]
        if cents < 100:
            shown += [value[1:], f"${value[1:]}"]
        form = self.pick(shown)
        if "." not in form:
            form = value
        mark = self.pick(["@ ", "@", "at ", "for ", "@ ", "@ $", "entry ", "@ ~", "around "])
        form = form.lstrip("$") if "$" in mark else form
        return _plain(value), mark + form

    def quantity(self, noun: str) -> tuple[str, str, str]:
        count = str(self.rng.randint(1, 20))
        style = self.rng.randrange(6)
        if style == 0:
            return f" q={count}", f"{count} ", ""
        if style == 1:
            return f" q={count}", f"{count}x ", ""
        if style == 2:
            return f" q={count}", "", f" x{count}"
        if style == 3:
            return f" q={count}", "", f" {count} {noun}"
        return "", "", ""

    def levels(self, price: str, sign: int = 1) -> tuple[str, str]:
        value = float(price)
        stop, goal = value * (1 - sign * 0.2), value * (1 + sign * 0.4)
        style = self.rng.randrange(10)
        one, two = f"{stop:.2f}", f"{goal:.2f}"
        if one == two or stop <= 0.01 or style > 6:
            return "", ""
        label = f" sl={_plain(one)} pt={_plain(two)}"
        forms = [
            f" SL {one} PT {two}", f", stop {one}, target {two}", f" sl: {one} tp: {two}",
            f" | Stop: {one} | Target: {two}", f"\nStop loss: {one}\nTake profit: {two}",
            f" stop @ {one} tgt @ {two}", f" S/L {one} T1 {two}",
        ]  # fmt: skip
        return label, forms[style]

    def noisy(self, text: str) -> str:
        style = self.rng.randrange(14)
        if style == 0:
            text = "".join(chr(ord(c) + 0xFEE0) if "0" <= c <= "9" else c for c in text)
        elif style == 1:
            text = text.replace(" ", "\u00a0", 2)
        elif style == 2:
            text = f"**{text}**"
        elif style == 3:
            text = text.upper() if "x" not in text else text
        elif style == 4:
            text = text[:3] + "\u200b" + text[3:]
        elif style == 5:
            text = text.replace("  ", " ").replace(" ", "  ")
        elif style == 6:
            text = f"||{text}||"
        return text + self.pick(NOISE)

    def slip(self, text: str) -> str:
        """A typing slip in a keyword that is long enough to be recognised."""
        slips = {
            "Entered": "Enterd", "Closing": "Closng", "Selling": "Sellling", "target": "taregt",
            "Target": "Tagret", "calls": "callls", "Bought": "Bougth", "weekly": "wekly",
            "stop ": "stpo ", "Trimmed": "Trimed", "Grabbed": "Grabed",
        }  # fmt: skip
        for right, wrong in slips.items():
            if right in text and self.rng.random() < 0.15:
                return text.replace(right, wrong, 1)
        return text

    # --- messages -------------------------------------------------------------------------------

    def contract(self) -> tuple[str, str]:
        name, shown = self.symbol()
        day, when = self.expiry() if self.rng.random() < 0.85 else self.today()
        strike, written = self.strike()
        order = self.rng.randrange(4)
        if order == 0 or " " in when or not when[0].isdigit():
            text = f"{shown} {written} {when}"
        elif order == 1:
            text = f"{shown} {when} {written}"
        elif order == 2:
            text = (
                f"{shown} {written} exp {when}"
                if not when.startswith("exp")
                else f"{shown} {written} {when}"
            )
        else:
            text = f"{shown} {written} {when}"
        return f"{name} {day} {strike}", text

    def option_open(self) -> Made:
        label, text = self.contract()
        strike = float(label.split()[-1][:-1])
        price, paid = self.price(20, int(min(480, strike * 30)))
        count, before, after = self.quantity("contracts")
        verb = self.pick(OPENERS).strip()
        if verb.endswith(":"):
            before, after, count = "", "", ""
        levels, written = self.levels(price)
        remark = self.pick(REMARKS).replace("\n", " ")
        extra = " size=small" if "small" in remark else " size=lotto" if "lotto" in remark else ""
        body = f"{verb} {before}{text} {paid}{after}{written}{remark}"
        return Made("options", self.noisy(self.slip(body)),
                    f"open+ {label} @{price}{count}{levels}{extra}")  # fmt: skip

    def option_close(self) -> Made:
        label, text = self.contract()
        strike = float(label.split()[-1][:-1])
        price, paid = self.price(20, int(min(480, strike * 30)))
        paid = paid.replace("entry ", "@ ")
        style = self.rng.randrange(6)
        verb, share, amount = self.pick(CLOSERS).strip(), "", " f=1"
        if style == 0:
            share, amount = self.pick([("half ", " f=0.5"), ("1/2 ", " f=0.5"), ("1/3 ", " f=0.33"),
                                       ("50% of ", " f=0.5"), ("25% ", " f=0.25"), ("all ", " f=1"),
                                       ("the rest of ", " f=1")])  # fmt: skip
            verb = self.pick(["STC", "Sold", "Selling", "sell", "Closing"])
        elif style == 1:
            count = str(self.rng.randint(1, 9))
            share, amount = f"{count} ", f" q={count}"
            verb = self.pick(["STC", "Sold", "Selling", "Closed"])
        elif style == 2:
            verb, amount = self.pick(TRIMMERS), " part=y"
        tail = self.pick(
            ["", "", " (+45%)", " +32%", ", nice win", " from 1.10", " 🎉", ", done with it"]
        )
        body = f"{verb} {share}{text} {paid}{tail}"
        return Made("options", self.noisy(self.slip(body)), f"close+ {label} @{price}{amount}")

    def reply(self) -> Made:
        label, text = self.contract()
        first = f"BTO 4 {text} @ 2.00"
        price, paid = self.price(120, 390)
        paid = paid.replace("entry ", "@ ")
        forms = [
            (f"all out {paid}", f"close+ {label} @{price} f=1"),
            (f"Sold half {paid}", f"close+ {label} @{price} f=0.5"),
            (f"trim 1 {paid}", f"close+ {label} @{price} q=1"),
            (f"Trimming here {paid}", f"close+ {label} @{price} part=y"),
            (f"out the rest {paid} ✅", f"close+ {label} @{price} f=1"),
            (f"Stopped out {paid}", f"close+ {label} @{price} f=1"),
            (f"avg down {paid}", f"open+ {label} @{price}"),
            (f"SL to {price}", f"update {label} sl={price}"),
            ("stop to breakeven", f"update {label} sl=BE"),
            (f"moving my stop to {price}", f"update {label} sl={price}"),
            (f"sold 2 of 4 {paid}, holding 2", f"close+ {label} @{price} q=2"),
            (f"taking 1/3 off {paid}", f"close+ {label} @{price} f=0.33"),
            ("cancel, no fill", f"cancel {label}"),
            (f"closing the remainder {paid}", f"close+ {label} @{price} f=1"),
        ]
        said, expected = self.pick(forms)
        return Made("options", self.noisy(said), expected, first)

    def vertical(self) -> Made:
        name, shown = self.symbol()
        day, when = self.expiry()
        low = self.pick([50, 95, 230, 480])
        high = low + self.pick([5, 10])
        right, is_credit = self.pick("CP"), self.rng.random() < 0.5
        word = {"C": "call", "P": "put"}[right]
        kind = "credit" if is_credit else "debit"
        short, long = (low, high) if (right == "C") == is_credit else (high, low)
        first, second = (short, long) if is_credit else (long, short)
        price, paid = self.price(40, 380)
        paid = paid.replace("entry ", "@ ")
        code = {"C": "C", "P": "P"}[right] + ("C" if is_credit else "D") + "S"
        spelled = self.pick([f"{word} {kind} spread", code, f"{kind} {word} spread", code.lower()])
        verb = self.pick(
            ["STO", "Sold to open", "STO"] if is_credit else ["BTO", "Bought", "Buying"]
        )
        buy, sell = f"BTO:{long}{right}", f"STO:{short}{right}"
        legs = " ".join(sorted((buy, sell), key=lambda leg: float(leg.split(":")[1][:-1])))
        effect = "open-" if is_credit else "open+"
        text = f"{verb} {shown} {when} {first}/{second} {spelled} {paid}"
        return Made("options", self.noisy(text), f"{effect} {name} {day} {legs} @{price}")

    def stock(self) -> Made:
        name, shown = self.symbol()
        value = self.rng.randint(1500, 60000)
        price = f"{value / 100:.2f}"
        mark = self.pick(["@ ", "@", "at ", "@ $"])
        count = str(self.pick([10, 25, 50, 100, 300]))
        style = self.rng.randrange(5)
        shown = shown.upper()
        if style == 0:
            levels, written = self.levels(price)
            text = (
                f"{self.pick(['BTO', 'Bought', 'Buying', 'Long'])} {shown} {mark}{price}{written}"
            )
            return Made("stocks", self.noisy(text), f"open+ {name} @{_plain(price)}{levels}")
        if style == 1:
            text = f"{self.pick(['BTO', 'Bought', 'BUY'])} {count} {shown} {mark}{price}"
            return Made("stocks", self.noisy(text), f"open+ {name} @{_plain(price)} q={count}")
        if style == 2:
            text = f"{self.pick(['STC', 'Sold', 'Closed', 'Exited'])} {shown} {mark}{price}"
            return Made("stocks", self.noisy(text), f"close+ {name} @{_plain(price)} f=1")
        if style == 3:
            levels, written = self.levels(price, -1)
            verb = self.pick(["Short", "Shorting", "Shorted", "STO"])
            text = f"{verb} {shown} {mark}{price}{written}"
            return Made("stocks", self.noisy(text), f"open- {name} @{_plain(price)}{levels}")
        text = (
            f"{self.pick(['Covered', 'Covering', 'Bought back', 'BTC'])} half {shown} {mark}{price}"
        )
        return Made("stocks", self.noisy(text), f"close- {name} @{_plain(price)} f=0.5")

    def future(self) -> Made:
        root = self.pick(list(FUTURES))
        base = FUTURES[root] + self.rng.randint(-40, 40)
        tick = self.pick(["", ".5", ".25", ".75"]) if root not in ("RTY", "YM") else ""
        price = f"{base}{tick}"
        side = self.pick(["long", "short"])
        sign = 1 if side == "long" else -1
        stop, goal = str(base - sign * 9), str(base + sign * 14)
        effect = "open+" if sign == 1 else "open-"
        shown = self.pick([root, f"/{root}", root])
        thousands = f"{base:,}{tick}" if self.rng.random() < 0.3 else price
        style = self.rng.randrange(5)
        if style == 0:
            letter = self.pick("ABC")
            gamma = self.pick(["", " GAMMA"])
            usual = f"🚨 {root} {side} {price}: {letter}{gamma}\nStop: {stop}\n@everyone"
            terse = f"🚨{root} {side.upper()} {price}:{letter}{gamma}\nSTOP:{stop}"
            text = self.pick([usual, terse])
            return Made("futures", text, f"{effect} {root} @{price} sl={stop} size={letter}")
        if style == 1:
            text = f"{side.title()} {shown} {thousands}, stop {stop}, target {goal}"
        elif style == 2:
            text = f"{shown} {side} {thousands} SL {stop} TP {goal}"
        elif style == 3:
            risk = self.pick(["9 pt stop", "risk 9 pts"])
            text = f"{side.upper()} {shown} @ {thousands} {risk} target 14 pts"
            stop = _plain(str(float(price) - sign * 9))
            goal = _plain(str(float(price) + sign * 14))
        else:
            text = f"{shown} {side} {thousands}\nStop loss: {stop}\nTarget: {goal}"
        return Made("futures", self.noisy(text), f"{effect} {root} @{price} sl={stop} pt={goal}")


def _plain(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def corpus(n: int, seed: int) -> list[Made]:
    """``n`` messages of all kinds, the same for the same seed."""
    maker = Maker(seed)
    makers = [maker.option_open] * 4 + [maker.option_close] * 3 + [maker.reply] * 2
    makers += [maker.vertical, maker.stock, maker.stock, maker.future, maker.future]
    return [maker.pick(makers)() for _ in range(n)]
