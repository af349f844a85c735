"""Cleaning of what people type: one spelling for each visible character, nothing invisible."""

import re
import unicodedata
from functools import lru_cache

_BIDI = frozenset("\u061c\u200f\u202b\u202d\u202e\u2067")
"""Not those that only set text apart or say it runs from left to right, as phones paste them."""
_EDGE_MARK = re.compile(r"\A\u200f+(?=[A-Za-z])|\u200f+\Z")
"""A mark before the first letter or behind the last moves nothing that is seen."""
_FAR_DIGITS = re.compile("[\u0660-\u0669]|[0-9](?![0-9])\\d|(?![0-9])\\d[0-9]")
"""Arabic numbers are shown from right to left; digits of two alphabets in one are no number."""
_STRIKES = frozenset("\u0335\u0336\u0337\u0338")
"""Overlays that people use to strike letters through."""

_MAP: dict[str, str] = {
    "\t": " ",
    "\u2800": " ",
    "\u2024": ".",
    "\r": "\n",
    "\x0b": "\n",
    "\x0c": "\n",
    "\x85": "\n",
    "\u2028": "\n",
    "\u2029": "\n",
    "’": "'",
    "‘": "'",
    "‛": "'",
    "ʼ": "'",
    "′": "'",
    "´": "'",
    "“": '"',
    "”": '"',
    "„": '"',
    "‟": '"',
    "″": '"',
    "«": '"',
    "»": '"',
    "‹": '"',
    "›": '"',
    "「": '"',
    "」": '"',
    "『": '"',
    "』": '"',
    "〝": '"',
    "〞": '"',
    "…": "...",
    "¢": " cents",
    "￠": " cents",
    "×": "x",
    "✕": "x",
    "✖": "x",
    "⁄": "/",
    "∕": "/",
    "➗": "/",
    "→": "->",
    "➡": "->",
    "⟶": "->",
    "➜": "->",
    "➔": "->",
    "⇒": "->",
    "−": "-",
    "∶": ":",
    "﹕": ":",
    "¦": "|",
    "│": "|",
    "┃": "|",
}
_FRACTIONS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5"}
_MARKS = re.compile(r"[\u0300-\u0334\u0339-\u036f]")
"""An accent written behind its letter, or a line under a sign."""
_UNDERLINES = re.compile(r"[\u034f\u0305\u0331-\u0333]|(?<=[A-Za-z])[\u0300-\u0334\u0339-\u034e]")
"""Lines under letters, and accents that no letter of ours can carry: adornments, as bold is."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_PLAIN = re.compile(r"[\n -~]*\Z")


@lru_cache(maxsize=4096)
def _char(char: str) -> str:
    """The plain spelling of one character; characters without one stay as they are."""
    if char in _MAP:
        return _MAP[char]
    category = unicodedata.category(char)
    if category in ("Cf", "Cc", "Cs", "Co", "Cn") or "\ufe00" <= char <= "\ufe0f":
        return "\n" if char == "\n" else ""
    if category == "Zs":
        return " "
    if category == "Pd":
        return "-"
    if category == "Nd" and char < "\uff00":
        return str(unicodedata.decimal(char))
    return _wide(char, category)


_SMALL_CAPITALS = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "ABCDEFGHIJKLMNOPRSTUVWYZ", strict=True))


_STYLED = frozenset(_SMALL_CAPITALS) | frozenset(map(chr, range(0x24B6, 0x24EA)))
_STYLED |= frozenset(map(chr, range(0x1F130, 0x1F14A)))


def _wide(char: str, category: str) -> str:
    """Full-width, circled and mathematical letters, digits and signs as their ASCII twins."""
    if char in _SMALL_CAPITALS:
        return _SMALL_CAPITALS[char]
    is_wide = "\uff01" <= char <= "\uffe6" or char in "﹩﹫" or "Ⓐ" <= char <= "ⓩ"
    is_wide = is_wide or "\U0001f130" <= char <= "\U0001f149"
    is_letter = "\u2100" <= char <= "\u2149"  # those that the mathematical alphabets leave out
    if is_wide or is_letter or "\U0001d400" <= char <= "\U0001d7ff":
        plain = unicodedata.normalize("NFKC", char)
        if plain.isascii() and category != "Sk" and not (is_letter and len(plain) > 1):
            return plain
    return char


_TWINS = str.maketrans(
    "асеорхуАВСЕНКМОРТХЅІсіјѕԁοΑΒΕΗΙΚΜΝΟΡΤΧΥΖνυαρτκικ",
    "aceopxyABCEHKMOPTXSIcijsdoABEHIKMNOPTXYZvuaptkik",
)
_TWIN_WORD = re.compile(f"[A-Za-z{''.join(map(chr, _TWINS))}]+")
_TWIN = re.compile(f"[{''.join(map(chr, _TWINS))}]")
_ALL_LETTERS = re.compile(r"[^\W\d_]+")


def _untwinned(text: str) -> str:
    """Words with letters of another alphabet that look like ours, spelled with ours."""

    def plain(word: re.Match[str]) -> str:
        return word[0].translate(_TWINS) if _TWIN_WORD.fullmatch(word[0]) else word[0]

    return _ALL_LETTERS.sub(plain, text)


def normalise(text: str) -> str:
    """One spelling for what looks alike; invisible characters gone. Idempotent."""
    if _PLAIN.match(text):
        return text
    out, told = list[str](), text
    if _TWIN.search(text):
        text = _untwinned(text)
    if _MARKS.search(text):
        text = _UNDERLINES.sub("", unicodedata.normalize("NFC", text))
    for char in text.replace("\r\n", "\n"):
        if " " <= char <= "~" or char == "\n":
            out.append(char)
        elif char in _FRACTIONS and not (out and out[-1][-1:].isdigit()):
            out.append(f" {_FRACTIONS[char]} ")
        elif char in _FRACTIONS:
            out.append(char)
        else:
            plain = _char(char)
            if plain:
                out.append(plain)
    text = "".join(out)
    if text == told or text.isascii():
        return text
    return normalise(text)  # a mark may sit on another letter now, a twin beside one of ours


@lru_cache(maxsize=1024)
def folded(word: str) -> str:
    """A word without its accents: ``Hälfte`` is ``Halfte``, ``vendí`` is ``vendi``."""
    plain = unicodedata.normalize("NFD", word)
    return "".join(char for char in plain if not "\u0300" <= char <= "\u036f")


def hidden(text: str) -> str:
    """Why a text may not be what it looks like, in words for the question; else empty."""
    if _CONTROL.search(text):
        return "the text holds control characters"
    if text.isascii():
        return ""
    if not _BIDI.isdisjoint(_EDGE_MARK.sub("", text)):
        return "the text holds characters that change the reading direction"
    if _FAR_DIGITS.search(text):
        return "the numbers may not be what they look like"
    if not _STRIKES.isdisjoint(text):
        return "some letters are struck through"
    if _untwinned(text) != text or not _STYLED.isdisjoint(text):
        return "some letters only look like ours"
    if any("\U000e0000" <= char <= "\U000e007f" for char in text):
        return "the text holds invisible tag characters"
    return ""


_MENTION = re.compile(r"<(?:@[!&]?\d{1,25}|#\d{1,25}|a?:\w{1,32}:\d{1,25}|t:-?\d{1,15}(?::\w)?)>")
_LINK = re.compile(r"<?https?://[^\s>|)]{1,2000}>?|www\.[^\s>|)]{1,2000}")
_LABELLED = re.compile(r"\[([^\[\]\n]{1,200})\]\(https?://[^\s()]{1,1000}\)")
_SHORTCODE = re.compile(r"(?<![\w:]):[a-z][a-z0-9_+-]{1,31}:(?![\w:])")
"""``:rocket:`` as bots write it."""
_PING = re.compile(r"@(?:everyone|here)\b", re.IGNORECASE)
_LINE_MARK = re.compile(
    r"^ *(?:#{1,3} |-# |[-*•▪●‣] ) *|^ *[0-9]{1,2}[.)] +(?=[A-Za-z$*_])", re.MULTILINE
)
"""Heading, list and count marks that open a line."""
_STAMP = re.compile(r"^ *[\[(]\d{1,2}:\d\d(?::\d\d)?(?: ?[AaPp][Mm])?[\])]", re.MULTILINE)
"""``[13:30]`` before what was said then."""
_LANG = re.compile(r"```[a-z]{0,10}\n?")
_KEYCAP = re.compile(
    r"^ *[0-9]\u20e3 *(?=\$?[A-Za-z])(?!(?:contract|con|lot|share|x\b))", re.MULTILINE
)
"""``1\u20e3 BTO ...``: the number of a line."""
_SPACES = re.compile(r" {2,}")
_EDGE_STAR = re.compile(r"(?<![\w.])[*_]|[*_](?![\w.])")


_SAMPLE = re.compile(
    r"(?<![\w.])(?:e\.\s?g\b\.?|i\.\s?e\b\.?|z\.\s?b\b\.?|viz\b\.?"
    r"|ex[.:,](?=\s)|ex\b(?=\s+(?:bto|stc|sto|btc|buy|bought|sell|sold|long|short|entered|in)\b))",
    re.IGNORECASE,
)
"""``e.g.`` and its kind, whose points would end a sentence."""


_BRACKETED = re.compile(
    r"(\b(?:stop|sl|pt|tp|target|strike)\b ?:? ?)\((\$?[\d.,]*\d)\)"
    r"|((?:@|\b(?:stop|sl|pt|tp|target|strike|at|entry|price)\b ?:?) ?)\[(\$?[\d.,]*\d)\]",
    re.IGNORECASE,
)
_BRACKETED_LABEL = re.compile(
    r"[(\[](stop|sl|pt|tp|target|bto|stc|sto|btc|entry|strike|exp|price)[)\]]", re.IGNORECASE
)
"""``@ [1.92]``, ``[SL] 1.20``: brackets that only adorn; round ones may say minus."""


def strip_markup(text: str) -> str:
    """Text as it shows on screen: no mentions, links, list marks, bold, spoilers or code ticks."""
    if "<" in text:
        text = _MENTION.sub(" ", text)
    if "http" in text or "www." in text:
        text = _LINK.sub(" ", _LABELLED.sub(r"\1", text))
    if "@" in text:
        text = _PING.sub(" ", text)
    if ":" in text:
        text = _SHORTCODE.sub(" ", text)
    if "`" in text:
        text = _LANG.sub("\n", text).replace("`", " ")
    if "\u20e3" in text:
        text = _KEYCAP.sub("", text).replace("\u20e3", "")
    if ":" in text:
        text = _STAMP.sub("", text)
    text = _SAMPLE.sub(" example ", text)
    text = _SPACES.sub(" ", _LINE_MARK.sub("", text))
    text = text.replace("||", " ")
    if ")" in text or "]" in text:
        text = _BRACKETED_LABEL.sub(r"\1", text)
        text = _BRACKETED.sub(lambda found: "".join(filter(None, found.groups())), text)
    if "*" in text or "_" in text:
        text = _EDGE_STAR.sub("", text.replace("**", "").replace("__", ""))
    return text


def has_link(text: str) -> bool:
    """Whether a web address stands in the text."""
    return ("http" in text or "www." in text) and _LINK.search(text) is not None


def split_struck(text: str) -> tuple[str, str]:
    """(what stands, what was struck through with ``~~``)."""
    if "~~" not in text:
        return text, ""
    parts = text.split("~~")
    if len(parts) % 2 == 0:  # the last mark is not closed
        parts[-2:] = ["~~".join(parts[-2:])]
    return " ".join(parts[::2]), " ".join(parts[1::2])


def split_quoted(text: str) -> tuple[str, str]:
    """(the author's own lines, lines quoted from somebody else with ``>``)."""
    if ">" not in text:
        return text, ""
    own: list[str] = []
    quoted: list[str] = []
    rest_is_quote = False
    for line in text.split("\n"):
        mark = line.lstrip()
        rest_is_quote = rest_is_quote or mark.startswith(">>> ")
        is_quote = rest_is_quote or mark.startswith("> ")
        (quoted if is_quote else own).append(mark.lstrip("> ") if is_quote else line)
    return "\n".join(own), "\n".join(quoted)
