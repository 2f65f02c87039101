"""A whole catalog against what the registries have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lego_compile.agreement import Used, check_facts
from lego_compile.asking import tell
from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.fingerprint import fingerprint, tag_of
from lego_compile.locking import Question, Want, lock_text, pinned
from lego_compile.lookup import WORDS
from lego_compile.registry.model import RegistryError
from lego_compile.source.document import Tree, parse
from lego_compile.spec.load import schema_of
from lego_compile.spec.view import view
from lego_compile.tags import newer_tags

if TYPE_CHECKING:
    from collections.abc import Callable

    from lego_compile.registry.model import Image
    from lego_compile.spec.catalog import CatalogSpec

_CORRECT = "correct the catalog: the image is right about itself"


class Listed(NamedTuple):
    """One release of one entry.

    Attributes:
        kind: ``"bricks"`` or ``"systems"``.
        name: of the entry.
        release: of it.
        newest: whether it is the last one.
        entry: of the catalog.
        question: how its image is asked for.
    """

    kind: str
    name: str
    release: str
    newest: bool
    entry: Any
    question: Question

    @property
    def use(self) -> str:
        """``ocean@2026.10``: its key in what stands in for a lock."""
        return f"{self.name}@{self.release}"

    @property
    def origin(self) -> Path:
        """Where the catalog lists it."""
        return ("catalog", self.kind, self.name, "releases", self.release)


def listed(catalog: CatalogSpec, ask_at: Callable[[str], str]) -> list[Listed]:
    """Every release of a catalog, in its order."""
    found = []
    entries: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("systems", catalog.systems),
        ("bricks", catalog.bricks),
    )
    for kind, named in entries:
        for name, entry in named.items():
            for release in entry.releases:
                question = Question(ask_at(entry.image), tag_of(entry, release))
                newest = release == [*entry.releases][-1]
                found.append(Listed(kind, name, release, newest, entry, question))
    return found


def compare(
    every: Sequence[Listed], answers: Mapping[Question, Image | RegistryError], name: str, report: Report
) -> Tree | None:
    """Compare every release with its image.

    Args:
        every: what the catalog lists.
        answers: of the registries.
        name: what to call the document of what they said.
        report: receives the findings (LC304, LC321-LC328).

    Returns:
        What the images state, as a lock would have it: findings point into it as ``lock``. None without images.
    """
    pins: dict[str, dict[str, Any]] = {"systems": {}, "bricks": {}}
    for each in every:
        answer = answers[each.question]
        if isinstance(answer, RegistryError):
            tell(answer, f"{WORDS[each.kind]} {each.use!r}", each.origin, report)
            continue
        source = fingerprint(each.kind, each.release, each.entry)
        want = Want(
            each.kind, each.use, each.release, each.question.reference, each.entry.image, source,
            tuple(answer.platforms), each.origin, None, each.question, None,
        )  # fmt: skip
        pins[each.kind][each.use] = pinned(want, answer, report)
    if not any(pins.values()):
        return None
    tree, problems = parse(name, lock_text("catalog", pins))
    assert tree is not None, problems
    lock = view(tree.data, schema_of("lock"))
    first: dict[str, Listed] = {}
    for each in every:
        pin = getattr(lock, each.kind).get(each.use)
        if pin is not None:
            _compare(each, pin, report)
            _check_digest(each, first.setdefault(pin.digest, each), report)
    return tree


def _compare(each: Listed, pin: Any, report: Report) -> None:
    platforms = tuple(pin.platforms)
    check_facts(Used(each.kind, each.name, each.use, each.entry, pin, each.origin), platforms, report)
    if not each.newest:
        return
    for index, platform in enumerate(each.entry.platforms):
        if platform not in platforms:
            declared: Path = ("catalog", each.kind, each.name, "platforms", index)
            report.add(
                "LC304",
                f"the image of {each.name!r} is not built for {platform}, and the catalog says that it is",
                each.origin,
                related=(
                    Label(declared, "declared here"),
                    Label(("lock", each.kind, each.use, "platforms"), "what the registry has", key=True),
                ),
                help=_CORRECT,
            )
    used = Used(each.kind, each.name, each.use, each.entry, pin, each.origin)
    for message, where, place in _versions(used, platforms):
        report.add(
            "LC304",
            message,
            each.origin,
            related=(Label(where, "declared here"), Label(place, "stated by the image")),
            help=_CORRECT,
        )


def _versions(image: Used, platforms: Sequence[str]) -> Iterator[tuple[str, Path, Path]]:
    """Versions that image and catalog state differently: message, and where each is; each package once."""
    brick = image.kind == "bricks"
    told = set()
    key = "requires" if brick else "provides"
    here: Path = (*image.declared, "requires", "system") if brick else (*image.declared, "provides")
    said: Mapping[str, str] = image.entry.requires.system if brick else image.entry.provides
    verb = "needs" if brick else "has"
    for platform in platforms:
        have: dict[str, tuple[str, Path]] = {}
        for fact in (key,) if brick else (key, "labextensions"):
            stated, place = image.fact(fact, platform)
            have |= {package: (version, (*place, package)) for package, version in stated.items()}
        glibc, place = image.fact("glibc", platform)
        have |= {"glibc": (glibc, place)} if glibc else {}
        for package, (version, place) in have.items():
            if package in told or said.get(package) == version or (not brick and package not in said):
                continue
            told.add(package)
            message = f"the image of {image.name!r} {verb} {package} {version}, and the catalog says "
            if package in said:
                yield message + said[package], (*here, package), place
            else:
                yield message + "nothing of it", (*image.declared, "requires"), place
        gpu, place = image.fact("gpu", platform) if brick else ("", ())
        if gpu and gpu != image.entry.requires.gpu and "gpu" not in told:
            told.add("gpu")
            listed_gpu = image.entry.requires.gpu or "nothing of it"
            message = f"the image of {image.name!r} needs a GPU of {gpu}, and the catalog says {listed_gpu}"
            yield message, (*image.declared, "requires"), place


def _check_digest(each: Listed, first: Listed, report: Report) -> None:
    """No image is two releases, or two things."""
    same = (first.kind, first.name) == (each.kind, each.name)
    if first is not each and (same or first.entry.image != each.entry.image):
        report.add(
            "LC304",
            f"{first.use!r} and {each.use!r} are one image in the registry",
            each.origin,
            related=(Label(first.origin, "the same digest"),),
            help="publish the release that was meant, or take one of the two out of the catalog",
        )


def unlisted(
    every: Sequence[Listed],
    tags: Mapping[str, tuple[str, ...] | RegistryError],
    answers: Mapping[Question, Image | RegistryError],
) -> Iterator[str]:
    """What the registries have that the catalog could list, a line for each."""
    for each in every:
        if not each.newest:
            continue
        word = f"{WORDS[each.kind]} {each.name}"
        there = tags[each.question.repository]
        if not isinstance(there, RegistryError):
            known = {tag_of(each.entry, release) for release in each.entry.releases}
            for tag in newer_tags(each.question.reference, there):
                if tag not in known:
                    yield f"{word}: {tag} is published and not listed"
        image = answers[each.question]
        if not isinstance(image, RegistryError):
            more = [platform for platform in image.platforms if platform not in each.entry.platforms]
            if more:
                yield f"{word}: {each.release} is built for {', '.join(more)} too"
