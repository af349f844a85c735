"""``tradestream VERB`` or ``python -m bot VERB``: each file of bot/cli is one verb.

A verb's file says ``HELP`` (a line of text), ``add_arguments(parser)`` and ``run(args) -> int``;
``args.config`` is the file named by ``--config`` (before or after the verb), or None. Only the verb
that is asked for is imported. Exit codes: 0 clean, 1 crash (start again), 2 not understood, 78
configuration (do not start again until it is mended), 130 interrupted.
"""

import argparse
import ast
import difflib
import importlib
import os
import select
import sys
from collections.abc import Sequence
from pathlib import Path

CLEAN, CRASH, USAGE, CONFIGURATION, INTERRUPTED = 0, 1, 2, 78, 130
VERBS = Path(__file__).parent / "cli"
DEFAULT = "run"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    config, words = _config_of(words)
    if words and words[0] in ("-h", "--help", "help"):
        print(_help())
        return CLEAN
    verb = DEFAULT
    if words and not words[0].startswith("-"):
        verb = words.pop(0)
    if verb not in _verbs():
        print(_not_a_verb(verb), file=sys.stderr)
        return USAGE
    return _run(verb, config, words)


def _run(verb: str, config: Path | None, words: list[str]) -> int:
    from engine.domain.errors import ConfigError

    try:
        module = importlib.import_module(f"bot.cli.{verb.replace('-', '_')}")
        parser = argparse.ArgumentParser(
            prog=f"tradestream {verb}", description=module.HELP, conflict_handler="resolve"
        )
        parser.add_argument("--config", type=Path, default=config, help="another config.yaml")
        module.add_arguments(parser)
        try:
            args = parser.parse_args(words)
        except SystemExit as asked:  # argparse has explained itself
            return USAGE if asked.code else CLEAN
        args.config = args.config or config
        return _done(int(module.run(args) or CLEAN))
    except ConfigError as error:
        print(f"tradestream: configuration\n{error}\nNothing was started.", file=sys.stderr)
        return CONFIGURATION
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError as error:
        if _is_unread():
            return CLEAN
        _report_crash(verb, error)
        return CRASH
    except Exception as error:  # noqa: BLE001 - the outermost edge: log once, exit 1
        _report_crash(verb, error)
        return CRASH


def _done(code: int) -> int:
    """The exit code, once all that was printed is written."""
    sys.stdout.flush()
    return code


def _is_unread() -> bool:
    """Whether nobody reads standard output any more, as behind ``| head``; then it is let go."""
    ear = select.poll()
    ear.register(sys.stdout.fileno(), 0)
    if not any(event & select.POLLERR for _, event in ear.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _report_crash(verb: str, error: Exception) -> None:
    """Through the log, which takes secrets out; one is set up when the verb did not come so far."""
    import logging

    if not logging.getLogger().handlers:
        from bot import log
        from bot.config.secrets import from_environment

        log.start(secrets=from_environment().values())
    logging.getLogger("bot").critical("%s crashed", verb, exc_info=error)


def _config_of(words: list[str]) -> tuple[Path | None, list[str]]:
    """``--config FILE`` before the verb, and the words without it."""
    if words and words[0] == "--config" and len(words) > 1:
        return Path(words[1]), words[2:]
    if words and words[0].startswith("--config="):
        return Path(words[0].removeprefix("--config=")), words[1:]
    return None, words


def _verbs() -> dict[str, Path]:
    """Verb -> its file; nothing is imported."""
    files = sorted(VERBS.glob("*.py"))
    return {f.stem.replace("_", "-"): f for f in files if not f.stem.startswith("_")}


def _help_line(file: Path) -> str:
    """The ``HELP`` of a verb's file, read without running it."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="HELP")], value=ast.Constant(value=str(text))):
                return text
            case _:
                continue
    return ""


def _help() -> str:
    verbs = _verbs()
    width = max(map(len, verbs), default=0)
    lines = [f"  {verb:<{width}}  {_help_line(file)}" for verb, file in verbs.items()]
    return "\n".join(
        [
            "usage: tradestream [--config FILE] [VERB] [...]",
            "",
            *lines,
            "",
            f"Without a verb: {DEFAULT}. More about one: tradestream VERB --help",
        ]
    )


def _not_a_verb(word: str) -> str:
    verbs = list(_verbs())
    near = difflib.get_close_matches(word, verbs, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return (
        f"tradestream: there is no verb {word!r}.{hint} Nothing was done.\n"
        f"Verbs: {', '.join(verbs) or 'none yet'}. See: tradestream --help"
    )


if __name__ == "__main__":
    sys.exit(main())
