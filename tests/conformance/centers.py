"""The committed centres on Kubernetes: what each offers, in words of no platform, and what can be started."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from tests.conformance import z2jh_chart as chart
from tests.conformance.pods import Start

ROOT = Path(__file__).parent.parent.parent
UPSTREAM = Path(os.environ.get("LEGO_Z2JH_UPSTREAM") or ROOT.parent / "shared" / "upstream" / "z2jh")
CENTERS = sorted(path.parent.parent.name for path in ROOT.glob("out/*/z2jh/values.yaml"))
IMAGE_VOLUMES = ("1.33", "1.34", "1.35", "1.36", "1.37")
ODD = "Ada.Lovelace+" + "x" * 80 + "@example.org"
OUTSIDER = "eve"

Tree = dict[str, Any]


@cache
def composition(center: str) -> Tree:
    """``composition.json`` of a centre."""
    return dict(json.loads((ROOT / "out" / center / "composition.json").read_text()))


@cache
def values(center: str, release: str) -> Tree:
    """The compiled values over those of a release of the chart, or over the few that matter where it is not at hand."""
    file = UPSTREAM / release / "values.yaml"
    defaults = yaml.safe_load(file.read_text()) if file.exists() else chart.DEFAULTS
    compiled = yaml.safe_load((ROOT / "out" / center / "z2jh" / "values.yaml").read_text())
    return dict(chart.coalesce(defaults, compiled))


@cache
def kubernetes(center: str) -> tuple[str, ...]:
    """The Kubernetes that a centre declares, and every one that mounts images if the centre has them mounted."""
    declared = yaml.safe_load((ROOT / "centers" / f"{center}.yaml").read_text())["targets"]["z2jh"]
    later = IMAGE_VOLUMES if declared.get("mounts", "image") == "image" else ()
    return tuple(sorted({declared["versions"]["kubernetes"], *later}))


PROFILES = [(center, slug) for center in CENTERS for slug in composition(center)["profiles"]]


def profile_of(center: str, slug: str) -> Tree:
    """A profile with its slug; the default one for an empty slug."""
    for name, profile in composition(center)["profiles"].items():
        if name == slug or (not slug and profile["default"]):
            return {"slug": name, **profile}
    raise KeyError(slug)


# ── what a user can choose ────────────────────────────────────────────────────────────────────────────


def choices(profile: Tree) -> dict[str, dict[str, Tree | None]]:
    """By offered brick, what each choice mounts: the composition's word on the keys of the values.

    One entry of ``offers`` is one release; several of a brick have keys of their own (``choice``). Keys in ``retired``
    are good, but no longer shown: they stand for the first release.
    """
    found: dict[str, dict[str, Tree | None]] = {}
    for called, brick in profile["offers"].items():
        name = called.partition("@")[0]
        found.setdefault(name, {"skip": None})[brick.get("choice") or "include"] = {"name": name, **brick}
    for name, keys in profile.get("retired", {}).items():
        found[name] |= dict.fromkeys(keys, next(filter(None, found[name].values())))
    return found


def is_hidden(profile: Tree, answers: dict[str, str]) -> bool:
    """Whether the page shows no such choice, though it is good."""
    return any(choice in profile.get("retired", {}).get(name, ()) for name, choice in answers.items())


def every_answer(profile: Tree) -> list[dict[str, str]]:
    """Each way to fill in the form of a profile; the first one leaves every offered brick out."""
    offered = choices(profile)
    return [dict(zip(offered, keys, strict=True)) for keys in product(*offered.values())]


def bricks(profile: Tree, answers: dict[str, str]) -> list[Tree]:
    """The bricks of a session."""
    always = [{"name": name, **brick} for name, brick in profile["bricks"].items()]
    picked = [choices(profile)[name][choice] for name, choice in answers.items()]
    return [*always, *(brick for brick in picked if brick)]


# ── what is started ───────────────────────────────────────────────────────────────────────────────────


def members(center: str, profile: Tree) -> Iterator[tuple[str, list[str]]]:
    """For each group of a profile, a member: of the list where the centre has one, else as the hub knows it."""
    for group in profile["groups"]:
        listed = composition(center)["groups"].get(group)
        yield (listed[0], []) if listed else ("ada", [group])
    if not profile["groups"]:
        yield "ada", []


def allowed(center: str, slug: str) -> Iterator[tuple[str, dict[str, str], Start]]:
    """Starts of a profile that have to come to the same pod for the same answers: how, the answers, the start.

    Over the API, with everything said and with what is left out unsaid; by the page, as it is shown to somebody who
    chose everything before; and by a member of each other group.
    """
    profile = profile_of(center, slug)
    every = every_answer(profile)
    first, *others = members(center, profile)
    for answers in every:
        said = {"profile": slug, **answers}
        short = {key: value for key, value in said.items() if value != "skip"}
        saved = {"profile": slug, **every[-1]}
        yield "said", answers, _start(center, *first, said)
        yield "short", answers, _start(center, *first, short)
        yield "page", answers, _start(center, *first, said, saved)
    for user, groups in others:
        yield f"as {user} of {groups}", every[0], _start(center, user, groups, {"profile": slug})


def refused(center: str, slug: str) -> Iterator[tuple[str, Start]]:
    """Starts of a profile by users who are in none of its groups; where a list decides, the hub's groups do not."""
    profile = profile_of(center, slug)
    if profile["groups"]:
        yield "api", _start(center, OUTSIDER, ["others"], {"profile": slug})
        yield "page", _start(center, OUTSIDER, ["others"], {"profile": slug}, {})
        listed = [group for group in profile["groups"] if composition(center)["groups"].get(group)]
        yield "not in the list", _start(center, OUTSIDER, listed, {"profile": slug})


def remembered(center: str, slug: str) -> Iterator[tuple[dict[str, str], Start]]:
    """Pages that are sent as they are shown to somebody who started a profile before: what was chosen, and the start.

    A choice that has gone since is none.
    """
    profile = profile_of(center, slug)
    every = every_answer(profile)
    member = next(members(center, profile))
    for answers in every:
        yield answers, _start(center, *member, {}, {"profile": slug, **answers})
    yield every[0], _start(center, *member, {}, {"profile": slug, **dict.fromkeys(every[0], "gone")})


def unsaid(center: str) -> dict[str, Start]:
    """Starts that choose nothing: over the API, by a page that is sent as it is, and by somebody with an odd name."""
    return {
        "api": _start(center, "ada", [], {}),
        "page": _start(center, "ada", [], {}, {}),
        "odd": _start(center, ODD, [], {}),
    }


def _start(
    center: str, user: str, groups: list[str], options: dict[str, str], saved: dict[str, str] | None = None
) -> Start:
    page = saved is not None
    return Start(center=center, user=user, groups=groups, options=options, page=page, saved=saved or {})


def everything() -> list[Start]:
    """Every start of every centre."""
    return [
        *(start for profile in PROFILES for _, _, start in allowed(*profile)),
        *(start for profile in PROFILES for _, start in refused(*profile)),
        *(start for profile in PROFILES for _, start in remembered(*profile)),
        *(start for center in CENTERS for start in unsaid(center).values()),
    ]
