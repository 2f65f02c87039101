"""The files as found on disk → what lego-launch, lego-materialize, JupyterHub and Apptainer make of them.

The data files are read as the fixed programs beside them read them, which the files themselves prove to be: they are
the ones that we ship, and the conformance tests run them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lego_compile.ir.model import Deployment
from lego_compile.targets import Lifted
from lego_compile.targets.apptainer.files import COMPOSITION, HEADER, IMAGES, fixed
from lego_compile.targets.apptainer.lift_around import check_around, paths_around
from lego_compile.targets.apptainer.lift_images import read_images
from lego_compile.targets.apptainer.lift_leaves import read_json, texts
from lego_compile.targets.apptainer.lift_options import read_options
from lego_compile.targets.apptainer.lift_profiles import profile
from lego_compile.targets.apptainer.note import NAME, note
from lego_compile.targets.assets import changed
from lego_compile.targets.reading import Complaint, Reading


def lift(files: Mapping[str, bytes]) -> Lifted:
    """Read the target's folder.

    Args:
        files: path below the folder → bytes.
    """
    complaints: list[Complaint] = []
    data = read_json(files, COMPOSITION, complaints)
    ours = fixed(data or {})
    for path, (folder, name) in ours.items():
        complaints += changed(folder, name, files.get(path), path)
    if data is None:
        return Lifted(None, {}, {}, tuple(complaints))
    # the guard is in the launcher: it looks from inside for every brick that it mounts
    guarded = not changed("apptainer", "lego-launch", files.get("bin/lego-launch"), "")
    reading = Reading(COMPOSITION, data)
    reading.expect(HEADER, "note")
    options, places = read_options(reading)
    deployment = Deployment(
        center=reading.text("center"),
        title="",
        profiles=tuple(profile(reading, index, guarded) for index in reading.indices("profiles")),
        groups=tuple(sorted((name, texts(reading, "groups", name)) for name in reading.keys("groups"))),
    )
    slugs = [each.slug for each in deployment.profiles]
    for index, slug in enumerate(slugs):
        if slug in slugs[:index]:
            reading.complain(
                f"profile {slug!r} is here twice, and nothing says which one counts", "profiles", index
            )
    images = read_json(files, IMAGES, complaints)
    if images is not None:
        deployment, others = read_images(Reading(IMAGES, images), HEADER, deployment, options["format"])
        complaints += others
    known = {COMPOSITION, IMAGES, NAME, *ours, *paths_around(deployment, options)}
    complaints += [
        Complaint("LC702", f"nothing reads {path!r}", (path,)) for path in files if path not in known
    ]
    complaints += check_around(files, deployment, options)
    found = reading.finish()
    if not found:
        complaints += _check_note(files, data)
    return Lifted(deployment, options, places, (*complaints, *found), stated=True)


def _check_note(files: Mapping[str, bytes], data: Mapping[str, Any]) -> Iterator[Complaint]:
    """The note is for people; its commands have to be those of this centre."""
    if NAME not in files:
        yield Complaint("LC703", f"{NAME!r} is missing", (NAME,))
    elif files[NAME] != note(data).encode():
        yield Complaint("LC704", f"{NAME!r} is not what lego-compile writes for this centre", (NAME,))
