"""The files as found on disk → what Docker Compose, JupyterHub and DockerSpawner would make of them.

``composition.json`` is read as ``jupyterhub_config.py`` reads it, which the file itself proves to be: it is the one
that we ship, and the conformance tests run it. ``lift_services.py`` reads ``compose.yaml``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from lego_compile.ir.model import Deployment, ImageRef, Path
from lego_compile.targets import Lifted
from lego_compile.targets.assets import changed
from lego_compile.targets.compose.files import (
    COMPOSE,
    COMPOSITION,
    FIXED,
    HUB_READS,
    LAB,
    NOTE,
    has_lab,
    shipped,
)
from lego_compile.targets.compose.lift_access import authenticator, login_secrets
from lego_compile.targets.compose.lift_bricks import LOGGING, Said
from lego_compile.targets.compose.lift_lab import check_lab
from lego_compile.targets.compose.lift_leaves import leaf
from lego_compile.targets.compose.lift_profiles import MOUNTS, Hub
from lego_compile.targets.compose.lift_services import Services, read_services
from lego_compile.targets.compose.note import note
from lego_compile.targets.reading import Complaint, Reading

_DEEPEST = 20


def lift(files: Mapping[str, bytes]) -> Lifted:
    """Read the target's folder.

    Args:
        files: path below the folder → bytes.
    """
    complaints: list[Complaint] = []
    for name in FIXED:
        complaints += changed(*shipped(name), files.get(name), name)
    ours = [name for name in HUB_READS if name != COMPOSITION]
    guarded = not any(changed(*shipped(name), files.get(name), "") for name in ours)
    reading = Reading(COMPOSITION, _json(files, complaints))
    said = Said(*(str(reading.peek(key)) for key in ("center", "engine", "mounts")))
    services = read_services(files, said, complaints)
    known = {COMPOSE, COMPOSITION, NOTE, *FIXED, *(services.reads if services else ())}
    known |= {LAB} if has_lab(said.engine, said.mounts) else set()
    complaints += [
        Complaint("LC702", f"nothing reads {name!r}", (name,)) for name in files if name not in known
    ]
    told = services.complaints if services is not None else ()
    if reading.data is None:
        return Lifted(None, {}, {}, (*complaints, *told))
    deployment = Hub(reading, (services or Services()).bricks, guarded).deployment()
    options, places = _options(reading, services or Services())
    if services is not None:
        _check_agreement(reading, deployment, services, options["authenticator"], complaints)
    complaints += check_lab(files, deployment, options)
    complaints += _check_note(files, said)
    return Lifted(deployment, options, places, (*complaints, *reading.finish(), *told))


def _check_note(files: Mapping[str, bytes], said: Said) -> Iterable[Complaint]:
    """People type what it says."""
    if NOTE not in files:
        yield Complaint("LC703", f"{NOTE!r} is missing", (NOTE,))
    elif said.mounts in MOUNTS and said.engine in LOGGING and files[NOTE] != note(*said).encode():
        yield Complaint("LC704", f"{NOTE!r} is not what lego-compile writes for this centre", (NOTE,))


def _check_agreement(
    reading: Reading,
    deployment: Deployment,
    services: Services,
    asked: Mapping[str, Any],
    complaints: list[Complaint],
) -> None:
    """What one file says of the other: images are pulled for sessions, the host and the login service are one."""
    mounts, software = reading.peek("mounts"), services.bricks
    used = dict.fromkeys(_images(deployment, systems=mounts != "baked", bricks=mounts == "image"))
    for image in used:
        if image not in software.pulled:
            words = f"no service pulls {image.pinned!r}, and mounting it never does"
            complaints.append(Complaint("LC701", words, (COMPOSE, "services")))
    for image, (_, place) in software.pulled.items():
        if image not in used:
            complaints.append(Complaint("LC702", f"no session uses {image.pinned!r}, which is pulled", place))
    wanted = set(_made(reading, str(mounts)))
    built = {name: recipe.place for name, recipe in software.built.items()}
    filled = {name: seed.place for name, seed in software.seeded.items()}
    for name, place in {**built, **filled}.items():
        if name not in wanted:
            complaints.append(Complaint("LC702", f"no session uses {name!r}, which is made", place))
    host = reading.peek("host")
    if host != services.host:
        reading.complain(f"the hub is told that it is {host!r}, and Caddy serves {services.host!r}", "host")
    login = login_secrets(asked)
    if login != services.login:
        told, read = (", ".join(sorted(each)) or "none" for each in (services.login, login))
        reading.complain(
            f"the authenticator reads of the secrets of the hub {read}, and compose.yaml gives it {told}",
            "authenticator",
            "type",
        )


def _json(files: Mapping[str, bytes], complaints: list[Complaint]) -> Any:
    """The composition as ``json.loads`` understands it; None after a complaint."""
    name = "composition.json"

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        # The last one wins (python/cpython:Lib/json/decoder.py), and a person sees the first.
        if len(dict(items)) != len(items):
            raise ValueError("a key stands twice in one object")
        return dict(items)

    if name not in files:
        complaints.append(Complaint("LC703", f"{name!r} is missing", (name,)))
        return None
    try:
        data = json.loads(files[name].decode(), object_pairs_hook=pairs)
        json.dumps(data, ensure_ascii=False).encode()  # half of a surrogate pair fails here
        if not isinstance(data, dict) or _depth(data) > _DEEPEST:
            raise ValueError("it is no object, or nested too deep")
    except (ValueError, RecursionError) as error:
        reason = str(error) or "nested too deep"
        complaints.append(
            Complaint("LC705", f"{name!r} is not the JSON that the hub expects: {reason}", (name,))
        )
        return None
    return data


def _depth(data: Any) -> int:
    """How deep lists and objects are nested."""
    depth, level = 0, [data]
    while level:
        depth += 1
        inner = [each for each in level if isinstance(each, dict | list)]
        level = [below for each in inner for below in (each.values() if isinstance(each, dict) else each)]
    return depth


def _images(deployment: Deployment, *, systems: bool, bricks: bool) -> Iterable[ImageRef]:
    for profile in deployment.profiles:
        if systems:
            yield profile.system.image
        if bricks:
            yield from (brick.image for brick in (*profile.bricks, *profile.offers))


def _made(reading: Reading, mounts: str) -> Iterable[str]:
    """Names of images and volumes that the hub asks for, and that this machine makes."""
    for index in reading.indices("profiles"):
        at = ("profiles", index)
        if mounts == "baked":
            yield str(reading.peek(*at, "image"))
        elif mounts == "volume":
            for kind in ("bricks", "offers"):
                for brick in reading.indices(*at, kind):
                    yield str(reading.peek(*at, kind, brick, "volume"))


# --- the options ------------------------------------------------------------------------------------------------


def _options(reading: Reading, services: Services) -> tuple[dict[str, Any], dict[Path, Path]]:
    """The target's options from both files, and where each was read."""
    options = {
        "engine": reading.text("engine"),
        "mounts": reading.text("mounts"),
        "host": reading.text("host"),
        "tls": services.tls,
        "images": services.images,
        "authenticator": authenticator(reading),
        "cull": {key: leaf(reading, int, 0, "cull", key) for key in ("timeout", "max_age")},
        "session": {
            "shm": reading.text("session", "shm"),
            "processes": leaf(reading, int, 0, "session", "processes"),
            "start_timeout": leaf(reading, int, 0, "session", "start_timeout"),
        },
        "socket": services.socket,
    }
    places = {
        path: reading.place(*path)
        for block in ("engine", "mounts", "host", "authenticator", "cull", "session")
        for path in _paths((block,), options[block])
    }
    return options, {**places, **services.places}


def _paths(at: Path, value: Any) -> Iterable[Path]:
    yield at
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _paths((*at, key), below)
