"""The chart's values → KubeSpawner's traits, profile by profile → compositions."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any

from lego_compile.ir.model import BrickMount, Composition, Path, SystemImage
from lego_compile.targets.reading import Complaint, Reading
from lego_compile.targets.z2jh import lift_pod as pods
from lego_compile.targets.z2jh.lift_text import page_text

Traits = dict[str, Any]

_LIST = ("singleuser", "profileList")
_CHART: dict[str, tuple[Path, Any]] = {
    # jupyterhub/zero-to-jupyterhub-k8s:jupyterhub/files/hub/jupyterhub_config.py@4.4.0 and values.yaml@4.4.0:
    # trait → place in the values, and the chart's default.
    "start_timeout": (("singleuser", "startTimeout"), 300),
    "default_url": (("singleuser", "defaultUrl"), None),
    "allow_privilege_escalation": (("singleuser", "allowPrivilegeEscalation"), False),
    "image_pull_policy": (("singleuser", "image", "pullPolicy"), None),
    "node_selector": (("singleuser", "nodeSelector"), {}),
    "lifecycle_hooks": (("singleuser", "lifecycleHooks"), {}),
    "cpu_guarantee": (("singleuser", "cpu", "guarantee"), None),
    "mem_guarantee": (("singleuser", "memory", "guarantee"), "1G"),
    "container_security_context": (("hub", "config", "KubeSpawner", "container_security_context"), {}),
    "uid": (("singleuser", "uid"), 1000),
    "fs_gid": (("singleuser", "fsGid"), 100),
    "gid": (("hub", "config", "KubeSpawner", "gid"), None),
    "cmd": (("singleuser", "cmd"), "jupyterhub-singleuser"),
    "cpu_limit": (("singleuser", "cpu", "limit"), None),
    "mem_limit": (("singleuser", "memory", "limit"), None),
    "extra_resource_limits": (("singleuser", "extraResource", "limits"), {}),
    "environment": (("singleuser", "extraEnv"), {}),
    "volumes": (("singleuser", "storage", "extraVolumes"), {}),
    "volume_mounts": (("singleuser", "storage", "extraVolumeMounts"), {}),
    "image": (("singleuser", "image"), None),
}
_SHARED = tuple(_CHART)[:9]
"""Traits that no profile may change: they are options, or decided for every session."""

_MAPS = ("volumes", "volume_mounts", "environment")
_DESCRIPTION = re.compile(r"(?:([^<>]+)<br>)?<small>(<span .*</span>)</small>|([^<>]*)", re.DOTALL)
_BRICK = re.compile(r'<span data-brick="([a-z0-9-]{1,99})">([^<>]*)</span>')


def compositions(values: Reading, secret: str, *, guard: bool) -> tuple[list[Composition], set[str]]:
    """Every profile of the spawn page, with the groups left open, and how bricks are mounted.

    Args:
        values: the chart's values.
        secret: name of the Secret that the CSI driver has to read; empty for none.
        guard: whether the guard is as it should be.
    """
    base = _chart(values)
    profiles: list[Composition] = []
    kinds: set[str] = set()
    for index in values.indices(*_LIST):
        if isinstance(values.peek(*_LIST, index), dict):
            profiles.append(_profile(values, index, base, secret, kinds, guard=guard))
        else:
            values.complain(f"profile {index} is no mapping", *_LIST, index)
            values.maybe(*_LIST, index)
    for index, profile in enumerate(profiles):
        if profile.slug in (other.slug for other in profiles[:index]):
            values.complain(f"a second profile is called {profile.slug!r}, and never chosen", *_LIST, index)
    # KubeSpawner takes the first that says so, or the first of all (_get_profile, _get_initialized_profile_list).
    chosen = [index for index, profile in enumerate(profiles) if profile.default]
    if len(chosen) > 1:
        values.complain("two profiles are the default", *_LIST, chosen[1], "default")
    first = chosen[0] if chosen else 0
    return [replace(each, default=index == first) for index, each in enumerate(profiles)], kinds


def _chart(values: Reading) -> Traits:
    """The traits that the chart sets from its values, before any profile."""
    traits: Traits = {}
    for trait, (path, default) in _CHART.items():
        # Helm: null in our values takes the chart's default away (helm/helm:pkg/chartutil/coalesce.go@v3.16.0).
        value = values.peek(*path) if values.has(*path) else default
        traits[trait] = {} if value is None and isinstance(default, dict) else value
        if trait not in _SHARED:
            values.maybe(*path)
    name, tag = values.peek("singleuser", "image", "name"), values.peek("singleuser", "image", "tag")
    if not (isinstance(name, str) and isinstance(tag, str) and name and tag):
        values.complain("`singleuser.image` needs `name` and `tag`, both text", "singleuser", "image")
    traits["image"] = f"{name}:{tag}"
    for key in (
        values.peek("singleuser", "image") if isinstance(values.peek("singleuser", "image"), dict) else ()
    ):
        if key not in ("name", "tag", "pullPolicy"):
            values.complain(
                f"nothing is known about `singleuser.image.{key}`", "singleuser", "image", code="LC702"
            )
    home = values.maybe("singleuser", "storage", "homeMountPath", default="/home/jovyan")
    values.expect("dynamic", "singleuser", "storage", "type")
    values.expect(pods.HOME, "singleuser", "storage", "dynamic", "volumeNameTemplate")
    for trait, entry in (
        ("volumes", pods.HOME_VOLUME),
        ("volume_mounts", {"name": pods.HOME, "mountPath": home}),
    ):
        if isinstance(traits[trait], dict):
            traits[trait] = {pods.HOME: entry, **traits[trait]}
        else:
            values.complain("a list here is no map to merge profiles into", *_CHART[trait][0])
            traits[trait] = {pods.HOME: entry}
    return traits


def _profile(
    values: Reading, index: int, base: Traits, secret: str, kinds: set[str], *, guard: bool
) -> Composition:
    here = (*_LIST, index)
    slug = values.text(*here, "slug")
    title = _shown(values, *here, "display_name")
    description, titles = _description(values, *here, "description")
    default = values.maybe(*here, "default", default=False)
    if not isinstance(default, bool):
        values.complain(f"`default` is {default!r}, which is neither true nor false", *here, "default")
    override = _override(values, base, *here, "kubespawner_override")
    traits = pods.apply(base, override)
    layers = ((*here, "kubespawner_override"),)
    pod = Reading(values.file, traits)
    for trait in _SHARED:
        pod.expect(base[trait], trait)
    guarded = guard and traits["lifecycle_hooks"] == base["lifecycle_hooks"]
    found = pods.mounted(pod, secret, guard=guarded, origin=partial(_place, values, layers))
    if not found.home:
        pod.complain("the user's home is not mounted: what is saved is lost with the session", "volumes")
    uid, gid = pods.identity(pod)
    system = SystemImage(
        pods.system_image(pod), found.home, uid, gid, origin=_place(values, layers, ("image",))
    )
    limits, command = pods.limits(pod), pods.command(pod)
    values.complaints += _moved(pod.finish(), values, layers)
    kinds |= found.kinds
    offers = _offers(values, here, traits, secret, kinds, guard=guarded)
    bricks = tuple(replace(brick, title=titles.pop(brick.name, "")) for brick in found.bricks)
    for name in titles:
        values.complain(f"the page promises brick {name!r}, which is not mounted", *here, "description")
    return Composition(
        slug=slug,
        title=title,
        description=description,
        default=default is True,
        groups=(),
        system=system,
        bricks=bricks,
        offers=tuple(sorted(offers, key=lambda brick: brick.name)),
        environment=tuple(sorted(found.environment.items())),
        command=command,
        data=tuple(found.data),
        limits=limits,
        origin=values.place(*here),
    )


def _shown(values: Reading, *path: str | int) -> str:
    """A text of the spawn page, which inserts it as it is (kubespawner/templates/form.html)."""
    markup = values.text(*path)
    text = page_text(markup)
    if text is None:
        values.complain(f"{markup!r} is markup, which the spawn page obeys", *path)
    return markup if text is None else text


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


def _override(values: Reading, base: Traits, *path: str | int) -> Traits:
    """What a profile or a choice changes; KubeSpawner sets any trait, and fails at one that it does not have."""
    override: Traits = {}
    if not values.has(*path):
        return override
    for key in values.keys(*path):
        if key in base:
            override[key] = values.take(*path, key)
    return override


# ── bricks that the user may tick ─────────────────────────────────────────────────────────────────────


def _offers(
    values: Reading, here: Path, traits: Traits, secret: str, kinds: set[str], *, guard: bool
) -> list[BrickMount]:
    if not values.has(*here, "profile_options"):
        return []
    offers: list[BrickMount] = []
    together, added = traits, traits
    for name in values.keys(*here, "profile_options"):
        option = (*here, "profile_options", name)
        if name == "profile" or not isinstance(values.peek(*option), dict):
            values.complain(f"{name!r} can be no option of a profile", *option)
            values.maybe(*option)
            continue
        title = _shown(values, *option, "display_name")
        skip, include = (
            (*option, "choices", choice, "kubespawner_override") for choice in ("skip", "include")
        )
        for choice, shown in (("skip", "no"), ("include", "yes")):
            values.expect(shown, *option, "choices", choice, "display_name")
        if next(iter(values.keys(*option, "choices")), "") != "skip" and not values.has(
            *skip[:-1], "default"
        ):
            values.complain(f"{name!r} is mounted unless the user says no", *option, "choices")
        if values.has(*skip[:-1], "default"):
            values.expect(True, *skip[:-1], "default")
        if pods.apply(traits, _override(values, traits, *skip)) != traits:
            values.complain(f"leaving out {name!r} changes the session", *skip)
        override = _override(values, traits, *include)
        alone = pods.apply(traits, override)
        together = pods.apply(together, override)
        delta = _added(values, traits, alone, include)
        added = pods.apply(added, delta)
        pod = Reading(values.file, delta)
        layers = (include, (*here, "kubespawner_override"))
        found = pods.mounted(pod, secret, guard=guard, origin=partial(_place, values, layers))
        if len(found.bricks) != 1 or found.data or found.environment or found.home:
            pod.complain(f"ticking {name!r} adds something else than one brick", "volumes")
        values.complaints += _moved(pod.finish(), values, layers)
        for brick in found.bricks:
            if brick.name != name:
                values.complain(f"ticking {name!r} mounts brick {brick.name!r}", *option)
            offers.append(replace(brick, title=title))
        kinds |= found.kinds
    if together != added:
        values.complain("one of the choices takes away what another one adds", *here, "profile_options")
    return offers


def _added(values: Reading, before: Traits, after: Traits, path: Path) -> Traits:
    """The entries that a choice adds; a complaint for everything else that it does."""
    delta: Traits = {}
    for trait in _MAPS:
        old, new = before[trait], after[trait]
        if not (isinstance(old, dict) and isinstance(new, dict)):
            values.complain(f"`{trait}` is no mapping any more", *path)
            old, new = {}, {}
        delta[trait] = {key: value for key, value in new.items() if key not in old}
        if any(key not in new or new[key] != value for key, value in old.items()):
            values.complain(f"the choice changes `{trait}` of the profile", *path)
    for trait in before:
        if trait not in _MAPS and before[trait] != after[trait]:
            values.complain(f"the choice changes `{trait}`", *path)
    return delta


# ── places ────────────────────────────────────────────────────────────────────────────────────────────


def _place(values: Reading, layers: tuple[Path, ...], path: Path) -> Path:
    """Where an entry of a trait was written: in a choice, in the profile, or in the chart's own keys."""
    for layer in layers:
        if values.has(*layer, *path):
            return values.place(*layer, *path)
    where = (*_CHART[str(path[0])][0], *path[1:]) if path and path[0] in _CHART else ()
    return values.place(*where) if where and values.has(*where) else values.place(*layers[0])


def _moved(complaints: tuple[Complaint, ...], values: Reading, layers: tuple[Path, ...]) -> list[Complaint]:
    return [replace(each, place=_place(values, layers, each.place[1:])) for each in complaints]
