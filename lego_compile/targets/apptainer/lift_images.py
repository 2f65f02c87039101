"""images.json, as lego-materialize reads it: what it fetches has to be what lego-launch mounts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from lego_compile.ir.model import Deployment
from lego_compile.targets.apptainer.lift_leaves import one_of
from lego_compile.targets.apptainer.lift_profiles import image
from lego_compile.targets.reading import Complaint, Reading

FILE = "images.json"


class _Wanted(NamedTuple):
    """An image that a session mounts, as it says so itself.

    Attributes:
        form: what it is kept as.
        digest: of the image.
        brick: name, prefix and subpath; empty for a system image.
    """

    form: str
    digest: str
    brick: tuple[str, ...]


def read_images(
    reading: Reading, note: str, deployment: Deployment, form: str
) -> tuple[Deployment, tuple[Complaint, ...]]:
    """The deployment with what the file says of system images, and complaints: what it lacks, what nobody mounts.

    Args:
        reading: of the file.
        note: what it has to say of itself.
        deployment: as it was read from composition.json.
        form: what bricks are kept as.
    """
    reading.expect(note, "note")
    repositories = _repositories(deployment)
    listed: dict[_Wanted, tuple[str | int, ...]] = {}
    seen: set[tuple[str, str]] = set()
    conda: dict[str, str] = {}
    for index in reading.indices("images"):
        here = ("images", index)
        found = image(reading, *here)
        kept = one_of(reading, ("sif", "squashfs"), *here, "format")
        if (kept, found.digest) in seen:
            reading.complain(f"{found.labelled!r} is here twice", *here)
        seen.add((kept, found.digest))
        if found.digest in repositories and found.repository not in repositories[found.digest]:
            reading.complain(f"{found.repository!r} is not where the profiles have it from", *here, "image")
        if reading.has(*here, "system"):
            conda[found.digest] = reading.text(*here, "system", "conda")
            listed[_Wanted(kept, found.digest, ())] = here
        for name in reading.keys(*here, "bricks") if reading.has(*here, "bricks") else ():
            prefix = reading.text(*here, "bricks", name, "prefix")
            subpath = reading.text(*here, "bricks", name, "subpath")
            listed[_Wanted(kept, found.digest, (name, prefix, subpath))] = (*here, "bricks", name)
    wanted = set(_mounted(deployment, form))
    for each in sorted(wanted - listed.keys()):
        what = f"brick {each.brick[0]!r} at {each.brick[1]!r}" if each.brick else "the system image"
        reading.complain(
            f"{what} with {each.digest} is mounted as {each.form!r}, and not fetched so", "images"
        )
    for each, at in listed.items():
        if each not in wanted:
            reading.complain(
                f"no session mounts {each.brick[0] if each.brick else each.digest!r} like this", *at
            )
    profiles = (
        replace(each, system=replace(each.system, conda=conda.get(each.system.image.digest, "")))
        for each in deployment.profiles
    )
    return replace(deployment, profiles=tuple(profiles)), reading.finish()


def _repositories(deployment: Deployment) -> dict[str, set[str]]:
    """Digest → where sessions say that the image is from."""
    found: dict[str, set[str]] = {}
    for profile in deployment.profiles:
        for each in (profile.system.image, *(brick.image for brick in (*profile.bricks, *profile.offers))):
            found.setdefault(each.digest, set()).add(each.repository)
    return found


def _mounted(deployment: Deployment, form: str) -> Iterator[_Wanted]:
    """Everything that lego-launch looks for in the store: the root of a session is always a SIF."""
    for profile in deployment.profiles:
        yield _Wanted("sif", profile.system.image.digest, ())
        for brick in (*profile.bricks, *profile.offers):
            yield _Wanted(form, brick.image.digest, (brick.name, brick.prefix, brick.subpath))
