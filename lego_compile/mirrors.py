"""Registry mirrors: every reference that is emitted, helper images included, is rewritten in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.diagnostic.model import Label, Path, Report


class Mirrors:
    """The rules of a centre, and which repository became which."""

    def __init__(self, rules: Mapping[str, str]) -> None:
        self.rules = rules
        self._used: set[str] = set()
        self._made: dict[str, dict[str, Path]] = {}

    def rewrite(self, repository: str, origin: Path) -> str:
        """The repository behind the longest rule that matches whole path components; itself without a match.

        Args:
            repository: registry and path, without tag or digest.
            origin: who asks, for messages.
        """
        matching = [rule for rule in self.rules if repository == rule or repository.startswith(rule + "/")]
        new = repository
        if matching:
            rule = max(matching, key=len)
            self._used.add(rule)
            new = self.rules[rule] + repository[len(rule) :]
        self._made.setdefault(new, {}).setdefault(repository, origin)
        return new

    def options(self, options: dict[str, Any], target: str) -> dict[str, Any]:
        """A target's options with its helper images (``images:``) behind the mirrors."""
        images = options.get("images")
        if not isinstance(images, dict):
            return options
        here: Path = ("center", "targets", target, "images")
        return {
            **options,
            "images": {name: self.reference(image, (*here, name)) for name, image in images.items()},
        }

    def reference(self, reference: str | None, origin: Path) -> str | None:
        """A whole reference, with tag and digest, behind the mirrors."""
        if reference is None:
            return None
        name, at, digest = reference.partition("@")
        slash = name.rfind("/")
        colon = name.find(":", slash)
        repository, tag = (name[:colon], name[colon:]) if colon > 0 else (name, "")
        return self.rewrite(repository, origin) + tag + at + digest

    def check(self, report: Report) -> None:
        """Report rules that chain or hide a registry (LC309), and rules that match nothing (LC311)."""
        for source, target in self.rules.items():
            for other in self.rules:
                if other != source and (target == other or target.startswith(other + "/")):
                    report.add(
                        "LC309",
                        f"{source!r} becomes {target!r}, which the rule for {other!r} would rewrite again",
                        ("center", "mirrors", source),
                        related=(Label(("center", "mirrors", other), "the other rule", key=True),),
                        help="give the final name in both rules",
                    )
        for new, olds in self._made.items():
            if len(olds) > 1:
                (first, first_at), (second, second_at) = list(olds.items())[:2]
                report.add(
                    "LC309",
                    f"{first!r} and {second!r} would both be {new!r}",
                    second_at,
                    related=(
                        Label(first_at, "the other image"),
                        Label(("center", "mirrors"), "the rules", key=True),
                    ),
                    help="mirror each registry below a path of its own",
                )
        for rule in self.rules:
            if rule not in self._used:
                report.add(
                    "LC311",
                    f"no image of this centre is at {rule!r}",
                    ("center", "mirrors", rule),
                    key=True,
                    help="remove the rule, or correct its registry",
                )
