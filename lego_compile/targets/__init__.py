"""The platforms that a centre can have. A target is a record of functions, not a class tree.

Adding one is a folder with the same files as the others, and its name in ``TARGETS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from lego_compile.diagnostic.model import Report
    from lego_compile.emit.tree import File
    from lego_compile.ir.features import Need
    from lego_compile.ir.model import Deployment, Path
    from lego_compile.targets.reading import Complaint

TARGETS = ("z2jh", "compose", "apptainer")
"""Names of the targets: keys below ``targets:`` of a centre, folders below ``out/CENTER/``."""

Options = Mapping[str, Any]
"""A target's block of the centre spec as plain data, every default filled in, without ``versions``."""


class Lifted(NamedTuple):
    """What was read back from a target's files.

    Attributes:
        deployment: projected for the target; None when too little could be read.
        options: the target's options, as in ``Options``.
        places: option path → place in the artifact, for messages.
        complaints: what could not be read, is not as the platform needs it, or was read by nobody.
        stated: the files say what images state of themselves (kernels, the place of conda), which is compared then.
    """

    deployment: Deployment | None
    options: Options
    places: Mapping[Path, Path] = MappingProxyType({})
    complaints: tuple[Complaint, ...] = ()
    stated: bool = False


def _same_needs(needs: Iterable[Need], _options: Options) -> Iterable[Need]:
    return needs


def _no_checks(_deployment: Deployment, _options: Options, _report: Report) -> None:
    return None


def _obeys_nothing_else(_path: str, _data: bytes) -> str | None:
    return None


def _invites_nothing(_path: str) -> bool:
    return False


def without_versions(declared: Options) -> dict[str, Any]:
    """Versions and gates decide whether, never how: no writer sees them."""
    return {key: value for key, value in declared.items() if key not in ("versions", "gates")}


Judge = Callable[[Mapping[str, bytes]], "Iterable[tuple[Complaint, bool]]"]
"""Files of a target → every way in which they do not say what went in, and whether only an option differs."""

Overlay = Callable[[Mapping[str, bytes], "Sequence[tuple[str, Any]]", Judge, "Report"], tuple[str, ...]]


class Target(NamedTuple):
    """One platform.

    Attributes:
        name: an entry of ``TARGETS``.
        title: for people.
        lower: projected deployment, options → plain data, one value per file, in final order.
        emit: plain data → relative path (below the target's folder) → file.
        lift: path → bytes, as found on disk → what the platform would make of them. Imitates the platform's
            reader, never our writer; imports neither ``lower`` nor ``lego_compile.emit``.
        overlay: reports what hand-written files do that people lay over ours (LC706-LC709): path → bytes, name
            and document of each, a function that compares files with what went in → what they set beside that;
            None when the platform reads no such files.
        settle: the block of the spec → options, with the defaults that depend on others.
        needs: what the deployment needs, options → what it needs here (a fallback for image mounts replaces
            the feature ``image-mount`` by one of this target's own).
        check: conflicts between options, and what this platform cannot express (LC601-LC603).
        obeys: a file in the target's folder that we did not write, by path and bytes → why the platform would
            obey it all the same, or None (``verify`` reports it: what such a file says is not proven).
        invites: whether that file is one that the site is asked to write, by path: a warning then (LC710).
        own_home: the platform brings the user's own home and user id along.
        limits_home: the platform can bound the size of a home.
    """

    name: str
    title: str
    lower: Callable[[Deployment, Options], Mapping[str, Any]]
    emit: Callable[[Mapping[str, Any]], Mapping[str, File]]
    lift: Callable[[Mapping[str, bytes]], Lifted]
    needs: Callable[[Iterable[Need], Options], Iterable[Need]] = _same_needs
    check: Callable[[Deployment, Options, Report], None] = _no_checks
    obeys: Callable[[str, bytes], str | None] = _obeys_nothing_else
    invites: Callable[[str], bool] = _invites_nothing
    settle: Callable[[Options], dict[str, Any]] = without_versions
    overlay: Overlay | None = None
    own_home: bool = False
    limits_home: bool = False


def load(name: str) -> Target:
    """The record of a target, imported when first asked for (a centre with one target pays for one)."""
    from importlib import import_module

    target: Target = import_module(f"lego_compile.targets.{name}").TARGET
    return target
