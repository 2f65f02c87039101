"""Which images a lock needs, and what it says of them. Asks nobody: questions go out, answers come in.

The words are those of uv and cargo: a pin that is there stays until somebody asks for another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.emit.yaml import dump
from lego_compile.facts import Fault, kinds, read_facts
from lego_compile.fingerprint import fingerprint, tag_of
from lego_compile.lookup import WORDS, find_entry, uses

if TYPE_CHECKING:
    from lego_compile.registry.model import Image, PlatformImage
    from lego_compile.spec.catalog import CatalogSpec
    from lego_compile.spec.center import CenterSpec

KINDS = ("systems", "bricks")
HEADER = "Written by lego-compile lock: edit the centre specification or the catalog, and run it again."

Pins = Mapping[str, Mapping[str, Any]]
"""Kind → use → pin, as plain data."""


class Policy(NamedTuple):
    """What becomes of pins that are there.

    Attributes:
        upgrade: every image is resolved again, and a name without a release means the newest one.
        packages: the same for these names only.
        again: pins stay, and the registry is asked for each of them all the same.
    """

    upgrade: bool = False
    packages: frozenset[str] = frozenset()
    again: bool = False


class Question(NamedTuple):
    """What a registry is asked: a repository (where it is asked, mirrors applied), and a tag or digest of it."""

    repository: str
    reference: str


class Want(NamedTuple):
    """One image that a lock has to pin.

    Attributes:
        kind: ``"systems"`` or ``"bricks"``.
        use: what the centre says, which is the key of the pin.
        release: what that stands for.
        tag: of the release in the registry.
        repository: where it is published.
        source: fingerprint of the catalog's entry.
        platforms: of the centre's machines.
        origin: who asks for it.
        pin: the pin that is there and stays, as plain data; None when there is none, or a new one is wanted.
        question: what has to be asked; None when the pin is good as it is.
        moved: how to ask whether the tag still stands for the pin's digest; None when nobody wants to know.
    """

    kind: str
    use: str
    release: str
    tag: str
    repository: str
    source: str
    platforms: tuple[str, ...]
    origin: Path
    pin: Mapping[str, Any] | None
    question: Question | None
    moved: Question | None

    @property
    def label(self) -> str:
        """``brick 'ocean'``."""
        return f"{WORDS[self.kind]} {self.use!r}"


def plan(
    center: CenterSpec,
    catalog: CatalogSpec,
    pins: Pins,
    policy: Policy,
    ask_at: Callable[[str], str],
    report: Report,
) -> list[Want]:
    """Everything that the lock of a centre has to pin, each use once.

    Args:
        center: the centre.
        catalog: its catalog.
        pins: those that are there.
        policy: what becomes of them.
        ask_at: repository → where it is asked for.
        report: receives names that stand for nothing (LC301, LC302).
    """
    wants: dict[tuple[str, str], Want] = {}
    for kind in KINDS:
        for use, origin in uses(center, kind):
            if (kind, use) in wants:
                continue
            entry = find_entry(kind, use, origin, catalog, report)
            if entry is not None:
                pin = pins.get(kind, {}).get(use)
                wants[kind, use] = _want(kind, use, center.platforms, origin, entry, pin, policy, ask_at)
    return [*wants.values()]


def _want(
    kind: str,
    use: str,
    platforms: tuple[str, ...],
    origin: Path,
    entry: Any,
    pin: Mapping[str, Any] | None,
    policy: Policy,
    ask_at: Callable[[str], str],
) -> Want:
    name, _, asked = use.partition("@")
    if pin and (policy.upgrade or name in policy.packages):
        pin = None
    newest = [*entry.releases][-1]
    pinned = pin["release"] if pin and pin["release"] in entry.releases else newest
    release = asked or pinned
    tag, source = tag_of(entry, release), fingerprint(kind, release, entry)
    if pin and (pin["release"], pin["repository"], pin["tag"]) != (release, entry.image, tag):
        pin = None
    where = ask_at(entry.image)
    moved = Question(where, tag) if pin and policy.again else None
    question: Question | None
    if pin is None:
        question = Question(where, tag)
    elif pin["resolved_from"] != source or policy.again:
        question = Question(where, pin["digest"])
    else:
        question = None
    return Want(kind, use, release, tag, entry.image, source, platforms, origin, pin, question, moved)


def pinned(want: Want, image: Image | None, report: Report) -> dict[str, Any]:
    """The pin of an image, as plain data in the order of the file.

    Args:
        want: what is wanted.
        image: the registry's answer; None for a pin that stays as it is.
        report: receives labels that cannot be used (LC326), or are not read (LC327).
    """
    if image is None:
        assert want.pin is not None
        return _ordered(want.pin)
    stated = _facts(want, image, report)
    common = _common(stated.values())
    platforms: dict[str, Any] = {}
    for platform, each in image.platforms.items():
        layers = dict(each.layers)
        own = {fact: value for fact, value in stated[platform].items() if fact not in common}
        size = sum(layers.values())
        platforms[platform] = {"digest": each.digest, "size": size, "layers": layers, "facts": own}
    return _ordered(
        {
            "release": want.release,
            "repository": want.repository,
            "tag": want.tag,
            "digest": image.digest,
            "resolved_from": want.source,
            "platforms": platforms,
            "facts": common,
        }
    )


def _facts(want: Want, image: Image, report: Report) -> dict[str, dict[str, Any]]:
    """Platform → facts. What is wrong with them is told of the centre's platforms, once for all that say so."""
    stated = {}
    faults: dict[Fault, list[str]] = {}
    for platform, each in image.platforms.items():
        found = facts_of(want.kind, image, each)
        stated[platform] = found.stated
        if platform in want.platforms:
            for fault in found.faults:
                faults.setdefault(fault, []).append(platform)
    if kinds_of(image) not in (set(), {want.kind}):
        report.add(
            "LC304",
            f"the image of {want.use!r} has labels of another kind, and the catalog has it under `{want.kind}:`",
            want.origin,
            related=(Label(("catalog", want.kind, want.use.partition("@")[0]), "declared here", key=True),),
            help="move the entry, or correct its image",
        )
    for fault, platforms in faults.items():
        where = f" for {', '.join(platforms)}" if len(platforms) < len(image.platforms) else ""
        message = f"the image of {want.use!r} ({want.repository}:{want.tag}){where}: {fault.message}"
        report.add("LC327" if fault.harmless else "LC326", message, want.origin, help=fault.help)
    return stated


def kinds_of(image: Image) -> set[str]:
    """Which kinds of image it says that it is."""
    every: dict[str, str] = dict(image.annotations)
    for each in image.platforms.values():
        every |= {**each.annotations, **each.labels}
    return kinds(every)


def facts_of(kind: str, image: Image, platform: PlatformImage) -> Any:
    """The facts (``facts.Facts``) of an image for one platform, from all three places that can state them."""
    return read_facts(
        kind,
        ("labels", platform.labels),
        ("manifest's annotations", platform.annotations),
        ("index's annotations", image.annotations),
    )


def _common(stated: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    first, *others = stated
    return {fact: value for fact, value in first.items() if all(each.get(fact) == value for each in others)}


_ORDER = ("release", "repository", "tag", "digest", "resolved_from", "platforms", "facts")
_PLATFORM = ("digest", "size", "layers", "facts")


def _ordered(pin: Mapping[str, Any]) -> dict[str, Any]:
    """A pin as it would be written today: hands and merges put keys into other orders."""
    ordered = {key: pin[key] for key in _ORDER if pin.get(key)}
    ordered["platforms"] = {  # a size of 0 stays, unlike what is empty
        platform: {key: _sorted(each[key]) for key in _PLATFORM if each.get(key) not in (None, {})}
        for platform, each in sorted(pin["platforms"].items())
    }
    if "facts" in ordered:
        ordered["facts"] = _sorted(ordered["facts"])
    return ordered


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(each) for key, each in sorted(value.items())}
    return value


def lock_text(name: str, pins: Pins) -> str:
    """The lock as text: sorted, one fact a line, the same bytes for the same pins."""
    data = {kind: dict(sorted(pins.get(kind, {}).items())) for kind in KINDS}
    return dump({"lego": 1, "lock": name, **data}, HEADER)


class Change(NamedTuple):
    """What became of one pin.

    Attributes:
        kind: ``"systems"`` or ``"bricks"``.
        use: its key.
        sign: ``+`` new, ``-`` gone, ``~`` another.
        words: what it is now, or what is different.
    """

    kind: str
    use: str
    sign: str
    words: str

    def __str__(self) -> str:
        return f"{self.sign} {WORDS[self.kind]} {self.use}: {self.words}"


def changes(old: Pins, new: Pins) -> list[Change]:
    """What differs between two sets of pins, a line for each image."""
    found = []
    for kind in KINDS:
        before, after = old.get(kind, {}), new.get(kind, {})
        for use in sorted({*before, *after}):
            if use not in before:
                pin = after[use]
                found.append(Change(kind, use, "+", f"{pin['release']} is {_short(pin['digest'])}"))
            elif use not in after:
                found.append(Change(kind, use, "-", f"{before[use]['release']} is no longer used"))
            else:
                words = ", ".join(_differences(_ordered(before[use]), _ordered(after[use])))
                if words:
                    found.append(Change(kind, use, "~", words))
    return found


def _differences(old: Any, new: Any, where: str = "") -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        if where.endswith("layers") and old != new:
            yield f"{where} differ"
            return
        for key in {**old, **new}:
            yield from _differences(old.get(key), new.get(key), f"{where} {key}".strip())
    elif isinstance(old, Mapping) or isinstance(new, Mapping):
        yield f"{where} {'are new' if old is None else 'are gone' if new is None else 'differ'}"
    elif old != new:
        yield f"{where} {_short(old)} → {_short(new)}"


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = str(value)
    return text[:19] if text.startswith("sha256:") else text
