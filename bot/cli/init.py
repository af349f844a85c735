"""``tradestream init``: from a bot token to a configuration that starts, every step checked."""

import argparse
import asyncio
import getpass
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HELP = "Set up a new desk: ask, check the token with Discord, write config.yaml and .env."

_KEY = "TS_DISCORD_TOKEN"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Every answer can be given beforehand."""
    parser.add_argument("--guild-id", type=int, help="numeric id of your server")
    parser.add_argument(
        "--token-file", type=Path, help=f"file that holds the bot's token (or set {_KEY})"
    )
    parser.add_argument("--api-base", default="", help="another Discord on this machine, to try")
    parser.add_argument(
        "--practice",
        action=argparse.BooleanOptionalAction,
        help="a made-up market, so that paper trades can be tried at once",
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--force", action="store_true", help="write over files that are there")


def run(args: argparse.Namespace) -> int:
    """Exit code 0: ready to run; 1: something is left to do, and it was said what."""
    from engine.domain.errors import UserError

    try:
        return asyncio.run(_guided(args))
    except UserError as error:
        print(f"tradestream init: {error}", file=sys.stderr)
    except OSError as error:  # a full disk, a folder that was taken away meanwhile
        where = error.filename or "a file"
        print(f"tradestream init: {where} cannot be written: {_why(error)}.", file=sys.stderr)
    return 1


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__


@dataclass(frozen=True, slots=True)
class Terminal:
    """Asks a person, unless told not to."""

    is_silent: bool

    def ask(self, question: str, default: str = "") -> str:
        """One line; ``default`` when nothing is typed or nobody is asked."""
        if self.is_silent:
            return default
        try:
            return input(f"{question} ").strip() or default
        except EOFError:
            return default

    def agree(self, question: str, *, default: bool) -> bool:
        """Yes or no."""
        shown = "[Y/n]" if default else "[y/N]"
        return self.ask(f"{question} {shown}", "y" if default else "n").lower().startswith("y")

    def secret(self, question: str) -> str:
        """One line that is not shown while it is typed."""
        if self.is_silent or not sys.stdin.isatty():
            return ""
        return getpass.getpass(f"{question} ").strip()


async def _guided(args: argparse.Namespace) -> int:
    from bot.doctor._rest import DiscordRest

    terminal = Terminal(args.yes)
    file = (args.config or Path("config.yaml")).resolve()
    _check_folder(file.parent)
    _check_free(file, terminal, force=args.force)
    token, is_new = _token(args, terminal, file.parent)
    _check_base(args.api_base)
    async with DiscordRest(token, args.api_base) as rest:
        application = await _application(rest, terminal)
        guild_id = await _guild(rest, args, terminal, application)
        gateway = (await rest.get("/gateway/bot"))["url"] if args.api_base else ""
    wants_market = args.practice
    if wants_market is None:
        wants_market = terminal.agree(
            "Practise in a made-up market first? (Otherwise name a feed in config.yaml.)",
            default=True,
        )
    _write(file, guild_id, args.api_base, gateway, practice=wants_market)
    print(f"✓ wrote {_short(file)}")
    if is_new:
        _write_token(file.parent / ".env", token, terminal, force=args.force)
    return _farewell(file, application, guild_id, is_here=bool(args.api_base))


# -- what is asked -------------------------------------------------------------------------------


def _check_folder(folder: Path) -> None:
    """Before anything is asked: both files go there."""
    from engine.domain.errors import UserError

    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"the folder {folder} cannot be written: {_why(error)}. Choose another one, or run "
            "it as a user who may. Nothing was written."
        ) from None


def _check_free(file: Path, terminal: Terminal, *, force: bool) -> None:
    from engine.domain.errors import UserError

    if file.exists() and not force and not _is_blank(file):
        if terminal.is_silent:
            raise UserError(f"{_short(file)} is there already (--force writes over it).")
        if not terminal.agree(f"{_short(file)} is there already. Write over it?", default=False):
            raise UserError("Nothing was written.")


def _is_blank(file: Path) -> bool:
    """Whether it is as it was shipped, for no server yet: nothing of anybody's is lost."""
    from bot.config.file import read_yaml
    from engine.domain.errors import ConfigError

    try:
        discord = read_yaml(file).get("discord") or {}
    except ConfigError:
        return False
    return not discord.get("guild_id")


def _check_base(address: str) -> None:
    """The token goes there: it has to be this machine."""
    from bot.config.values import is_loopback
    from engine.domain.errors import UserError

    if address and not is_loopback(address):
        raise UserError("--api-base must be an address of this machine. Nothing was written.")


def _token(args: argparse.Namespace, terminal: Terminal, folder: Path) -> tuple[str, bool]:
    """The token, and whether it has yet to be kept."""
    from engine.domain.errors import UserError

    if args.token_file is not None:
        try:
            return args.token_file.read_text(encoding="utf-8").strip(), True
        except OSError as error:
            raise UserError(f"{args.token_file}: {type(error).__name__}.") from None
    if os.environ.get(_KEY):
        return os.environ[_KEY].strip(), False
    known = _kept(folder / ".env")
    if known and terminal.agree("Use the token in .env?", default=True):
        return known, False
    if not terminal.is_silent:
        print(
            "1. https://discord.com/developers/applications → New Application → Bot\n"
            "2. Privileged Gateway Intents: switch on Message Content Intent, save\n"
            "3. Reset Token, copy it. Nobody but this program may see it."
        )
    typed = terminal.secret("Paste the token (it is not shown):")
    if not typed:
        raise UserError(f"There is no token: give --token-file or set {_KEY}. Nothing was written.")
    return typed, True


def _kept(file: Path) -> str:
    from dotenv import dotenv_values

    return (dotenv_values(file, interpolate=False).get(_KEY) or "") if file.is_file() else ""


async def _application(rest: Any, terminal: Terminal) -> Any:
    """The bot's application; its switches are looked at until they are right."""
    from bot.doctor import login
    from bot.doctor._rest import Unreachable
    from engine.domain.errors import UserError

    try:
        me = await rest.get("/users/@me")
        application = await rest.get("/applications/@me")
        print(f"✓ Discord accepts the token: the bot is {me['username']}")
        while not (found := login.content(application)).is_ok:
            print(f"✗ Message Content Intent is off.\n  → {found.mend}")
            if terminal.ask("Then press Enter to look again, or type skip:", "skip") == "skip":
                break
            application = await rest.get("/applications/@me")
        else:
            print("✓ Message Content Intent is on")
    except Unreachable as error:
        wrong = login.refused(error)
        raise UserError(f"{wrong.said}. → {wrong.mend} Nothing was written.") from None
    return application


async def _guild(rest: Any, args: argparse.Namespace, terminal: Terminal, application: Any) -> int:
    """The server: named, or the one that the bot is in, or the one it is invited to now."""
    from bot.doctor import _rights as rights
    from engine.domain.errors import UserError

    while True:
        there = {int(g["id"]): str(g["name"]) for g in await rest.get("/users/@me/guilds")}
        wanted: int | None = args.guild_id
        if wanted is None and len(there) == 1:
            wanted = next(iter(there))
        if wanted is None and there:
            for number, name in there.items():
                print(f"  {number}  {name}")
            typed = terminal.ask("Which server? Its number:")
            wanted = int(typed) if typed.isdigit() else None
        if wanted in there:
            print(f"✓ the bot is a member of {there[wanted]}")
            return int(wanted)
        link = rights.invite(application["id"], rights.SETTING_UP, wanted)
        print(f"✗ The bot is not in {'that' if wanted else 'any'} server yet. Invite it:\n  {link}")
        if terminal.ask("Then press Enter to look again, or type skip:", "skip") == "skip":
            if wanted is None:
                raise UserError("Which server? Invite the bot, or give --guild-id.")
            return wanted


# -- what is written -----------------------------------------------------------------------------


def _write(file: Path, guild_id: int, api_base: str, gateway: str, *, practice: bool) -> None:
    """config.yaml, every comment of the shipped one kept; nothing when it would not be accepted."""
    from bot.config import edit
    from bot.practice import PLAN, plan
    from engine.clock import SystemClock

    changes: dict[tuple[str, ...], Any] = {("discord", "guild_id"): guild_id, ("sources",): {}}
    if api_base:
        changes |= {
            ("test_mode",): True,
            ("discord", "api_base"): api_base.rstrip("/"),
            ("discord", "gateway_url"): gateway,
        }
    if practice:
        (file.parent / PLAN).write_text(plan(SystemClock().now()), encoding="utf-8")
        changes |= {("feed", "kind"): "synthetic", ("feed", "plan"): PLAN}
        # A made-up market has no morning and no evening.
        changes |= {
            ("risk", "entry_window", asset): None for asset in ("stock", "option", "future")
        }
    shipped = Path(__file__).parents[2] / "config.yaml"
    text = shipped.read_text(encoding="utf-8") if shipped.is_file() else _SHORT
    edit.create(file, text, changes)


_SHORT = "accounts: {main: {broker: paper}}\ndiscord: {}\nfeed: {}\nrisk: {}\nsources: {}\n"
"""Where the program came without its commented config.yaml; all else has its default."""


def _write_token(file: Path, token: str, terminal: Terminal, *, force: bool) -> None:
    """Readable by this user alone; other lines of the file stay."""
    from bot.config import edit

    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    others = [line for line in lines if not line.startswith(f"{_KEY}=")]
    asks = len(others) < len(lines) and not force
    if asks and not terminal.agree(".env holds a token already. Replace it?", default=False):
        print("  .env was left as it is")
        return
    edit.write_whole(file, "\n".join([*others, f"{_KEY}={token}"]) + "\n", mode=0o600)
    print("✓ wrote .env (mode 600): the token is there and nowhere else")


def _farewell(file: Path, application: Any, guild_id: int, *, is_here: bool) -> int:
    """What to do next; 1 while the bot could not start."""
    from bot.doctor import _rights as rights
    from bot.doctor import login

    is_ready = bool(login.content(application).is_ok)
    if not is_here:
        minimal = rights.invite(application["id"], rights.MINIMAL, guild_id)
        print(
            f"Invite link: {rights.invite(application['id'], rights.SETTING_UP, guild_id)}\n"
            "  Manage Channels and Manage Roles are for /setup alone: take them away afterwards,\n"
            f"  or invite without them and make channels and roles by hand: {minimal}"
        )
    config = "" if file == Path("config.yaml").resolve() else f" --config {_short(file)}"
    print(
        "Next:\n"
        + ("" if is_ready else "  switch on Message Content Intent (above)\n")
        + f"  tradestream{config} run       start the bot\n"
        "  /setup                in your server, as its owner or an administrator\n"
        f"  tradestream{config} doctor    whenever something does not work"
    )
    return 0 if is_ready else 1


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
