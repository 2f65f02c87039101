"""What the commands that ask registries share: where they ask, with what, and what is shown meanwhile."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from lego_compile.mirrors import Mirrors
from lego_compile.source.read import read_text
from lego_compile.spec.load import schema_of

if TYPE_CHECKING:
    from lego_compile.registry.client import Registries


class Via(NamedTuple):
    """Where images are asked for.

    Attributes:
        mirror: behind the centre's own mirrors, instead of where they are published.
        rules: registry prefixes and what is asked instead; they come before the centre's.
    """

    mirror: bool
    rules: Mapping[str, str]

    @classmethod
    def parse(cls, words: list[str]) -> Via | str:
        """The values of ``--via``, or what is wrong with them, in words."""
        import re

        pattern = schema_of("center")["properties"]["mirrors"]["propertyNames"]["pattern"]
        mirror, rules = False, {}
        for word in words:
            prefix, equals, place = word.partition("=")
            if word in ("mirror", "origin"):
                mirror = word == "mirror"
            elif prefix in rules:
                return f"--via names {prefix} twice"
            elif not equals or not re.search(pattern, prefix) or not re.search(pattern, place):
                return (
                    f"--via is {word!r}; it can be mirror, origin, or PREFIX=PREFIX, such as "
                    "registry.example.org=localhost:5000/gaia"
                )
            else:
                rules[prefix] = place
        return cls(mirror, rules)

    def at(self, mirrors: Mapping[str, str]) -> Callable[[str], str]:
        """Repository → where it is asked for, in a centre with these mirrors."""
        own, theirs = Mirrors(self.rules), Mirrors(mirrors if self.mirror else {})

        def ask_at(repository: str) -> str:
            place = own.rewrite(repository, ())
            return place if place != repository else theirs.rewrite(repository, ())

        return ask_at


def asking(chosen: argparse.Namespace) -> Via | str:
    """Where a command asks, or what is wrong with its options, in words."""
    if chosen.ca:
        text, problems = read_text(chosen.ca)
        if text is None:
            return f"--ca: {problems[0].message}"
        if "-----BEGIN CERTIFICATE-----" not in text:
            return f"--ca: `{chosen.ca}` holds no certificate in PEM format"
    return Via.parse(chosen.via)


class Asked:
    """The client, and how many bytes it has received."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        from lego_compile.registry.client import Registries
        from lego_compile.registry.credentials import Credentials

        self.bytes = 0
        self.client: Registries = Registries(
            credentials=Credentials.from_environment(os.environ),
            insecure=chosen.insecure_registry,
            ca_file=chosen.ca,
            timeout=chosen.timeout,
            received=self._received,
        )

    def _received(self, count: int) -> None:
        self.bytes += count  # a count that is drawn, not counted on: threads may lose a few


@contextmanager
def registries(chosen: argparse.Namespace) -> Iterator[Asked]:
    """The client that a command asks with, as its options say."""
    asked = Asked(chosen)
    with asked.client:
        yield asked


@contextmanager
def progress(total: int, asked: Asked, chosen: argparse.Namespace) -> Iterator[Callable[[], None]]:
    """Draw how many questions are answered and how much was received, on a terminal only."""
    if chosen.quiet or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True, no_color=chosen.color == "never")
    columns = (
        TextColumn("asking registries"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[size]}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total, size="")

        def answered() -> None:
            bar.update(task, advance=1, size=f"{asked.bytes / 1024:.0f} KiB received")

        yield answered
