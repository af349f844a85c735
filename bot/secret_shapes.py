"""What secrets look like, for whatever must keep them out: config.yaml, logs, commits.

Standard library only: the commit hook reads this file before anything is installed.
"""

import re

SHAPES = {
    "a Discord bot token": r"\b[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    "a Discord webhook address": r"discord(?:app)?\.com/api/webhooks/\d{15,}/[\w-]{20,}",
    "an API key": r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}",
    "a cloud access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{35}",
    "a GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_\w{40,}",
    "a Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "an Alpaca key": r"\b(?:PK|AK)[A-Z0-9]{18}\b",
    "a signed web token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "a password in an address": r"\b[a-z][a-z0-9+]*://[^\s:/@{}<>$\"']*:(?!\*+@)[^\s:/@{}<>$\"']+@",
}

_RULES = [(what, re.compile(rule)) for what, rule in SHAPES.items()]


def shape_of(text: str) -> str | None:
    """The kind of secret that ``text`` seems to hold; None when it looks harmless."""
    return next((what for what, rule in _RULES if rule.search(text)), None)


def masked(text: str) -> str:
    """``text`` with everything that looks like a secret taken out."""
    for what, rule in _RULES:
        text = rule.sub(f"[{what}]", text)
    return text
