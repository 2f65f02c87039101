"""The command line's words: which command is meant, and what each understands."""

from __future__ import annotations

import argparse
import os
import re

from lego_compile import __version__
from lego_compile.cli import FORMATS, HANDLERS

_WITH_VALUE = (
    "--out", "--target", "--jobs", "--output-format", "--color", "--upgrade-package", "-P", "--via",
    "--insecure-registry", "--ca", "--timeout", "--catalog", "--name", "--with", "--prefix", "--as",
)  # fmt: skip

_EPILOG = """\
commands:
  lego-compile SPEC...            compile; the default command
  lego-compile lock SPEC...       pin what centres use by digest; asks the registries
  lego-compile outdated SPEC...   list newer releases than those that are pinned; asks the registries
  lego-compile show SPEC...       what each profile is made of, and how much it pulls
  lego-compile catalog add REF    add an image to the catalog, or update it, from its labels; asks its registry
  lego-compile catalog check      compare the whole catalog with the registries
  lego-compile images CATALOG     write the repository that builds the catalog's images
  lego-compile doctor SPEC...     does this machine do what the spec says of it?
  lego-compile verify DIR...      read artifacts back and prove that they agree
  lego-compile inspect WHAT...    what a brick or system image is, read from its files, against its labels
  lego-compile explain CODE       what a diagnostic means and what to do
  lego-compile schema             write the JSON Schemas for editors

exit codes: 0 ok, 1 findings or stale outputs, 2 wrong usage or unusable files, 70 a bug of lego-compile,
130 interrupted
"""


def split(words: list[str]) -> tuple[str, list[str]]:
    """The command, and the words without it: the first word that is neither an option nor an option's value."""
    for index, word in enumerate(words):
        if word.startswith("-") or (index and words[index - 1] in _WITH_VALUE):
            continue
        return (word, words[:index] + words[index + 1 :]) if word in HANDLERS else ("compile", words)
    return "compile", words


def parser_of(command: str) -> argparse.ArgumentParser:
    """The parser of one command."""
    is_default = command == "compile"
    parser = argparse.ArgumentParser(
        prog="lego-compile" if is_default else f"lego-compile {command}",
        description=_ABOUT[command],
        epilog=_EPILOG if is_default else None,
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    _OWN[command](parser)
    if command in ("lock", "outdated", "catalog"):
        _network(parser, mirrors=command != "catalog")
    if command == "inspect":
        _asking(parser)
    if command not in ("explain", "schema"):
        _findings(parser)
    return parser


_ABOUT = {
    "compile": "Compile centre specs into agreeing JupyterHub deployments.",
    "lock": "Pin the images that centres use, by digest. A pin that is there stays; what is new is asked for.",
    "outdated": "List what the catalog and the registries have that is newer than what is pinned.",
    "catalog": "Add images to a catalog from their labels, or compare a catalog with the registries.",
    "images": "Write the repository that builds a catalog's images: Containerfiles, and pipelines.",
    "show": "Show what each profile is made of, and how much it pulls.",
    "doctor": "Look whether this machine does what the specs say of it, and say what an administrator has to allow.",
    "verify": "Read artifacts back and prove that they agree.",
    "inspect": "Read what bricks and system images are from their files, lint them, and compare with their labels.",
    "explain": "Say what a diagnostic means.",
    "schema": "Write the JSON Schemas for editors.",
}


def _compile(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument("--jobs", type=_jobs, default=0, metavar="N", help="processes (default: by the work)")


def _specs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "specs", nargs="+", metavar="SPEC", help="centre specs, such as centers/grenoble.yaml"
    )


def _doctor(parser: argparse.ArgumentParser) -> None:
    _specs(parser)
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="T",
        help="look at this target only (repeatable)",
    )


def _lock(parser: argparse.ArgumentParser) -> None:
    _specs(parser)
    add = parser.add_argument
    add("--locked", action="store_true", help="write nothing; exit 1 when a lock would change")
    add("--refresh", action="store_true", help="read every pinned image again, by its digest; the pins stay")
    add(
        "--check",
        action="store_true",
        help="for CI: --locked and --refresh, to see that every pinned image is there and says the same",
    )
    add(
        "-U", "--upgrade", action="store_true", help="resolve every image again, and take the newest releases"
    )
    add(
        "-P",
        "--upgrade-package",
        action="append",
        default=[],
        metavar="NAME",
        help="the same for one brick or system image (repeatable)",
    )
    add("--offline", action="store_true", help="ask no registry; fail when one has to be asked")
    add(
        "--prune",
        action="store_true",
        help="of a lock that centres share, remove the pins that none of the SPECs uses",
    )


def _outdated(parser: argparse.ArgumentParser) -> None:
    _specs(parser)
    parser.add_argument("--check", action="store_true", help="exit 1 when something is outdated")


def _catalog(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("add", "check"))
    parser.add_argument(
        "references",
        nargs="*",
        metavar="REFERENCE",
        help="of `add`: such as registry.example.org/lego/brick:2026.10",
    )
    parser.add_argument("--catalog", metavar="FILE", help="default: the only YAML file in catalog/")
    parser.add_argument(
        "--name", metavar="NAME", help="of the entry; by default the name that the image states"
    )


def _images(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("catalog", metavar="CATALOG", help="a catalog, such as catalog/gaia-data.yaml")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 when outputs are not current"
    )
    parser.add_argument("--out", default="images", metavar="DIR", help="output folder (default: images)")


def _verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", metavar="DIR", help="output folders, such as out/grenoble")
    parser.add_argument(
        "--with",
        action="append",
        default=[],
        dest="overlays",
        metavar="FILE",
        help="also judge Helm values of your own that are laid over the compiled ones (repeatable; the last one wins)",
    )


def _inspect(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "what",
        nargs="+",
        metavar="WHAT",
        help="a folder (a prefix, or the root of an image), oci:DIR[:TAG], or REGISTRY/REPOSITORY:TAG",
    )
    add("--label", action="store_true", help="write the labels that files state into an OCI layout")
    add("--name", metavar="NAME", help="that the labels have to state")
    add("--prefix", metavar="PATH", help="that the brick has to be built for")
    add(
        "--as",
        dest="kind",
        choices=("brick", "system"),
        help="what it is (default: what its labels say; without any, what it looks like)",
    )


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "code", nargs="?", metavar="CODE", help="a diagnostic code such as LC402; all without one"
    )


def _schema(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 when schemas are not current"
    )
    parser.add_argument("--out", default="schemas", metavar="DIR", help="folder (default: schemas)")


_OWN = {
    "compile": _compile, "lock": _lock, "outdated": _outdated, "catalog": _catalog, "images": _images, "show": _specs,
    "doctor": _doctor, "verify": _verify, "explain": _explain, "schema": _schema, "inspect": _inspect,
}  # fmt: skip


def _network(parser: argparse.ArgumentParser, *, mirrors: bool) -> None:
    """How registries are asked; a catalog has no mirrors."""
    add = parser.add_argument
    places = "origin: where images are published (default); mirror: behind the centre's mirrors; "
    add(
        "--via",
        action="append",
        default=[],
        metavar="WHERE",
        help=(places if mirrors else "")
        + "PREFIX=PREFIX: ask elsewhere, such as registry.example.org=localhost:5000/gaia (repeatable)",
    )
    _asking(parser)


def _asking(parser: argparse.ArgumentParser) -> None:
    """With what registries are asked."""
    add = parser.add_argument
    add(
        "--insecure-registry",
        action="append",
        default=[],
        type=_host,
        metavar="HOST[:PORT]",
        help="a registry that may be asked without TLS, or with a certificate that nobody vouches for (repeatable)",
    )
    add("--ca", metavar="FILE", help="certificates of authorities to trust besides the system's")
    add(
        "--timeout",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="how long a silent registry is waited for",
    )


def _findings(parser: argparse.ArgumentParser) -> None:
    """How findings are told."""
    parser.add_argument("--strict", action="store_true", help="treat warnings as errors")
    parser.add_argument(
        "--output-format",
        choices=FORMATS,
        default=os.environ.get("LEGO_OUTPUT_FORMAT") or "full",
        help="of diagnostics; json, sarif and junit go to standard output",
    )
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    parser.add_argument("-q", "--quiet", action="store_true", help="print diagnostics only")


def _formatter(prog: str) -> argparse.RawDescriptionHelpFormatter:
    """Help with a width of ours: asking for the terminal's imports shutil, at every start."""
    return argparse.RawDescriptionHelpFormatter(prog, width=100)


def _jobs(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes from 1 to 256")
    return int(text)


def _host(text: str) -> str:
    if not re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no host, such as registry.example.org or localhost:5000"
        )
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0.1 to 3600")
    return seconds
