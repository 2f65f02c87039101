"""Labels that files state, and what they say against those that an image has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from lego_compile.diagnostic.model import Path, Report
from lego_compile.facts import LABEL, VOCABULARY, read_facts
from lego_compile.inspecting.elf import Version
from lego_compile.inspecting.environment import Environment
from lego_compile.inspecting.packages import normal
from lego_compile.inspecting.system import System
from lego_compile.spec.load import schema_of

FIXED = ("name", "prefix", "subpath", "home", "user", "conda")
"""What the catalog knows before an image is built: written by whoever builds, and never corrected in silence."""
MANAGER = "@jupyter-widgets/jupyterlab-manager"


def brick_labels(found: Environment, image_shell: bool) -> dict[str, str]:
    """Labels that the files of a brick state: fact → value, as text.

    Args:
        found: its environment.
        image_shell: whether the image has a ``/bin/sh`` that can be run.
    """
    said: dict[str, Any] = {"spec": VOCABULARY}
    prefix = found.prefix
    if prefix is not None and prefix.startswith("/"):
        said |= {"name": prefix.rpartition("/")[2], "prefix": prefix}
    said["subpath"] = found.subpath
    usable = [each for each in found.kernels if not each.faults]
    if usable:
        said["kernels"] = [
            {"dir": each.directory, "display_name": each.title, "language": each.language} for each in usable
        ]
    if found.glibc:
        said["glibc"] = dotted(found.glibc)
    if talks := spoken(found):
        said["labextensions"] = talks
    if image_shell:
        said["shell"] = "/bin/sh"
    return _usable("bricks", said)


def system_labels(found: System) -> dict[str, str]:
    """Labels that the files and the configuration of a system image state."""
    said: dict[str, Any] = {"spec": VOCABULARY}
    if found.home:
        said["home"] = found.home
    if found.user is not None:
        said["user"] = f"{found.user[0]}:{found.user[1]}"
    if found.conda:
        said["conda"] = found.conda
    if found.glibc:
        said["glibc"] = dotted(found.glibc)
    said["provides"] = {name: each for name, each in found.provides.items() if _is_version(each)}
    said["labextensions"] = {name: each for name, each in found.extensions.items() if _is_version(each)}
    return _usable("systems", said)


def spoken(found: Environment) -> dict[str, str]:
    """Lab extensions that the packages of a brick talk to.

    conda splits the extension from the package: then the manager's version follows from that of ipywidgets, whose 8
    speaks to 5.x and 7 to 3.x (jupyter-widgets/ipywidgets:docs/source/changelog.md).
    """
    talks = {name: each for name, each in found.extensions.items() if _is_version(each)}
    major = found.packages.get("ipywidgets", "").partition(".")[0]
    if MANAGER not in talks and major in ("7", "8"):
        talks[MANAGER] = {"7": "3.0", "8": "5.0"}[major]
    return dict(sorted(talks.items()))


def dotted(version: Version) -> str:
    """``2.28``."""
    return ".".join(map(str, version))


def compare(
    kind: str,
    stated: Mapping[str, str],
    sources: list[tuple[str, Mapping[str, str]]],
    packages: Mapping[str, str],
    origin: Path,
    report: Report,
    *,
    labelling: bool = False,
) -> None:
    """Say where the labels of an image disagree with its files, or could say more.

    Args:
        kind: ``bricks`` or ``systems``.
        stated: what the files state, as ``brick_labels`` and ``system_labels`` give it.
        sources: labels and annotations of the image, as ``read_facts`` takes them.
        packages: of the image, for what it ``provides`` beside the usual.
        origin: of the image.
        labelling: only what the catalog knows counts, since the rest is about to be written.
        report: receives disagreements (LC669), missing labels (LC670) and unusable ones (LC326, LC327).
    """
    word = kind[:-1]
    labelled = read_facts(kind, *sources)
    for fault in labelled.faults:
        report.add("LC327" if fault.harmless else "LC326", fault.message, origin, help=fault.help)
    every = {key.removeprefix(f"{LABEL}{word}.") for _, labels in sources for key in labels}
    mine = read_facts(
        kind, ("files", {f"{LABEL}{word}.{key}": value for key, value in stated.items()})
    ).stated
    for fact in sorted({*mine, *labelled.stated} | ({"spec"} - every)):
        here, there = mine.get(fact), labelled.stated.get(fact)
        label = f"{LABEL}{word}.{fact}"
        if labelling and (fact not in (*FIXED, "environments") or fact not in every):
            continue
        if fact in ("provides", "labextensions") and there:
            lines = [*_versions(fact, here or {}, there, packages if fact == "provides" else {})]
        elif fact not in every:
            lines = []
            if fact in stated:
                text = f"the files state {fact}, and no label does"
                report.add("LC670", text, origin, help=f"add the label {_written(label, stated[fact])}")
        elif here is None and there is not None:
            lines = [*_unfounded(fact, there)]
        elif there is None or fact == "spec":
            continue
        else:
            lines = [] if here == there else [_difference(fact, here, there)]
        for line in lines:
            wanted = _written(label, stated[fact]) if fact in stated else None
            report.add("LC669", line, origin, help=f"the files state {wanted}" if wanted else None)


def _difference(fact: str, here: Any, there: Any) -> str:
    if fact != "kernels":
        return f"its labels say {fact} {there!r}, and its files say {here!r}"
    shown = [
        ", ".join(f"{name} {each['title']!r} ({each['language']})" for name, each in kernels.items())
        for kernels in (there, here)
    ]
    return f"its labels say kernels {shown[0]}, and its files say {shown[1]}"


def _versions(
    fact: str, here: Mapping[str, str], there: Mapping[str, str], packages: Mapping[str, str]
) -> Iterator[str]:
    """Differences between packages with versions; a label may name fewer than there are, and none that is not."""
    for name, version in there.items():
        found = here.get(name) or packages.get(normal(name))
        if found is None:
            yield f"its labels say {fact} {name!r} {version!r}, and its files have no such thing"
        elif found != version:
            yield f"its labels say {fact} {name!r} {version!r}, and its files have {found!r}"


def _unfounded(fact: str, there: Any) -> Iterator[str]:
    """What labels say and files would show if it were so."""
    if fact in ("conda", "kernels", "shell"):
        yield f"its labels say {fact} {there!r}, and its files have none"


def _written(label: str, value: str) -> str:
    quoted = value if re.fullmatch(r"[A-Za-z0-9_./:@+-]+", value) else "'" + value.replace("'", "'\\''") + "'"
    return f"{label}={quoted}"


def _usable(kind: str, said: Mapping[str, Any]) -> dict[str, str]:
    """Facts as text, those left out that the lock could not hold: a file may say anything."""
    texts = {
        key: value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, sort_keys=key != "kernels", separators=(",", ":"))
        for key, value in said.items()
        if value not in ({}, [])
    }
    accepted = read_facts(kind, ("files", {f"{LABEL}{kind[:-1]}.{key}": each for key, each in texts.items()}))
    return {key: each for key, each in texts.items() if key in accepted.stated or key == "spec"}


def _is_version(text: str) -> bool:
    pattern = schema_of("lock")["$defs"]["BrickFacts"]["properties"]["requires"]["additionalProperties"]
    return re.search(pattern["pattern"], text) is not None and len(text) <= pattern.get("maxLength", 40)
