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
from typing import TYPE_CHECKING

from lego_compile import __version__

if TYPE_CHECKING:
    from typing import TextIO

    from lego_compile.diagnostic.view import Finding

OK, FINDINGS, USAGE, BUG, INTERRUPTED = 0, 1, 2, 70, 130
FORMATS = ("full", "concise", "json", "github", "sarif", "junit")
_MACHINE = ("json", "sarif", "junit")
_WITH_VALUE = ("--out", "--target", "--jobs", "--output-format", "--color")
COMMANDS = ("compile", "verify", "explain", "schema")

_EPILOG = """\
commands:
  lego-compile SPEC...            compile; the default command
  lego-compile verify DIR...      read artifacts back and prove that they agree
  lego-compile explain CODE       what a diagnostic means and what to do
  lego-compile schema             write the JSON Schemas for editors

exit codes: 0 ok, 1 findings or stale outputs, 2 wrong usage or unusable files, 70 a bug of lego-compile
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    # Documents and artifacts are trees without cycles: looking for cycles costs a tenth of a compile.
    gc.set_threshold(200_000, 50, 50)
    for name in ("stdout", "stderr"):  # closed by the caller, as with `>&-`
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - it lives as long as the process
    command, words = _command(list(sys.argv[1:] if arguments is None else arguments))
    try:
        code = _run(command, words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\ninterrupted: nothing was left half-written", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return USAGE
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EIO, errno.EBADF):
            return _bug(error)
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # what is left cannot be printed either
        print(f"lego-compile: cannot print: {(error.strerror or '').lower()}", file=sys.stderr)
        return USAGE
    except Exception as error:  # noqa: BLE001 - mistakes of users are findings: whatever else comes is our bug
        return _bug(error)
    return code


def _command(words: list[str]) -> tuple[str, list[str]]:
    """The command, and the words without it: the first word that is neither an option nor an option's value."""
    for index, word in enumerate(words):
        if word.startswith("-") or (index and words[index - 1] in _WITH_VALUE):
            continue
        return (word, words[:index] + words[index + 1 :]) if word in COMMANDS else ("compile", words)
    return "compile", words


def _run(command: str, words: list[str]) -> int:
    from lego_compile import commands

    parser = _parser(command)
    chosen = parser.parse_args(words)
    if getattr(chosen, "output_format", "full") not in FORMATS:  # argparse does not check a default
        parser.error(f"LEGO_OUTPUT_FORMAT is {chosen.output_format!r}; it can be {', '.join(FORMATS)}")
    if command == "compile":
        if not chosen.specs:
            parser.error("name at least one centre spec, such as centers/grenoble.yaml")
        return commands.compile_specs(chosen)
    if command == "verify":
        return commands.verify_folders(chosen)
    if command == "explain":
        return commands.explain(chosen)
    return commands.write_schemas(chosen)


def _parser(command: str) -> argparse.ArgumentParser:
    is_default = command == "compile"
    parser = argparse.ArgumentParser(
        prog="lego-compile" if is_default else f"lego-compile {command}",
        description="Compile centre specs into agreeing JupyterHub deployments." if is_default else None,
        epilog=_EPILOG if is_default else None,
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    if is_default:
        parser.add_argument("--version", action="version", version=f"lego-compile {__version__}")
        parser.add_argument(
            "specs", nargs="*", metavar="SPEC", help="centre specs, such as centers/grenoble.yaml"
        )
        parser.add_argument(
            "--check", action="store_true", help="write nothing; exit 1 when outputs are not current"
        )
        parser.add_argument(
            "--target",
            action="append",
            default=[],
            metavar="T",
            help="write only this target's files (repeatable)",
        )
        parser.add_argument("--out", default="out", metavar="DIR", help="output folder (default: out)")
        parser.add_argument(
            "--jobs", type=_jobs, default=0, metavar="N", help="processes (default: by the work)"
        )
    if command in ("compile", "verify"):
        parser.add_argument("--strict", action="store_true", help="treat warnings as errors")
        parser.add_argument(
            "--output-format",
            choices=FORMATS,
            default=os.environ.get("LEGO_OUTPUT_FORMAT") or "full",
            help="of diagnostics; json, sarif and junit go to standard output",
        )
        parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")
        parser.add_argument("-q", "--quiet", action="store_true", help="print diagnostics only")
    if command == "verify":
        parser.add_argument("folders", nargs="+", metavar="DIR", help="output folders, such as out/grenoble")
    if command == "explain":
        parser.add_argument(
            "code", nargs="?", metavar="CODE", help="a diagnostic code such as LC402; all without one"
        )
    if command == "schema":
        parser.add_argument(
            "--check", action="store_true", help="write nothing; exit 1 when schemas are not current"
        )
        parser.add_argument("--out", default="schemas", metavar="DIR", help="folder (default: schemas)")
    return parser


def _formatter(prog: str) -> argparse.RawDescriptionHelpFormatter:
    """Help with a width of ours: asking for the terminal's imports shutil, at every start."""
    return argparse.RawDescriptionHelpFormatter(prog, width=100)


def _jobs(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes from 1 to 256")
    return int(text)


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


def _bug(error: BaseException) -> int:
    import traceback

    traceback.print_exception(error)
    print(
        f"\nerror[LC900]: this is a bug of lego-compile {__version__}, not a mistake of yours\n"
        "  please report it with the lines above; nothing was written after it happened",
        file=sys.stderr,
    )
    return BUG
