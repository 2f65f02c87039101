"""What is unpacked beforehand, where sessions mount directories: the list, and the script that reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lego_compile.ir.model import Deployment
from lego_compile.targets.assets import changed
from lego_compile.targets.reading import Complaint
from lego_compile.targets.z2jh.lift_text import reference

LIST, SCRIPT = "bricks.tsv", "unpack-bricks"


def unpacked(files: Mapping[str, bytes], deployment: Deployment) -> Iterator[Complaint]:
    """Complaints when the script would unpack something else, or elsewhere, than sessions mount.

    Args:
        files: of the target's folder.
        deployment: what was lifted from the values.
    """
    yield from changed("z2jh", SCRIPT, files.get(SCRIPT), SCRIPT)
    if LIST not in files:
        yield Complaint("LC703", f"{LIST!r} is missing", (LIST,))
        return
    wanted = {brick.image for profile in deployment.profiles for brick in (*profile.bricks, *profile.offers)}
    found = set()
    lines = files[LIST].decode("utf-8", "replace").removesuffix("\n").split("\n")
    for line in lines if lines != [""] else ():
        text, _, below = line.partition("\t")
        image = reference(text)
        if image is None or below != f"{image.repository}/sha256-{image.digest.removeprefix('sha256:')}":
            yield Complaint(
                "LC701", f"{line!r} is no image with the place where sessions look for it", (LIST,)
            )
        else:
            found.add(image)
    for image in sorted(wanted ^ found, key=lambda image: image.pinned):
        what = "never unpacked" if image in wanted else "unpacked for no session"
        yield Complaint("LC701", f"{image.pinned} is {what}", (LIST,))
