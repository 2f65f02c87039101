"""What an image states, put into a catalog: a new entry, a new release, or what its entry has to say now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lego_compile.cataloguing.page import Page
from lego_compile.cataloguing.stated import Stated, floors, kernels, provided
from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.lookup import WORDS
from lego_compile.tags import order

_FIXED: dict[str, dict[str, Any]] = {
    "bricks": {"prefix": None, "subpath": "/"},
    "systems": {
        "home": "/home/jovyan",
        "user": "1000:100",
        "conda": "/opt/conda",
        "environments": ["/opt/bricks"],
    },
}
"""Facts that all releases of an entry share for ever, with their defaults."""
_ORDER = (
    "title", "description", "image", "prefix", "subpath", "kernels", "shell", "home", "uid", "gid", "conda",
    "environments", "platforms", "requires", "provides", "build", "releases",
)  # fmt: skip
"""The keys of an entry as people read them."""


class Line(NamedTuple):
    """What became of one entry.

    Attributes:
        sign: ``+`` new, ``~`` changed, ``=`` as it was.
        kind: ``"bricks"`` or ``"systems"``.
        name: of the entry.
        words: what is new.
        newest: the entry was there, and has a newest release now that it did not have.
    """

    sign: str
    kind: str
    name: str
    words: str
    newest: bool = False

    def __str__(self) -> str:
        return f"{self.sign} {WORDS[self.kind]} {self.name}{self.words}"


def put(said: Stated, page: Page, report: Report) -> list[Line]:
    """Add an image to a catalog, or bring its entry up to date.

    Args:
        said: what the image states.
        page: the catalog; it is changed.
        report: receives what cannot be (LC304); the page is of no use then.
    """
    entries = page.data.get(said.kind)
    entry = (entries or {}).get(said.name)
    if entry is None:
        if entries is None:
            page.add((), said.kind, {said.name: said.entry}, [*page.data][-1])
        else:
            page.add((said.kind,), said.name, said.entry, ([*entries] or [None])[-1])
        return [Line("+", said.kind, said.name, f" {said.release}")]
    before = len(report)
    _check_fixed(said, entry, report)
    if len(report) > before:
        return []
    releases = [*entry["releases"]]
    if said.release in releases:
        return _again(said, entry, page, report)
    after = _before(said, releases)
    newest = after == (releases[-1] if releases else None)
    if not newest and not _fits(said, entry, report):
        return []
    page.add((said.kind, said.name, "releases"), said.release, said.info, after)
    lines = [Line("+", said.kind, said.name, f" {said.release}", newest)]
    return lines + ([*_facts(said, entry, page)] if newest else [])


def _again(said: Stated, entry: Mapping[str, Any], page: Page, report: Report) -> list[Line]:
    """A release that is listed: its image may have been built again, or say something else now."""
    info = entry["releases"][said.release]
    listed, tag = info.get("tag") or said.release, said.reference.tag
    old, new = order(listed), order(tag)
    if tag != listed and old is not None and new is not None and new < old:
        words = f" {said.release} is listed with tag {listed}, which is newer than {tag}"
        return [Line("=", said.kind, said.name, words)]
    last = said.release == [*entry["releases"]][-1]
    if not last and not _fits(said, entry, report):
        return []
    lines = []
    if tag != listed:
        path: Path = (said.kind, said.name, "releases", said.release)
        kept = {key: value for key, value in info.items() if key != "tag"}
        page.set(path, {**said.info, **kept})
        lines.append(Line("~", said.kind, said.name, f" {said.release}: tag {listed} → {tag}"))
    lines += [*_facts(said, entry, page)] if last else []
    return lines or [Line("=", said.kind, said.name, f" {said.release} is listed already")]


def _before(said: Stated, releases: list[str]) -> str | None:
    """The release behind which a new one belongs: the last, unless their numbers say that it is older."""
    here = order(said.release)
    for release in reversed(releases):
        there = order(release)
        if here is None or there is None or there < here:
            return release
    return None


def _check_fixed(said: Stated, entry: Mapping[str, Any], report: Report) -> None:
    """What all releases of an entry share is what this image states too (LC304)."""
    here: Path = ("catalog", said.kind, said.name)
    what = f"the image {said.reference}"
    if entry["image"] != said.reference.repository:
        report.add(
            "LC304",
            f"{what} is not where the catalog says that {said.name!r} is published",
            (*here, "image"),
            help="an entry has one repository: correct `image:`, or build the image with another name",
        )
        return
    for fact, default in _FIXED[said.kind].items():
        stated = said.facts.get(fact)
        if fact == "user":
            listed: Any = f"{entry.get('uid', 1000)}:{entry.get('gid', 100)}"
        else:
            listed = entry.get(fact, default)
        if stated and stated != listed:
            report.add(
                "LC304",
                f"{what} states {fact} {_shown(stated)}, and the catalog says {_shown(listed)} of every "
                f"release of {said.name!r}",
                (*here, "uid" if fact == "user" else fact),
                help=f"build it as it was, or with a name of its own, such as {said.name + '-2'!r}; where no release "
                "in the list was ever otherwise, correct the catalog",
            )


def _fits(said: Stated, entry: Mapping[str, Any], report: Report) -> bool:
    """Whether a release that is not the newest has the kernels that the entry lists (LC304)."""
    if said.kind == "systems" or _plain(kernels(said.facts)) == _plain(entry["kernels"]):
        return True
    here: Path = ("catalog", said.kind, said.name)
    report.add(
        "LC304",
        f"the image {said.reference} is older than {[*entry['releases']][-1]!r}, and has other kernels than the "
        f"catalog lists for {said.name!r}",
        (*here, "kernels"),
        related=(Label((*here, "releases"), "its releases", key=True),),
        help="leave it out: an entry lists the kernels of its newest release",
    )
    return False


def _plain(listed: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    return sorted(
        (each.get("directory", "python3"), each["title"], each.get("language", "python")) for each in listed
    )


def _facts(said: Stated, entry: Mapping[str, Any], page: Page) -> Iterator[Line]:
    """Bring what the entry says of its newest release up to date; a line for each thing."""
    for key, value, words in _wanted(said, entry):
        path: Path = (said.kind, said.name)
        if key in entry:
            page.set((*path, key), value)
        else:
            there = [each for each in entry if _ORDER.index(each) < _ORDER.index(key)]
            page.add(path, key, value, there[-1])
        yield Line("~", said.kind, said.name, f": {words}")


def _wanted(said: Stated, entry: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """Keys of an entry that have to say something else: key, new value, words."""
    platforms, listed = said.entry.get("platforms", ["linux/amd64"]), entry.get("platforms", ["linux/amd64"])
    if {*platforms} != {*listed}:
        kept = [each for each in listed if each in platforms]
        new = kept + [each for each in platforms if each not in kept]
        yield "platforms", new, f"platforms {_shown(listed)} → {_shown(new)}"
    if said.kind == "systems":
        have = provided(said.facts)
        provides = entry.get("provides", {})
        changed = {
            each: have[each] for each in provides if each in have and have[each] != provides[each]
        } or (have if not provides else {})
        if changed:
            yield "provides", {**provides, **changed}, f"provides {_versions(changed, provides)}"
        return
    kernel = _kernels(kernels(said.facts), entry["kernels"])
    if _plain(kernel) != _plain(entry["kernels"]):
        titles = [each["title"] for each in kernel]
        yield (
            "kernels",
            kernel,
            f"kernels {_shown([each['title'] for each in entry['kernels']])} → {_shown(titles)}",
        )
    requires = entry.get("requires") or {}
    system = requires.get("system") or {}
    needed = {each: version for each, version in floors(said.facts).items() if system.get(each) != version}
    gpu = said.facts.get("gpu")
    words = [f"requires {_versions(needed, system)}"] if needed else []
    words += [f"requires a GPU of {gpu}"] if gpu and gpu != requires.get("gpu") else []
    if words:
        new_system = {"system": {**system, **needed}} if system or needed else {}
        gpus = {"gpu": gpu} if gpu else {}
        yield "requires", {**requires, **new_system, **gpus}, ", ".join(words)


def _kernels(stated: list[dict[str, str]], listed: list[dict[str, str]]) -> list[dict[str, str]]:
    """The kernels that the image has, in the order that the catalog has them in; keys as people wrote them."""
    left = {each.get("directory", "python3"): each for each in stated}
    new = []
    for kernel in listed:
        now = left.pop(kernel.get("directory", "python3"), None)
        if now is not None:
            said = {"directory": "python3", "language": "python", **now}
            written = {key: said[key] for key in kernel}
            new.append({**written, **{key: now[key] for key in now if key not in written}})
    return [*new, *left.values()]


def _versions(new: Mapping[str, str], old: Mapping[str, str]) -> str:
    return ", ".join(
        f"{name} {old[name]} → {version}" if name in old else f"{name} {version}"
        for name, version in new.items()
    )


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else repr(value) if value else "nothing"
