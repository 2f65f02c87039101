"""The files as found on disk → what lego-launch, lego-materialize, JupyterHub and Apptainer make of them.

``composition.json`` is read as the fixed programs beside it read it, which the files themselves prove to be: they
are the ones that we ship, and the conformance tests run them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lego_compile.ir.model import (
    OWN_HOME,
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
from lego_compile.targets.reading import Complaint, Reading

_DATA = "composition.json"
_ALWAYS = {
    "bin/lego-launch": "lego-launch",
    "bin/lego-materialize": "lego-materialize",
    "jupyter/ipython_config.json": "ipython_config.json",
    "jupyter/jupyter_server_config.json": "jupyter_server_config.json",
}
_HUB = {"jupyterhub/jupyterhub_config.py": "jupyterhub_config.py"}
_NOTE = "Compiled by lego-compile from the centre specification: edit that, not this file."
_DEEPEST = 20
_SLURM = ("partition", "account", "qos", "reservation", "time", "gres")

# As in lego-materialize, which asks `docker://` without the tag: "Docker references with both a tag and digest are
# currently not supported" (containers/image:docker/docker_transport.go).
_PINNED = re.compile(r"([^@\s/]+(?:/[^@\s/:]+)+)(?::([A-Za-z0-9_][A-Za-z0-9._-]*))?@(sha256:[0-9a-f]{64})")
# The runtime reads these names behind APPTAINERENV_ as something else than a variable of the session
# (apptainer/apptainer:internal/pkg/util/env/clean.go), cannot set them (internal/pkg/util/env/env.go, ReadOnlyVars),
# or sets them otherwise (internal/pkg/runtime/engine/apptainer/process_linux.go, injectEnvHandler; PROMPT_COMMAND:
# internal/pkg/util/fs/files/action_scripts.go). An empty value is exported like any other.
_SPECIAL = re.compile(
    r"((APPEND_|PREPEND_)?(LD_LIBRARY_)?PATH|EUID|GID|HOME|IFS|OPTIND|PWD|UID|PROMPT_COMMAND"
    r"|(APPTAINER|SINGULARITY)(ENV)?_.*|SING_USER_DEFINED_.*)"
)


def lift(files: Mapping[str, bytes]) -> Lifted:
    """Read the target's folder.

    Args:
        files: path below the folder → bytes.
    """
    complaints: list[Complaint] = []
    data = _json(files, complaints)
    reading = Reading(_DATA, data)
    slurm = isinstance(data, dict) and "slurm" in data
    fixed = {**_ALWAYS, **(_HUB if slurm else {})}
    for path in files:
        if path != _DATA and path not in fixed:
            complaints.append(Complaint("LC702", f"nothing reads {path!r}", (path,)))
    for path, name in fixed.items():
        complaints += changed("apptainer", name, files.get(path), path)
    if data is None:
        return Lifted(None, {}, {}, tuple(complaints))
    # the guard is in the launcher: it looks from inside for every brick that it mounts
    guarded = not changed("apptainer", "lego-launch", files.get("bin/lego-launch"), "")
    reading.expect(_NOTE, "note")
    options, places = _options(reading)
    deployment = Deployment(
        center=reading.text("center"),
        title="",
        profiles=tuple(_profile(reading, index, guarded) for index in reading.indices("profiles")),
        groups=tuple(sorted((name, _texts(reading, "groups", name)) for name in reading.keys("groups"))),
    )
    slugs = [profile.slug for profile in deployment.profiles]
    for index, slug in enumerate(slugs):
        if slug in slugs[:index]:
            reading.complain(
                f"profile {slug!r} is here twice, and nothing says which one counts", "profiles", index
            )
    return Lifted(deployment, options, places, (*complaints, *reading.finish()))


def _json(files: Mapping[str, bytes], complaints: list[Complaint]) -> Any:
    """The data as Python's ``json`` reads it; None with a complaint when it cannot, or would hide something."""
    if _DATA not in files:
        complaints.append(Complaint("LC703", f"{_DATA!r} is missing", (_DATA,)))
        return None

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        for key in sorted({key for key in keys if keys.count(key) > 1}):
            complaints.append(
                Complaint("LC702", f"`{key}` is there twice, and the first one is not read", (_DATA,))
            )
        return dict(pairs)

    try:
        data = json.loads(files[_DATA].decode("utf-8"), object_pairs_hook=mapping)
    except (ValueError, RecursionError) as error:
        complaints.append(Complaint("LC705", f"{_DATA!r} is not JSON: {error}", (_DATA,)))
        return None
    if not isinstance(data, dict) or _deeper(data):
        complaints.append(Complaint("LC705", f"{_DATA!r} is not a composition", (_DATA,)))
        return None
    return data


def _deeper(data: Any) -> bool:
    """Whether the data is nested beyond anything that a composition needs."""
    level = [data]
    for _ in range(_DEEPEST):
        below = [
            node.values() if isinstance(node, dict) else node
            for node in level
            if isinstance(node, dict | list)
        ]
        level = [each for nodes in below for each in nodes]
    return any(isinstance(node, dict | list) for node in level)


def _options(reading: Reading) -> tuple[dict[str, Any], dict[Path, Path]]:
    """The options, as they were given to ``lower``, and where each was found."""
    options: dict[str, Any] = {
        "runtime": _one_of(reading, ("apptainer", "singularity"), "runtime"),
        "executable": _maybe_text(reading, "executable"),
        "root": reading.text("root"),
        "store": _maybe_text(reading, "store"),
        "format": _one_of(reading, ("sif", "squashfs"), "format"),
        "authfile": _maybe_text(reading, "authfile"),
        "site_binds": list(_texts(reading, "site_binds")),
        "slurm": _slurm(reading) if reading.has("slurm") else None,
    }
    places: dict[Path, Path] = {(key,): reading.place(key) for key in options if reading.has(key)}
    for key in options["slurm"] or ():
        if reading.has("slurm", key):
            places["slurm", key] = reading.place("slurm", key)
    return options, places


def _slurm(reading: Reading) -> dict[str, Any]:
    """Jobs: what is said for all profiles, and the exceptions, which come on top."""
    return {
        **{key: _maybe_text(reading, "slurm", key) for key in _SLURM[:-2]},
        "time": reading.text("slurm", "time"),
        "gres": reading.text("slurm", "gres"),
        "hub_url": _maybe_text(reading, "slurm", "hub_url"),
        "start_timeout": _number(reading, "slurm", "start_timeout"),
        "profiles": {slug: _exceptions(reading, slug) for slug in reading.keys("slurm", "profiles")},
    }


def _exceptions(reading: Reading, slug: str) -> dict[str, str | None]:
    here = ("slurm", "profiles", slug)
    reading.keys(*here)
    return {key: _maybe_text(reading, *here, key) for key in _SLURM}


def _profile(reading: Reading, index: int, guarded: bool) -> Composition:
    here = ("profiles", index)
    names = reading.keys(*here, "environment")
    for name in names:
        if _SPECIAL.fullmatch(name):
            reading.complain(
                f"variable `{name}` does not arrive in the session as it is", *here, "environment", name
            )
    system = SystemImage(
        _image(reading, *here, "system"), OWN_HOME, None, None, origin=reading.place(*here, "system")
    )
    return Composition(
        slug=reading.text(*here, "slug"),
        title=reading.text(*here, "title"),
        description=reading.text(*here, "description"),
        default=_truth(reading, *here, "default"),
        groups=_texts(reading, *here, "groups"),
        system=system,
        bricks=tuple(
            _brick(reading, guarded, *here, "bricks", at) for at in reading.indices(*here, "bricks")
        ),
        offers=tuple(
            _brick(reading, guarded, *here, "offers", at) for at in reading.indices(*here, "offers")
        ),
        environment=tuple(sorted((name, reading.text(*here, "environment", name)) for name in names)),
        command=_texts(reading, *here, "command"),
        data=tuple(_data(reading, *here, "data", at) for at in reading.indices(*here, "data")),
        limits=_limits(reading, *here, "limits"),
        retired=_retired(reading, *here, "retired"),
        origin=reading.place(*here),
    )


def _image(reading: Reading, *here: str | int) -> ImageRef:
    """An image as lego-materialize finds it; the tag is for people."""
    text = reading.text(*here, "image")
    match = _PINNED.fullmatch(text)
    if match is None:
        reading.complain(f"{text!r} is not an image with a digest", *here, "image")
        return ImageRef(text, "")
    return ImageRef(match[1], match[3], match[2] or "")


def _brick(reading: Reading, guarded: bool, *here: str | int) -> BrickMount:
    return BrickMount(
        name=reading.text(*here, "name"),
        title=reading.text(*here, "title"),
        image=_image(reading, *here),
        prefix=reading.text(*here, "prefix"),
        subpath=reading.text(*here, "subpath"),
        guarded=guarded,
        choice=_maybe_text(reading, *here, "choice") or "",
        release=_maybe_text(reading, *here, "release") or "",
        origin=reading.place(*here),
    )


def _retired(reading: Reading, *here: str | int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Keys that still stand for the first release of a brick."""
    names = reading.keys(*here) if reading.has(*here) else ()
    return tuple(sorted((name, _texts(reading, *here, name)) for name in names))


def _data(reading: Reading, *here: str | int) -> DataMount:
    return DataMount(
        name=reading.text(*here, "name"),
        path=reading.text(*here, "path"),
        writable=_truth(reading, *here, "writable"),
        source=reading.text(*here, "source"),
        origin=reading.place(*here),
    )


def _limits(reading: Reading, *here: str | int) -> Limits:
    """What Slurm is asked for; what is not there is left to the cluster."""
    reading.keys(*here)
    gpus = _number(reading, *here, "gpus") if reading.has(*here, "gpus") else 0
    vendor = ""
    if gpus or reading.has(*here, "gpu_vendor"):
        vendor = _one_of(reading, ("nvidia", "amd"), *here, "gpu_vendor")
    return Limits(
        cpu=_number(reading, *here, "cpu") if reading.has(*here, "cpu") else None,
        memory=_number(reading, *here, "memory") if reading.has(*here, "memory") else None,
        gpus=gpus,
        gpu_vendor=vendor,
    )


# --- leaves -------------------------------------------------------------------------------------------------


def _maybe_text(reading: Reading, *path: str | int) -> str | None:
    return reading.text(*path) if reading.has(*path) else None


def _texts(reading: Reading, *path: str | int) -> tuple[str, ...]:
    return tuple(reading.text(*path, index) for index in reading.indices(*path))


def _one_of(reading: Reading, known: tuple[str, ...], *path: str | int) -> str:
    value = reading.text(*path)
    if value and value not in known:
        reading.complain(f"{value!r} is none of {', '.join(known)}", *path)
    return value


def _truth(reading: Reading, *path: str | int) -> bool:
    value = reading.take(*path)
    if not isinstance(value, bool) and reading.has(*path):
        reading.complain(f"{value!r} is neither true nor false", *path)
    return value is True


def _number(reading: Reading, *path: str | int) -> int:
    """A whole number above zero."""
    value = reading.take(*path)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if reading.has(*path):
        reading.complain(f"{value!r} is not a whole number above zero", *path)
    return 0
