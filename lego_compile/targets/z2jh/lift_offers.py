"""What a user may tick: ``profile_options`` → offered bricks, as KubeSpawner applies the choices.

jupyterhub/kubespawner:kubespawner/spawner.py@7.1.0 (``_load_profile``): the choice that was sent, a KeyError for one
that is unknown, the default for none; the options are applied one after the other.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from lego_compile.ir.model import INCLUDE, BrickMount, Path
from lego_compile.targets.reading import Reading
from lego_compile.targets.z2jh import lift_pod as pods
from lego_compile.targets.z2jh.lift_traits import MAPS, Traits, moved, override_at, place, shown
from lego_compile.targets.z2jh.lift_volumes import Setup

Retired = tuple[tuple[str, tuple[str, ...]], ...]


def offered(
    values: Reading, here: Path, traits: Traits, setup: Setup, kinds: set[str]
) -> tuple[tuple[BrickMount, ...], Retired]:
    """The offered bricks of a profile with their releases, and the keys that the page hides.

    Args:
        values: the chart's values.
        here: the profile.
        traits: those of a session that adds nothing.
        setup: what all pods have in common.
        kinds: receives how bricks are mounted.
    """
    offers: list[BrickMount] = []
    retired: dict[str, tuple[str, ...]] = {}
    if not values.has(*here, "profile_options"):
        return (), ()
    for name in values.keys(*here, "profile_options"):
        option = (*here, "profile_options", name)
        if name == "profile" or not isinstance(values.peek(*option, "choices"), dict):
            values.complain(f"{name!r} can be no option of a profile", *option)
            values.maybe(*option)
            continue
        title = shown(values, *option, "display_name")
        _check_reach(values, name, option)
        keys, aliases = _keys(values, *option, "choices")
        _skipped(values, traits, name, option)
        first: Traits | None = None
        for key in keys:
            choice = (*option, "choices", key)
            label = shown(values, *choice, "display_name")
            override = override_at(values, traits, *choice, "kubespawner_override")
            alone = pods.apply(traits, override)
            first = first or alone
            delta = _added(values, traits, alone, (*choice, "kubespawner_override"))
            layers = ((*choice, "kubespawner_override"), (*here, "kubespawner_override"))
            brick = _brick(values, name, delta, setup, layers, kinds)
            if brick is None:
                continue
            if keys == [INCLUDE]:
                if label != "yes":
                    values.complain(f"ticking {name!r} is called {label!r}", *choice, "display_name")
                offers.append(replace(brick, title=title))
            else:
                offers.append(replace(brick, title=title, choice=key, release=label))
        for alias in aliases:
            _alias(values, traits, first or {}, keys[0] if keys else "", (*option, "choices", alias))
        if INCLUDE not in (*keys, *aliases):
            values.complain(f"who ticked {name!r} once cannot start any more", *option, "choices")
        hidden = tuple(sorted({*aliases} - {INCLUDE}))
        if hidden:
            retired[name] = hidden
    return tuple(sorted(offers, key=lambda brick: brick.name)), tuple(sorted(retired.items()))


def _check_reach(values: Reading, name: str, option: Path) -> None:
    """No choice speaks of another option's brick: KubeSpawner applies one after the other, and a null takes away."""
    own = {f"brick-{name}", f"copy-{name}", f"LEGO_BRICK_{name.upper().replace('-', '_')}"}
    for choice in values.keys(*option, "choices"):
        override = (*option, "choices", choice, "kubespawner_override")
        traits = values.peek(*override)
        for trait, entries in traits.items() if isinstance(traits, dict) else ():
            for key in entries if isinstance(entries, dict) else ():
                if key not in own:
                    values.complain(f"a choice about {name!r} sets {key!r}", *override, trait, key)


def _keys(values: Reading, *choices: str | int) -> tuple[list[str], list[str]]:
    """The choices that the page shows, and those that it hides; ``skip`` is neither."""
    found = [key for key in values.keys(*choices) if key != "skip"]
    aliases = [key for key in found if values.has(*choices, key, "alias")]
    keys = [key for key in found if key not in aliases]
    if not keys:
        values.complain("there is nothing to choose", *choices)
    for key in keys:
        if values.has(*choices, key, "default"):
            values.expect(False, *choices, key, "default")
    return keys, aliases


def _skipped(values: Reading, traits: Traits, name: str, option: Path) -> None:
    """Leaving the brick out is the default, and leaves everything else as it is."""
    skip = (*option, "choices", "skip")
    values.expect("no", *skip, "display_name")
    if values.has(*skip, "default"):
        values.expect(True, *skip, "default")
    if next(iter(values.keys(*option, "choices")), "") != "skip":
        values.complain(f"{name!r} is mounted unless the user says no", *option, "choices")
    override = override_at(values, traits, *skip, "kubespawner_override")
    if pods.apply(traits, override) != traits:
        values.complain(f"leaving out {name!r} changes the session", *skip, "kubespawner_override")


def _alias(values: Reading, traits: Traits, first: Traits, main: str, choice: Path) -> None:
    """A key that somebody stored once gives what the first choice gives."""
    values.expect(main, *choice, "alias")
    values.expect(
        f"{values.peek(*choice[:-1], main, 'display_name')} ({choice[-1]})", *choice, "display_name"
    )
    override = override_at(values, traits, *choice, "kubespawner_override")
    if pods.apply(traits, override) != first:
        values.complain(f"{choice[-1]!r} gives something else than {main!r}", *choice, "kubespawner_override")


def _brick(
    values: Reading, name: str, delta: Traits, setup: Setup, layers: tuple[Path, ...], kinds: set[str]
) -> BrickMount | None:
    """The one brick that a choice adds."""
    pod = Reading(values.file, delta)
    found = pods.mounted(pod, setup, partial(place, values, layers))
    if len(found.bricks) != 1 or found.data or found.environment or found.home or found.shared_memory:
        pod.complain(f"ticking {name!r} adds something else than one brick", "volumes")
    values.complaints += moved(pod.finish(), values, layers)
    kinds |= found.kinds
    for brick in found.bricks:
        if brick.name != name:
            values.complain(f"ticking {name!r} mounts brick {brick.name!r}", *layers[0])
    return found.bricks[0] if found.bricks else None


def _added(values: Reading, before: Traits, after: Traits, path: Path) -> Traits:
    """The entries that a choice adds; a complaint for everything else that it does."""
    delta: Traits = {}
    for trait in MAPS:
        old, new = before[trait], after[trait]
        if not (isinstance(old, dict) and isinstance(new, dict)):
            if old != new or trait != "init_containers":
                values.complain(f"`{trait}` is no mapping any more", *path)
            old, new = {}, {}
        delta[trait] = {key: value for key, value in new.items() if key not in old}
        if any(key not in new or new[key] != value for key, value in old.items()):
            values.complain(f"the choice changes `{trait}` of the profile", *path)
    for trait in before:
        if trait not in MAPS and before[trait] != after[trait]:
            values.complain(f"the choice changes `{trait}`", *path)
    return delta
