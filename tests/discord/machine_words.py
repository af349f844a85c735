"""What of a text is a machine's word and not a person's."""

import re

from engine.domain.desk import AlertState, ApprovalState
from engine.domain.order import OrderState

_CODE = re.compile(r"(?<!`)`[^`\n]+`(?!`)|https?://\S+|<[@#:][^>]*>|\"[^\"]*\"|“[^”]*”")
"""What is quoted on purpose: settings, commands, ids, other people's words."""
TECHNICAL = ("Settings ·", "Audit ", "unknown key", "told during ")
"""Where names are shown as they are stored: settings by name, journal records field by field."""
_UNDERSCORE = re.compile(r"(?<![\w./:-])[A-Za-z]+(?:_[A-Za-z]+)+(?![\w./:-])")
_STATES = "|".join(
    sorted({s.value for kind in (AlertState, ApprovalState, OrderState) for s in kind})
)
_SHOUTED = re.compile(rf"\b({_STATES})\b")
_INTERNAL = re.compile(
    r"\b(closed|void|withdrawn|cancelled)\W{0,6}(by )?(flatten|halt)\b|nothing: (flatten|halt)\b",
    re.IGNORECASE,
)


def found_in(text: str) -> list[str]:
    """State names, words with underscores, internal reasons; () when people can read it all."""
    plain = _CODE.sub(" ", text.replace("\\_", "_").replace("**", ""))
    return [m[0] for rule in (_UNDERSCORE, _SHOUTED, _INTERNAL) for m in rule.finditer(plain)]
