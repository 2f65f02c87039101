"""The files as found on disk → what Docker Compose, JupyterHub and DockerSpawner would make of them.

``composition.json`` is read as ``jupyterhub_config.py`` reads it, which the file itself proves to be: it is the one
that we ship, and the conformance tests run it. ``lift_services.py`` reads ``compose.yaml``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from lego_compile.ir.model import (
    BrickMount,
    Composition,
    DataMount,
    Deployment,
    ImageRef,
    Limits,
    Path,
    SystemImage,
)
from lego_compile.targets import Lifted
from lego_compile.targets.assets import changed
from lego_compile.targets.compose.lift_services import Services, read_services, reference
from lego_compile.targets.reading import Complaint, Reading

_FIXED = ("Caddyfile", "env.example", "jupyterhub_config.py")
_DEEPEST = 20

T = TypeVar("T")


def lift(files: Mapping[str, bytes]) -> Lifted:
    """Read the target's folder.

    Args:
        files: path below the folder → bytes.
    """
    complaints = [
        Complaint("LC702", f"nothing reads {name!r}", (name,))
        for name in files
        if name not in ("compose.yaml", "composition.json", *_FIXED)
    ]
    for name in _FIXED:
        complaints += changed("compose", name, files.get(name), name)
    guarded = not changed("compose", "jupyterhub_config.py", files.get("jupyterhub_config.py"), "")
    reading = Reading("composition.json", _json(files, complaints))
    services = read_services(files, str(reading.peek("center")), complaints)
    told = services.complaints if services is not None else ()
    if reading.data is None:
        return Lifted(None, {}, {}, (*complaints, *told))
    deployment = _Hub(reading, services or Services(), guarded).deployment()
    options, places = _options(reading, services or Services())
    if services is not None:
        _check_agreement(reading, deployment, services, complaints)
    return Lifted(deployment, options, places, (*complaints, *reading.finish(), *told))


def _check_agreement(
    reading: Reading, deployment: Deployment, services: Services, complaints: list[Complaint]
) -> None:
    """What one file says of the other: images are pulled for sessions, the host and the login service are one."""
    used = dict.fromkeys(_images(deployment))
    for image in used:
        if image not in services.pulled:
            words = f"no service pulls {image.pinned!r}, and mounting it never does"
            complaints.append(Complaint("LC701", words, ("compose.yaml", "services")))
    for image, (_, place) in services.pulled.items():
        if image not in used:
            complaints.append(Complaint("LC702", f"no session uses {image.pinned!r}, which is pulled", place))
    host = reading.peek("host")
    if host != services.host:
        reading.complain(f"the hub is told that it is {host!r}, and Caddy serves {services.host!r}", "host")
    if services.oauth != (reading.peek("authenticator", "type") == "generic-oauth"):
        reading.complain(
            "the secret of the OAuth client goes with generic-oauth only", "authenticator", "type"
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


def _images(deployment: Deployment) -> Iterable[ImageRef]:
    for profile in deployment.profiles:
        yield profile.system.image
        yield from (brick.image for brick in (*profile.bricks, *profile.offers))


# --- leaves -----------------------------------------------------------------------------------------------------


def _leaf(reading: Reading, kind: type[T], empty: T, *path: str | int) -> T:
    """A value of exactly one type (true is no number); a complaint and the empty value otherwise."""
    value = reading.take(*path)
    if type(value) is kind:
        return value
    if reading.has(*path):
        reading.complain(f"{value!r} is no {kind.__name__}, which the hub expects here", *path)
    return empty


def _optional(reading: Reading, kind: type[T], empty: T, *path: str | int) -> T | None:
    """The same, or null."""
    if reading.has(*path) and reading.peek(*path) is None:
        reading.take(*path)
        return None
    return _leaf(reading, kind, empty, *path)


def _unless_absent(reading: Reading, *path: str | int) -> str:
    """A text, or nothing where the hub does without."""
    return reading.text(*path) if reading.has(*path) else ""


def _texts(reading: Reading, *path: str | int) -> list[str]:
    """A list of texts."""
    return [reading.text(*path, index) for index in reading.indices(*path)]


# --- the deployment ---------------------------------------------------------------------------------------------


class _Hub:
    """The composition on its way into the model: what every step needs, kept together."""

    def __init__(self, reading: Reading, services: Services, guarded: bool) -> None:
        self.reading, self.services, self.guarded = reading, services, guarded

    def deployment(self) -> Deployment:
        reading = self.reading
        names = reading.keys("groups")
        profiles = tuple(self.profile("profiles", index) for index in reading.indices("profiles"))
        slugs = [profile.slug for profile in profiles]
        for index, slug in enumerate(slugs):
            if slug in slugs[:index]:
                reading.complain(
                    f"there are two profiles {slug!r}, and the last one wins", "profiles", index, "slug"
                )
        return Deployment(
            center=reading.text("center"),
            title="",
            profiles=profiles,
            groups=tuple((name, tuple(_texts(reading, "groups", name))) for name in names),
        )

    def profile(self, *at: str | int) -> Composition:
        reading = self.reading
        system = SystemImage(
            image=self.image(*at, "image"),
            home=reading.text(*at, "home"),
            uid=_leaf(reading, int, 0, *at, "uid"),
            gid=_leaf(reading, int, 0, *at, "gid"),
        )
        return Composition(
            slug=reading.text(*at, "slug"),
            title=reading.text(*at, "title"),
            description=reading.text(*at, "description"),
            default=_leaf(reading, bool, False, *at, "default"),
            groups=tuple(_texts(reading, *at, "groups")),
            system=system,
            bricks=tuple(self.brick(*at, "bricks", index) for index in reading.indices(*at, "bricks")),
            offers=tuple(self.brick(*at, "offers", index) for index in reading.indices(*at, "offers")),
            environment=tuple(
                (name, reading.text(*at, "environment", name)) for name in reading.keys(*at, "environment")
            ),
            command=tuple(_texts(reading, *at, "command")),
            data=tuple(self.data(*at, "data", index) for index in reading.indices(*at, "data")),
            limits=self.limits(*at),
            retired=self.retired(*at),
            origin=reading.place(*at),
        )

    def image(self, *at: str | int) -> ImageRef:
        """A reference; its tag stands in compose.yaml only, which pulls the same image by the same digest."""
        image = reference(self.reading.text(*at))
        if image is None:
            self.reading.complain("an image that is not pinned as REPOSITORY@sha256:DIGEST", *at)
            return ImageRef("", "")
        tag, _ = self.services.pulled.get(image, (image.tag, ()))
        return ImageRef(image.repository, image.digest, tag)

    def brick(self, *at: str | int) -> BrickMount:
        reading = self.reading
        return BrickMount(
            name=reading.text(*at, "name"),
            title=reading.text(*at, "title"),
            image=self.image(*at, "image"),
            prefix=reading.text(*at, "prefix"),
            subpath=reading.text(*at, "subpath"),
            choice=_unless_absent(reading, *at, "choice"),
            release=_unless_absent(reading, *at, "release"),
            guarded=self.guarded,  # the hub guards what it mounts, each and every time
            origin=reading.place(*at),
        )

    def retired(self, *at: str | int) -> tuple[tuple[str, tuple[str, ...]], ...]:
        reading, at = self.reading, (*at, "retired")
        names = reading.keys(*at) if reading.has(*at) else ()
        return tuple((name, tuple(_texts(reading, *at, name))) for name in names)

    def data(self, *at: str | int) -> DataMount:
        reading = self.reading
        return DataMount(
            name=reading.text(*at, "name"),
            path=reading.text(*at, "path"),
            writable=_leaf(reading, bool, False, *at, "writable"),
            source=reading.text(*at, "source"),
            origin=reading.place(*at),
        )

    def limits(self, *at: str | int) -> Limits:
        reading = self.reading
        cpu, memory = _optional(reading, int, 0, *at, "cpu"), _optional(reading, int, 0, *at, "memory")
        if reading.has(*at, "gpus") and reading.peek(*at, "gpus") is None:
            reading.take(*at, "gpus")
            return Limits(cpu, memory)
        reading.expect("nvidia", *at, "gpus", "vendor")  # the hub refuses to start a session otherwise
        return Limits(cpu, memory, _leaf(reading, int, 0, *at, "gpus", "count"), "nvidia")


# --- the options ------------------------------------------------------------------------------------------------


def _options(reading: Reading, services: Services) -> tuple[dict[str, Any], dict[Path, Path]]:
    """The target's options from both files, and where each was read."""
    options = {
        "host": reading.text("host"),
        "tls": services.tls,
        "images": services.images,
        "authenticator": _authenticator(reading),
        "cull": {key: _leaf(reading, int, 0, "cull", key) for key in ("timeout", "max_age")},
        "session": {
            "shm": reading.text("session", "shm"),
            "processes": _leaf(reading, int, 0, "session", "processes"),
            "start_timeout": _leaf(reading, int, 0, "session", "start_timeout"),
        },
        "socket": services.socket,
    }
    places = {
        path: reading.place(*path)
        for block in ("host", "authenticator", "cull", "session")
        for path in _paths((block,), options[block])
    }
    return options, {**places, **services.places}


def _authenticator(reading: Reading) -> dict[str, Any]:
    at = "authenticator"
    kind = reading.text(at, "type")
    if kind != "dummy" and kind != "generic-oauth":
        reading.complain(f"{kind!r} is no authenticator that the hub is set up for", at, "type")
    elif (kind == "generic-oauth") != isinstance(reading.peek(at, "oauth"), dict):
        reading.complain("the login service has to be there with generic-oauth, and only then", at, "oauth")
    oauth: dict[str, Any] | None = None
    if reading.has(at, "oauth") and reading.peek(at, "oauth") is None:
        reading.take(at, "oauth")
    else:
        names = ("authorize_url", "token_url", "userdata_url", "login_service", "username_claim")
        oauth = {name: reading.text(at, "oauth", name) for name in names}
        oauth["scope"] = _texts(reading, at, "oauth", "scope")
        oauth["groups_claim"] = _optional(reading, str, "", at, "oauth", "groups_claim")
    return {
        "type": kind,
        "oauth": oauth,
        **{name: _texts(reading, at, name) for name in ("allowed_users", "allowed_groups", "admin_users")},
    }


def _paths(at: Path, value: Any) -> Iterable[Path]:
    yield at
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _paths((*at, key), below)
