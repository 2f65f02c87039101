"""Arguments, exit codes and what is printed where; nothing else.

Exit codes: 0 ok; 1 findings, or stale outputs; 2 wrong usage, or an input or output that cannot be used;
70 a bug of ours; 130 interrupted.
"""

from __future__ import annotations

import argparse
import errno
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from lego_compile import __version__

if TYPE_CHECKING:
    from typing import TextIO

    from lego_compile.diagnostic.view import Finding

OK, FINDINGS, USAGE, BUG, INTERRUPTED = 0, 1, 2, 70, 130
FORMATS = ("full", "concise", "json", "github", "sarif", "junit")
_MACHINE = ("json", "sarif", "junit")
HANDLERS = {
    "compile": ("compiling", "compile_specs"),
    "lock": ("locking", "lock_specs"),
    "outdated": ("outdated", "list_outdated"),
    "catalog": ("catalog", "tend_catalog"),
    "images": ("imaging", "write_images"),
    "show": ("showing", "show_specs"),
    "doctor": ("doctoring", "examine_specs"),
    "verify": ("verifying", "verify_folders"),
    "inspect": ("inspecting", "inspect_images"),
    "explain": ("reference", "explain"),
    "schema": ("reference", "write_schemas"),
}
"""Command → module of ``commands`` and its function; imported when the command is run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    # Documents and artifacts are trees without cycles: looking for cycles costs a tenth of a compile.
    gc.set_threshold(200_000, 50, 50)
    for name in ("stdout", "stderr"):  # closed by the caller, as with `>&-`
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - it lives as long as the process
    from lego_compile.arguments import split

    command, words = split(list(sys.argv[1:] if arguments is None else arguments))
    try:
        code = _run(command, words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _last_words("\ninterrupted: nothing was left half-written")
        return INTERRUPTED
    except BrokenPipeError:
        return USAGE
    except OSError as error:
        if isinstance(error, FileNotFoundError) and error.filename is None:  # of os.getcwd
            _last_words("lego-compile: the folder that you are in is gone: change to another one")
            return USAGE
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EIO, errno.EBADF):
            return _bug(error)
        _last_words(f"lego-compile: cannot print: {(error.strerror or '').lower()}")
        return USAGE
    except Exception as error:  # noqa: BLE001 - mistakes of users are findings: whatever else comes is our bug
        return _bug(error)
    finally:
        _let_go()
    return code


def _run(command: str, words: list[str]) -> int:
    from lego_compile.arguments import parser_of

    parser = parser_of(command)
    if any(not word or (word.startswith("--") and word.endswith("=")) for word in words):
        parser.error("an argument is empty: is a variable not set?")
    chosen = parser.parse_intermixed_args(words)  # options may stand before, between and after the others
    if getattr(chosen, "output_format", "full") not in FORMATS:  # argparse does not check a default
        parser.error(f"LEGO_OUTPUT_FORMAT is {chosen.output_format!r}; it can be {', '.join(FORMATS)}")
    if command == "compile" and not chosen.specs:
        parser.error("name at least one centre spec, such as centers/grenoble.yaml")
    module, function = HANDLERS[command]
    from importlib import import_module

    code: int = getattr(import_module(f"lego_compile.commands.{module}"), function)(chosen)
    return code


def complain(message: str) -> int:
    """Say what is wrong with how a command was called; returns the exit code."""
    print(f"lego-compile: {message}", file=sys.stderr)
    return USAGE


def print_findings(findings: Sequence[Finding], chosen: argparse.Namespace) -> None:
    """Draw findings in the chosen format: for people on standard error, for machines on standard output."""
    machine = chosen.output_format in _MACHINE
    stream = sys.stdout if machine else sys.stderr
    if not findings and not machine:
        return
    from lego_compile.diagnostic.render import render

    text = render(
        chosen.output_format, findings, color=use_color(chosen.color, stream.isatty()), width=_width(stream)
    )
    _write(stream, text if text.endswith("\n") or not text else text + "\n")


def say(text: str, chosen: argparse.Namespace) -> None:
    """Print a line of the result, unless the caller wants diagnostics only."""
    if not chosen.quiet and chosen.output_format not in _MACHINE:
        _write(sys.stdout, text + "\n")


def use_color(choice: str, terminal: bool) -> bool:
    """Whether to colour: as asked; else on a terminal, unless ``NO_COLOR`` is set (no-color.org)."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (terminal and os.environ.get("TERM") != "dumb")


def _width(stream: TextIO) -> int | None:
    if stream is sys.stderr and sys.stderr.isatty():
        import shutil

        return shutil.get_terminal_size().columns
    return None


def _write(out: TextIO, text: str) -> None:
    """Print text that may hold characters which the terminal's encoding lacks."""
    encoding = out.encoding or "utf-8"
    out.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _last_words(text: str) -> None:
    """Print to standard error, which may be what cannot be printed to."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def _let_go() -> None:
    """Make sure that nothing is left to print: Python would try again at its end, and change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _bug(error: BaseException) -> int:
    import traceback

    _last_words(
        "".join(traceback.format_exception(error))
        + f"\nerror[LC900]: this is a bug of lego-compile {__version__}, not a mistake of yours\n"
        "  please report it with the lines above; nothing was written after it happened"
    )
    return BUG
