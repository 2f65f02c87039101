"""A reference and the image behind it → what a catalog says of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lego_compile.diagnostic.model import Path, Report
from lego_compile.facts import LABEL
from lego_compile.locking import Question, Want, kinds_of, pinned
from lego_compile.source.document import parse
from lego_compile.spec.conform import conform
from lego_compile.spec.load import schema_of

if TYPE_CHECKING:
    from lego_compile.registry.model import Image

_OCI = "org.opencontainers.image."
_NEEDED = {"bricks": ("name", "prefix", "kernels"), "systems": ("name",)}
SAME_EVERYWHERE = frozenset({"name", "prefix", "subpath", "kernels", "home", "user", "conda", "environments"})
"""Facts that an entry of the catalog has once, for all platforms."""
_NO_SOURCE = "sha256:" + 64 * "0"
_DEFAULTS = {"platforms": ["linux/amd64"], "uid": 1000, "gid": 100}


class Reference(NamedTuple):
    """An image by tag.

    Attributes:
        repository: with its registry.
        tag: in it.
    """

    repository: str
    tag: str

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"

    @classmethod
    def parse(cls, word: str) -> Reference | str:
        """A reference as typed, or what is wrong with it, in words."""
        example = "such as registry.example.org/lego/brick-ocean:2026.10"
        if word.startswith("docker://"):
            return f"leave out `docker://`, and write {word.removeprefix('docker://')!r}"
        if "@" in word:
            return f"{word!r} names a digest, and a catalog lists tags: name the tag alone, {example}"
        repository, colon, tag = "".join(word.split()).rpartition(":")
        if not colon or "/" in tag:
            return f"{word!r} has no tag: name the release that is meant, {example}"
        types = schema_of("catalog")["$defs"]
        where = types["Brick"]["properties"]["image"]
        known = types["ReleaseInfo"]["properties"]["tag"]["anyOf"][0]
        if not re.search(where["pattern"], repository) or len(repository) > where["maxLength"]:
            return f"{word!r} is no image: write HOST[:PORT]/PATH:TAG, {example}"
        if not re.search(known["pattern"], tag) or len(tag) > known["maxLength"]:
            return f"{word!r} has no tag that a registry can have: write HOST[:PORT]/PATH:TAG, {example}"
        return cls(repository, tag)


class Stated(NamedTuple):
    """What an image is to a catalog.

    Attributes:
        kind: ``"bricks"`` or ``"systems"``.
        name: of its entry.
        release: that it is.
        reference: where it is.
        facts: fact → value, as in the lock; what differs between platforms is brought together.
        entry: an entry for it, as plain data in the order of the file, with this one release.
    """

    kind: str
    name: str
    release: str
    reference: Reference
    facts: Mapping[str, Any]
    entry: dict[str, Any]

    @property
    def info(self) -> dict[str, Any]:
        """What the catalog says of the release."""
        info: dict[str, Any] = self.entry["releases"][self.release]
        return info


def stated(
    reference: Reference, image: Image, name: str | None, origin: Path, report: Report
) -> Stated | None:
    """What an image is to a catalog; None, with the reason in the report, when its labels do not say it.

    Args:
        reference: how it was asked for.
        image: the registry's answer.
        name: what to call its entry; None for the name that it states.
        origin: what findings point at.
        report: receives LC304, LC326, LC327 and LC331.
    """
    before = len(report)
    kind = _kind(reference, image, origin, report)
    if kind is None:
        return None
    release = _release(reference, image)
    want = Want(
        kind, name or str(reference), release, reference.tag, reference.repository, _NO_SOURCE,
        tuple(image.platforms), origin, None, Question(*reference), None,
    )  # fmt: skip
    pin = pinned(want, image, report)
    facts = _together(kind, reference, pin, origin, report)
    if any(each.code == "LC326" for each in report.diagnostics[before:]) or facts is None:
        return None
    word = "brick" if kind == "bricks" else "system"
    called = facts.get("name")
    if name and called and name != called:
        report.add(
            "LC304",
            f"the image {reference} states the name {called!r}, and `--name` says {name!r}",
            origin,
            help=f"use `--name {called}`, or build the image with the other name: conda shows what it states",
        )
        return None
    known = {**facts, "name": called or name}
    missing = [f"{LABEL}{word}.{fact}" for fact in _NEEDED[kind] if not known.get(fact)]
    if missing:
        report.add(
            "LC331",
            f"the image {reference} has no label {', '.join(map(repr, missing))}",
            origin,
            help="build it with "
            + ("this label" if len(missing) == 1 else "these labels")
            + ", or write its entry into the catalog by hand",
        )
        return None
    title, about = (_line(_oci(image, key)) for key in ("title", "description"))
    said = Stated(kind, known["name"], release, reference, facts, {})
    entry: dict[str, Any] = {"title": title or said.name, **({"description": about} if about else {})}
    platforms = [*image.platforms]
    entry |= _brick(said, platforms) if kind == "bricks" else _system(said, platforms)
    entry["releases"] = {release: {} if release == reference.tag else {"tag": reference.tag}}
    complaints = [*_complaints(kind, said.name, entry)]
    for complaint in complaints:
        report.add("LC331", f"the image {reference} is none that a catalog can list: {complaint}", origin)
    return None if complaints else said._replace(entry=entry)


def _kind(reference: Reference, image: Image, origin: Path, report: Report) -> str | None:
    found = kinds_of(image)
    if len(found) == 1:
        return found.pop()
    both = len(found) > 1
    report.add(
        "LC331",
        f"the image {reference} has labels of a brick and of a system image"
        if both
        else f"the image {reference} has no label {LABEL}brick.… or {LABEL}system.…",
        origin,
        help="build it with the labels of one of them"
        if both
        else "build it with the labels, or write its entry into the catalog by hand, as for somebody else's image",
    )
    return None


def _oci(image: Image, key: str) -> str:
    """A label or annotation that all kinds of images have; empty for none."""
    places = [(each.labels, each.annotations) for each in image.platforms.values()]
    maps = [*(labels for labels, _ in places), *(notes for _, notes in places), image.annotations]
    return next((each[_OCI + key] for each in maps if each.get(_OCI + key)), "")


def _line(text: str) -> str:
    """A label as a line of a catalog; empty when it is too long to be one."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= 200 else ""


def _release(reference: Reference, image: Image) -> str:
    """The version that the image states, where its tag agrees; images inherit versions from those below them."""
    version, tag = _oci(image, "version"), reference.tag
    grammar = schema_of("catalog")["$defs"]["Brick"]["properties"]["releases"]["propertyNames"]
    agrees = re.match(rf"{re.escape(version)}(?![0-9A-Za-z])", tag)
    fits = re.search(grammar["pattern"], version) and len(version) <= grammar["maxLength"]
    return version if agrees and fits else tag


def _together(
    kind: str, reference: Reference, pin: Mapping[str, Any], origin: Path, report: Report
) -> dict[str, Any] | None:
    """The facts of all platforms as one: the highest of what is needed, the lowest of what is provided."""
    common: dict[str, Any] = pin.get("facts", {})
    single = [{**common, **each.get("facts", {})} for each in pin["platforms"].values()]
    own = sorted({fact for each in single for fact in each} - common.keys())
    differing = [fact for fact in own if fact in SAME_EVERYWHERE]
    if differing:
        report.add(
            "LC331",
            f"the image {reference} does not state the same {', '.join(differing)} for all of its platforms",
            origin,
            help="build it with the same labels for every platform: a catalog has one entry for all of them",
        )
        return None
    together = dict(common)
    for fact in own:
        values = [each[fact] for each in single if fact in each]
        if isinstance(values[0], Mapping):
            lowest = kind == "systems"
            names = sorted({name for each in values for name in each})
            everywhere = [name for name in names if sum(name in each for each in values) == len(single)]
            together[fact] = {
                name: _extreme((each[name] for each in values if name in each), lowest=lowest)
                for name in (everywhere if lowest else names)
            }
        else:  # glibc, or a GPU that the image of one platform needs
            together[fact] = _extreme(values, lowest=kind == "systems")
    return together


def _extreme(versions: Iterable[str], *, lowest: bool) -> str:
    def height(version: str) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", version))

    return min(versions, key=height) if lowest else max(versions, key=height)


def _brick(said: Stated, platforms: list[str]) -> dict[str, Any]:
    facts = said.facts
    system = floors(facts)
    requires = {**({"system": system} if system else {}), **_some(facts, "gpu")}
    return {
        "image": said.reference.repository,
        "prefix": facts["prefix"],
        **({"subpath": facts["subpath"]} if facts.get("subpath", "/") != "/" else {}),
        "kernels": kernels(facts),
        **_unless_default({"platforms": platforms}),
        **({"requires": requires} if requires else {}),
    }


def _system(said: Stated, platforms: list[str]) -> dict[str, Any]:
    facts = said.facts
    user = dict(zip(("uid", "gid"), map(int, facts.get("user", "1000:100").split(":")), strict=True))
    environments = [*facts.get("environments", ())]
    provides = provided(facts)
    return {
        "image": said.reference.repository,
        **_some(facts, "home"),
        **_unless_default(user),
        **_some(facts, "conda"),
        **({"environments": environments} if environments else {}),
        **_unless_default({"platforms": platforms}),
        **({"provides": provides} if provides else {}),
    }


def floors(facts: Mapping[str, Any]) -> dict[str, str]:
    """What a brick needs at least; the exact versions of its lab extensions are none of that."""
    return {**_glibc(facts), **facts.get("requires", {})}


def provided(facts: Mapping[str, Any]) -> dict[str, str]:
    """What a system image has."""
    return {**_glibc(facts), **facts.get("provides", {}), **facts.get("labextensions", {})}


def kernels(facts: Mapping[str, Any]) -> list[dict[str, str]]:
    """The kernels of a brick, as a catalog lists them: Python first."""
    return [
        {
            **({"directory": directory} if directory != "python3" else {}),
            "title": kernel["title"],
            **({"language": kernel["language"]} if kernel.get("language", "python") != "python" else {}),
        }
        for directory, kernel in sorted(
            facts["kernels"].items(), key=lambda each: (each[0] != "python3", each[0])
        )
    ]


def _glibc(facts: Mapping[str, Any]) -> dict[str, str]:
    return {"glibc": facts["glibc"]} if facts.get("glibc") else {}


def _some(facts: Mapping[str, Any], fact: str) -> dict[str, Any]:
    return {fact: facts[fact]} if facts.get(fact) else {}


def _unless_default(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value != _DEFAULTS[key]}


def _complaints(kind: str, name: str, entry: Mapping[str, Any]) -> Iterable[str]:
    """What the schema has against an entry: a catalog that is written must be one that can be read."""
    schema = schema_of("catalog")
    tree, problems = parse("entry.json", json.dumps({kind: {name: entry}}))
    if tree is None:
        return [each.message for each in problems]
    found = Report()
    conform(tree, {**schema, "required": []}, "entry", found)
    return [f"{each.message}" for each in found]
