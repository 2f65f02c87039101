"""What contradicts itself in how bricks are mounted and fetched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.ir.model import Deployment

_HERE: Path = ("center", "targets", "z2jh")
_PATH = r"(/[A-Za-z0-9_][A-Za-z0-9._+-]*)+"
_LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
SOURCE = re.compile(
    rf"{_PATH}|pvc:(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*|nfs:[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:{_PATH}"
)
"""Where a directory comes from: a path of every node, a claim, or an export."""

_BRICKS_AT = {
    "hostPath": (re.compile(_PATH), "a directory of the nodes, such as /srv/bricks"),
    "nfs": (
        re.compile(r"nfs:.*|pvc:.*"),
        "an export or a claim, such as nfs:nfs.example.org:/bricks or pvc:bricks",
    ),
}


def check_mounts(deployment: Deployment, options: Mapping[str, Any], report: Report) -> None:
    """Options of the mounts fit together, and every brick can be mounted that way (LC601-LC603)."""
    kind, at = options["mounts"], options["bricks_at"]
    chosen = Label((*_HERE, "mounts"), "how bricks are mounted")
    pattern, words = _BRICKS_AT.get(kind, (None, ""))
    if pattern and not at:
        report.add(
            "LC601",
            f"`mounts: {kind}` needs `bricks_at`, where bricks lie unpacked",
            (*_HERE, "mounts"),
            help=f"add `bricks_at`: {words}",
        )
    elif at and not pattern:
        report.add(
            "LC601",
            f"`bricks_at` is for `mounts: hostPath` and `mounts: nfs`, and with `mounts: {kind}` nothing lies there",
            (*_HERE, "bricks_at"),
            key=True,
            related=(chosen,) if kind != "image" else (),
            help="delete it, or change `mounts`",
        )
    elif pattern and not (pattern.fullmatch(at) and SOURCE.fullmatch(at)):
        report.add(
            "LC601",
            f"{at!r} is nothing that `mounts: {kind}` can mount",
            (*_HERE, "bricks_at"),
            related=(chosen,),
            help=f"name {words}",
        )
    if pattern and at and not at.startswith("pvc:"):
        level = "baseline" if kind == "hostPath" else "restricted"
        report.add(
            "LC603",
            f"`mounts: {kind}` mounts {at!r} into sessions, which Pod Security {level} refuses",
            (*_HERE, "bricks_at"),
            help="use a claim: `mounts: nfs` with `bricks_at: pvc:CLAIM`",
        )
    _check_puller(deployment, options, report)
    if options["volumes"] == "list":
        _check_list(deployment, options, report)


def _check_puller(deployment: Deployment, options: Mapping[str, Any], report: Report) -> None:
    kind, prepull = options["mounts"], options["prepull"]
    if prepull == "daemonset" and kind not in ("image", "csi"):
        report.add(
            "LC601",
            f"the DaemonSet fetches bricks by mounting them, and with `mounts: {kind}` they are no volumes",
            (*_HERE, "prepull"),
            key=True,
            related=(Label((*_HERE, "mounts"), "how bricks are mounted"),),
            help="delete `prepull`, or write `prepull: chart`",
        )
    runs = kind == "copy" or (prepull == "chart" and kind in ("image", "csi"))
    option = "mounts" if kind == "copy" else "prepull"
    told: set[str] = set()
    for profile in deployment.profiles if runs else ():
        for brick in (*profile.bricks, *profile.offers):
            if brick.shell or brick.name in told:
                continue
            told.add(brick.name)
            report.add(
                "LC602",
                f"`{option}: {options[option]}` runs a shell in every brick, and brick {brick.called!r} does not say "
                "that it has one",
                brick.origin,
                related=(
                    Label((*_HERE, option), "this runs a shell"),
                    Label(
                        brick.declared, "the catalog says `shell: true` of a brick that has /bin/sh", key=True
                    ),
                ),
                help="use another way, or have the brick built with a shell and the label "
                "org.gaia-data.lego.brick.shell=/bin/sh",
            )


def _check_list(deployment: Deployment, options: Mapping[str, Any], report: Report) -> None:
    chosen = Label((*_HERE, "volumes"), "chosen here")
    offering = next((profile for profile in deployment.profiles if profile.offers), None)
    if len(deployment.profiles) > 1 or offering:
        place = (*offering.origin, "offer") if offering else deployment.profiles[1].origin
        report.add(
            "LC602",
            "`volumes: list` can say one composition for everybody: a second one, or a brick that is offered, would "
            "take the home away",
            place,
            key=True,
            related=(chosen,),
            help="use chart 4.3.0 or newer and delete `volumes`, or keep one profile that offers nothing",
        )
    if options["mounts"] == "copy":
        report.add(
            "LC601",
            "with `volumes: list` no copies can be made",
            (*_HERE, "mounts"),
            related=(chosen,),
            help="use `mounts: image`, or a newer chart",
        )
