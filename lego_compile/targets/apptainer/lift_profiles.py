"""Profiles of composition.json, as lego-launch and the hub read them."""

from __future__ import annotations

import re

from lego_compile.ir.model import (
    OWN_HOME,
    BrickMount,
    Composition,
    DataMount,
    ImageRef,
    Kernel,
    Limits,
    SystemImage,
)
from lego_compile.targets.apptainer.lift_leaves import maybe_number, maybe_text, number, one_of, texts, truth
from lego_compile.targets.reading import Reading

# As in lego-materialize, which asks `docker://` without the tag: "Docker references with both a tag and digest are
# currently not supported" (containers/image:docker/docker_transport.go).
_PINNED = re.compile(r"([^@\s/]+(?:/[^@\s/:]+)+)(?::([A-Za-z0-9_][A-Za-z0-9._-]*))?@(sha256:[0-9a-f]{64})")
# The runtime reads these names behind APPTAINERENV_ as something else than a variable of the session
# (apptainer/apptainer:internal/pkg/util/env/clean.go), cannot set them (internal/pkg/util/env/env.go, ReadOnlyVars),
# or sets them otherwise (internal/pkg/runtime/engine/apptainer/process_linux.go, injectEnvHandler; PROMPT_COMMAND:
# internal/pkg/util/fs/files/action_scripts.go). An empty value is exported like any other.
_SPECIAL = re.compile(
    r"((APPEND_|PREPEND_)?(LD_LIBRARY_)?PATH|EUID|GID|HOME|IFS|OPTIND|OPTERR|PWD|OLDPWD|UID|PPID|PROMPT_COMMAND|PS[12]|_"
    r"|SHLVL|SHELLOPTS|BASHOPTS|BASHPID|BASH_VERSINFO|LINENO|RANDOM|SECONDS|HISTCMD|POSIXLY_CORRECT"
    r"|(APPTAINER|SINGULARITY)(ENV)?_.*|SING_USER_DEFINED_.*)"
)


def profile(reading: Reading, index: int, guarded: bool) -> Composition:
    """One profile.

    Args:
        reading: of the whole file.
        index: of the profile.
        guarded: whether the launcher looks for every brick that it mounts.
    """
    here = ("profiles", index)
    names = reading.keys(*here, "environment")
    for name in names:
        if _SPECIAL.fullmatch(name):
            reading.complain(
                f"variable `{name}` does not arrive in the session as it is", *here, "environment", name
            )
    system = SystemImage(
        image(reading, *here, "system"), OWN_HOME, None, None, origin=reading.place(*here, "system")
    )
    return Composition(
        slug=reading.text(*here, "slug"),
        title=reading.text(*here, "title"),
        description=reading.text(*here, "description"),
        default=truth(reading, *here, "default"),
        groups=texts(reading, *here, "groups"),
        system=system,
        bricks=tuple(
            _brick(reading, guarded, *here, "bricks", at) for at in reading.indices(*here, "bricks")
        ),
        offers=tuple(
            _brick(reading, guarded, *here, "offers", at) for at in reading.indices(*here, "offers")
        ),
        environment=tuple(sorted((name, reading.text(*here, "environment", name)) for name in names)),
        command=texts(reading, *here, "command"),
        data=tuple(_data(reading, *here, "data", at) for at in reading.indices(*here, "data")),
        limits=_limits(reading, *here),
        retired=_retired(reading, *here, "retired"),
        origin=reading.place(*here),
    )


def image(reading: Reading, *here: str | int) -> ImageRef:
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
        image=image(reading, *here),
        prefix=reading.text(*here, "prefix"),
        subpath=reading.text(*here, "subpath"),
        kernels=tuple(_kernel(reading, *here, "kernels", at) for at in reading.indices(*here, "kernels")),
        guarded=guarded,
        choice=maybe_text(reading, *here, "choice") or "",
        release=maybe_text(reading, *here, "release") or "",
        origin=reading.place(*here),
    )


def _kernel(reading: Reading, *here: str | int) -> Kernel:
    """A kernel that lego-launch starts for a Jupyter outside; its name there is its kernelspec's."""
    return Kernel(
        directory=reading.text(*here, "directory"),
        title=reading.text(*here, "title"),
        language=reading.text(*here, "language"),
        name="",
    )


def _retired(reading: Reading, *here: str | int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Keys that still stand for the first release of a brick."""
    names = reading.keys(*here) if reading.has(*here) else ()
    return tuple(sorted((name, texts(reading, *here, name)) for name in names))


def _data(reading: Reading, *here: str | int) -> DataMount:
    return DataMount(
        name=reading.text(*here, "name"),
        path=reading.text(*here, "path"),
        writable=truth(reading, *here, "writable"),
        source=reading.text(*here, "source"),
        origin=reading.place(*here),
    )


def _limits(reading: Reading, *here: str | int) -> Limits:
    """What a job is asked to have; null is left to the cluster."""
    cpu, memory = maybe_number(reading, *here, "cpu"), maybe_number(reading, *here, "memory")
    if reading.has(*here, "gpus") and reading.peek(*here, "gpus") is None:
        reading.take(*here, "gpus")
        return Limits(cpu, memory)
    vendor = one_of(reading, ("nvidia", "amd"), *here, "gpus", "vendor")
    return Limits(cpu, memory, number(reading, *here, "gpus", "count"), vendor)
