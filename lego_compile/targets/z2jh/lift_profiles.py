"""The chart's values → KubeSpawner's traits, profile by profile → compositions."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from lego_compile.ir.model import Composition, SystemImage
from lego_compile.targets.reading import Reading
from lego_compile.targets.z2jh import lift_pod as pods
from lego_compile.targets.z2jh.lift_offers import offered
from lego_compile.targets.z2jh.lift_text import page_text
from lego_compile.targets.z2jh.lift_traits import (
    MAPS,
    SHARED,
    Traits,
    chart_traits,
    moved,
    override_at,
    place,
    shown,
)
from lego_compile.targets.z2jh.lift_volumes import Setup

_LIST = ("singleuser", "profileList")
_DESCRIPTION = re.compile(r"(?:([^<>]+)<br>)?<small>(<span .*</span>)</small>|([^<>]*)", re.DOTALL)
_BRICK = re.compile(r'<span data-brick="([a-z0-9-]{1,99})">([^<>]*)</span>')


class Sessions(NamedTuple):
    """What was read of the sessions.

    Attributes:
        profiles: of the spawn page, with the groups left open.
        kinds: how bricks are mounted.
        placements: where sessions of a profile run, by its slug, as the option ``profiles`` says it.
        shared_memory: size of /dev/shm in all of them; empty for the platform's own.
    """

    profiles: list[Composition]
    kinds: set[str]
    placements: dict[str, Any]
    shared_memory: str


def compositions(values: Reading, setup: Setup, *, listed: bool) -> Sessions:
    """Every profile of the spawn page, and what its sessions get.

    Args:
        values: the chart's values.
        setup: what all pods have in common.
        listed: whether volumes are written as lists, for charts before 4.3.
    """
    base = chart_traits(values, setup, listed=listed)
    found = Sessions([], set(), {}, "")
    sizes: list[str] = []
    for index in values.indices(*_LIST):
        if isinstance(values.peek(*_LIST, index), dict):
            sizes.append(_profile(values, index, base, setup, found, listed=listed))
        else:
            values.complain(f"profile {index} is no mapping", *_LIST, index)
            values.maybe(*_LIST, index)
    if len(set(sizes)) > 1:
        values.complain("profiles differ in the size of /dev/shm", *_LIST)
    for index, profile in enumerate(found.profiles):
        if profile.slug in (other.slug for other in found.profiles[:index]):
            values.complain(f"a second profile is called {profile.slug!r}, and never chosen", *_LIST, index)
    # KubeSpawner takes the first that says so, or the first of all (_get_profile, _get_initialized_profile_list).
    chosen = [index for index, profile in enumerate(found.profiles) if profile.default]
    if len(chosen) > 1:
        values.complain("two profiles are the default", *_LIST, chosen[1], "default")
    first = chosen[0] if chosen else 0
    profiles = [replace(each, default=index == first) for index, each in enumerate(found.profiles)]
    return found._replace(profiles=profiles, shared_memory=sizes[0] if sizes else "")


def _profile(
    values: Reading, index: int, base: Traits, setup: Setup, sessions: Sessions, *, listed: bool
) -> str:
    """Read one profile into ``sessions``; the size of its /dev/shm."""
    here = (*_LIST, index)
    slug = values.text(*here, "slug")
    title = shown(values, *here, "display_name")
    description, titles = _description(values, *here, "description")
    default = values.maybe(*here, "default", default=False)
    if not isinstance(default, bool):
        values.complain(f"`default` is {default!r}, which is neither true nor false", *here, "default")
    override = override_at(values, base, *here, "kubespawner_override")
    if listed and not override.keys().isdisjoint(MAPS[:3]):
        values.complain("charts before 4.3 lose the home when a profile has volumes", *here)
    traits = pods.apply(base, override)
    layers = ((*here, "kubespawner_override"),)
    pod = Reading(values.file, traits)
    for trait in SHARED:
        pod.expect(base[trait], trait)
    own = setup._replace(guard=setup.guard and traits["lifecycle_hooks"] == base["lifecycle_hooks"])
    found = pods.mounted(pod, own, partial(place, values, layers))
    if not found.home:
        pod.complain("the user's home is not mounted: what is saved is lost with the session", "volumes")
    uid, gid = pods.identity(pod)
    system = SystemImage(
        pods.system_image(pod), found.home, uid, gid, origin=place(values, layers, ("image",))
    )
    (limits, resource), command = pods.limits(pod), pods.command(pod)
    placement = pods.placement(pod, base, resource)
    if placement:
        sessions.placements[slug] = placement
    values.complaints += moved(pod.finish(), values, layers)
    sessions.kinds.update(found.kinds)
    offers, retired = offered(values, here, traits, own, sessions.kinds)
    bricks = tuple(replace(brick, title=titles.pop(brick.name, "")) for brick in found.bricks)
    for name in titles:
        values.complain(f"the page promises brick {name!r}, which is not mounted", *here, "description")
    sessions.profiles.append(
        Composition(
            slug=slug,
            title=title,
            description=description,
            default=default is True,
            groups=(),
            system=system,
            bricks=bricks,
            offers=offers,
            environment=tuple(sorted(found.environment.items())),
            command=command,
            data=tuple(found.data),
            limits=limits,
            retired=retired,
            origin=values.place(*here),
        )
    )
    return found.shared_memory


def _description(values: Reading, *path: str | int) -> tuple[str, dict[str, str]]:
    """The sentence, and the titles of the bricks that it lists, by name."""
    markup = values.maybe(*path, default="")
    match = _DESCRIPTION.fullmatch(markup) if isinstance(markup, str) else None
    listed = match[2] or "" if match else ""
    bricks = {name: page_text(title) or "" for name, title in _BRICK.findall(listed)}
    if match is None or _BRICK.sub("", listed) != ", " * (len(bricks) - 1):
        values.complain(f"{markup!r} is markup that the spawn page obeys, and we do not know", *path)
        return "", {}
    return page_text(match[1] or match[3] or "") or "", bricks
