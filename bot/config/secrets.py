"""Secrets: from the environment or from files of their own, never from config.yaml.

Four are ours; the others carry a name of the configuration: ``TS_ACCOUNT_<NAME>`` is an account's
number, ``TS_NOTIFY_<NAME>`` where notifications go, ``TS_<BROKER>_<SECRET>`` what that broker's
or feed's file declares.
"""

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from bot.config import adapters
from bot.config.layers import PREFIX
from bot.config.problems import secret_lines
from engine.domain.errors import ConfigError

AUDIT_KEY_LENGTH = 32
"""Shortest audit key that is taken, in characters."""


class Secrets(BaseModel):
    """Every secret TradeStream knows. ``discord_token`` is ``TS_DISCORD_TOKEN`` or a file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    discord_token: SecretStr | None = None
    """The bot account's token; an account token of a person is against Discord's terms."""
    audit_key: SecretStr | None = Field(default=None, min_length=AUDIT_KEY_LENGTH)
    """Seals the audit chain; when none is given, one is made beside the database."""
    storage_password: SecretStr | None = None
    """Password of the PostgreSQL user in ``storage.url``."""
    openai_api_key: SecretStr | None = None
    """Key of the copilot's model."""
    accounts: Mapping[str, SecretStr] = Field(default_factory=dict)
    """Account -> its number at its broker."""
    adapters: Mapping[str, SecretStr] = Field(default_factory=dict)
    """``alpaca_key`` and the like -> the secret."""
    notify: Mapping[str, SecretStr] = Field(default_factory=dict)
    """Channel -> address that notifications go to, as apprise writes it."""

    def values(self) -> frozenset[str]:
        """All of them as plain text, for whoever must keep them out of an output."""
        given = [getattr(self, name) for name in OURS]
        given += [*self.accounts.values(), *self.adapters.values(), *self.notify.values()]
        return frozenset(secret.get_secret_value() for secret in given if secret is not None)


OURS = ("discord_token", "audit_key", "storage_password", "openai_api_key")
_ACCOUNT, _NOTIFY = "account_", "notify_"
_NAMED = (_ACCOUNT, _NOTIFY)


def is_secret(key: str) -> bool:
    """Whether a lower-case name without ``TS_`` may be a secret's."""
    if key in OURS or (key.startswith(_NAMED) and key not in _NAMED):
        return True
    owner = owner_of(key)
    return owner is not None and len(key) > len(owner) + 1


def owner_of(key: str) -> str | None:
    """The broker or feed whose secret ``alpaca_key`` is."""
    fits = [name for name in adapters.names() if key.startswith(f"{name}_")]
    return max(fits, key=len, default=None)


def read_secrets(home: Path, secrets_dir: Path) -> Secrets:
    """Secrets: environment, then $CREDENTIALS_DIRECTORY, then ``secrets_dir``, then .env.

    Raises:
        ConfigError: a file that others may read, an unknown name in .env, a malformed secret.
    """
    values: dict[str, str] = {}
    values |= _from_dotenv(home / ".env")
    values |= _from_files(home / secrets_dir, is_ours=True)
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    if given:
        values |= _from_files(Path(given), is_ours=False)
    values |= from_environment()
    shaped: dict[str, object] = {n: v for n, v in values.items() if n in OURS}
    shaped["accounts"] = {
        n.removeprefix(_ACCOUNT): v for n, v in values.items() if n.startswith(_ACCOUNT)
    }
    shaped["notify"] = {
        n.removeprefix(_NOTIFY): v for n, v in values.items() if n.startswith(_NOTIFY)
    }
    shaped["adapters"] = {_canonical(n): v for n, v in values.items() if owner_of(n) is not None}
    try:
        return Secrets.model_validate(shaped)
    except ValidationError as error:
        raise ConfigError("\n".join(secret_lines(error))) from None


def from_environment() -> dict[str, str]:
    """The secrets among the environment variables, not checked."""
    given = {
        name.removeprefix(PREFIX).lower(): value.strip()
        for name, value in os.environ.items()
        if name.startswith(PREFIX)
    }
    return {name: value for name, value in given.items() if value and is_secret(name)}


def _canonical(key: str) -> str:
    """``tda_key`` is ``schwab_key``."""
    owner = owner_of(key)
    return key if owner is None else adapters.canonical(owner) + key.removeprefix(owner)


def _from_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    check_private(path)
    values = {}
    for name, value in dotenv_values(path, interpolate=False).items():
        key = name.removeprefix(PREFIX).lower()
        if not name.startswith(PREFIX) or not is_secret(key):
            raise ConfigError(
                f".env: {name}: only secrets may stand here ({_names()}); "
                "other settings belong into config.yaml or the environment"
            )
        if value and value.strip():
            values[key] = value.strip()
    return values


def _from_files(folder: Path, *, is_ours: bool) -> dict[str, str]:
    if not folder.is_dir():
        return {}
    values = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        if not is_secret(path.name):
            if is_ours:
                raise ConfigError(
                    f"{path}: no such secret; known: {', '.join(OURS)}, "
                    "account_<name>, notify_<name>, <broker>_<secret>"
                )
            continue
        if is_ours:
            check_private(path)
        text = path.read_text(encoding="utf-8").strip()
        if text:
            values[path.name] = text
    return values


def check_private(path: Path) -> None:
    """Refuse a file with secrets that others may read.

    Raises:
        ConfigError: says what to do. FileNotFoundError.
    """
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigError(f"{path}: holds secrets but others may read it; do: chmod 600 {path}")


def _names() -> str:
    ours = ", ".join(f"{PREFIX}{name.upper()}" for name in OURS)
    return f"{ours}, {PREFIX}ACCOUNT_<NAME>, {PREFIX}NOTIFY_<NAME>, {PREFIX}<BROKER>_<SECRET>"


def audit_key(given: SecretStr | None, beside: Path) -> bytes:
    """The key that seals the audit chain: ``TS_AUDIT_KEY``, else ``audit.key`` beside the books.

    Args:
        given: The configured secret; None to keep one in a file of our own.
        beside: Folder of the database file. The key file is made on the first start, mode 0600.

    Raises:
        ConfigError: the file is open to others, too short, or cannot be made.
    """
    if given is not None:
        return given.get_secret_value().encode()
    path = beside / "audit.key"
    try:
        beside.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_new(path, secrets.token_hex(AUDIT_KEY_LENGTH))
        check_private(path)
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"audit_key: {path}: {type(error).__name__}; or set TS_AUDIT_KEY"
        ) from None
    if len(key) < AUDIT_KEY_LENGTH:
        raise ConfigError(f"audit_key: {path} must have at least {AUDIT_KEY_LENGTH} characters")
    return key.encode()


def _write_new(path: Path, text: str) -> None:
    """Whole or not at all, readable by us alone, never over an existing file."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another start was quicker: its key counts
    finally:
        draft.unlink()
