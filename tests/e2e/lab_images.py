"""Images that really run: JupyterLab, JupyterHub and what is around them, and bricks with a Python each.

What is in them was installed by ``lab/build.sh``: programs of Debian, PyPI and npm. Two things are stand-ins, since no
registry that the tests reach has the real ones: conda with nb_conda_kernels (``lab/nb_conda_kernels.py``), and
Tecnativa's docker-socket-proxy (HAProxy, which it is made of, with ``lab/haproxy.cfg``). A brick is no genuine conda
environment; it has what Jupyter, nb_conda_kernels and the guard look at, and a Python that finds its prefix by itself.
Images of services have entry points, users, folders and file capabilities as the published ones do.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.e2e.images import HOME, NOTEBOOK, OURS, PANGEO, PLATFORM, PREFIXES, SHELL
from tests.images.oci import EPOCH, LAYER, Built, Entry, Tree, digest, directory, image, script, text
from tests.labelled import labels

_HERE = Path(__file__).parent / "lab"
RELEASE = "2026.10"
NEXT = "2026.11"

ONLY = {"ocean": "xxhash", "hydro": "tabulate", "pangeo": "toolz"}
"""A package of each brick that the others have not."""


@dataclass(frozen=True)
class Layers:
    """What ``lab/build.sh`` made.

    Args:
        folder: with a file NAME.tar for each layer.
    """

    folder: Path

    def versions(self) -> dict[str, Any]:
        """What is in the images."""
        return dict(json.loads((self.folder / "versions.json").read_text()))

    def busybox(self) -> bytes:
        """The program, of the root folder in which the layers were made."""
        return (self.folder.parent / "usr/bin/busybox").read_bytes()

    @cached_property
    def blobs(self) -> dict[str, tuple[str, Path]]:
        """Name → digest and file, of every layer."""
        found = {}
        for path in sorted(self.folder.glob("*.tar")):
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                found[path.stem] = digest(content), path  # type: ignore[arg-type]
        return found


class Blobs(Mapping[str, bytes]):
    """Blobs in memory, and others that are read from files when they are asked for."""

    def __init__(self, small: Mapping[str, bytes], files: Mapping[str, Path]) -> None:
        self._small, self._files = small, files

    def __getitem__(self, key: str) -> bytes:
        return self._small[key] if key in self._small else self._files[key].read_bytes()

    def __iter__(self) -> Iterator[str]:
        return iter({**self._small, **self._files})

    def __len__(self) -> int:
        return len({**self._small, **self._files})


def published(layers: Layers, busybox: bytes = b"") -> dict[tuple[str, str], Built]:
    """Repository and tag → image, for every image of the centre.

    Args:
        layers: what is in them.
        busybox: the program, which then is a shell in every brick; they need none to be mounted.
    """
    shell: Tree = {"bin/busybox": Entry(busybox, 0o755), **SHELL} if busybox else {}
    stated = {"shell": "/bin/sh"} if busybox else {}
    blobs, versions = layers.blobs, layers.versions()
    hub = versions["hub"]["jupyterhub"]

    def made(
        below: Sequence[str], tree: Tree, said: Mapping[str, str], settings: Mapping[str, object]
    ) -> Built:
        return _on([blobs[each] for each in below], image({PLATFORM: tree}, said, settings))

    found = {
        (f"{OURS}/lab", RELEASE): made(
            ["base", "conda"], _lab(), labels(_lab_facts(versions), "system", title="JupyterLab"), _LAB_SETTINGS
        ),
        (f"{OURS}/hub", hub): made(
            ["base", "hub"], {"srv/jupyterhub": directory()}, {},
            {"Env": ["PATH=/opt/hub/bin:/usr/bin:/bin"], "WorkingDir": "/srv/jupyterhub", "Cmd": ["jupyterhub"]},
        ),
        # jupyterhub/configurable-http-proxy:Dockerfile@5.3.0
        (f"{OURS}/configurable-http-proxy", versions["services"]["configurable-http-proxy"]): made(
            ["base", "proxy"], {_ENTRYPOINT.lstrip("/"): _PROXY_STARTS}, {},
            {"Env": ["PATH=/srv/configurable-http-proxy/bin:/usr/bin:/bin"], "User": "65534",
             "WorkingDir": "/srv/configurable-http-proxy", "Entrypoint": [_ENTRYPOINT]},
        ),
        # caddyserver/caddy-docker:Dockerfile.tmpl
        (f"{OURS}/caddy", versions["services"]["caddy"]): made(
            ["base", "tools", "edge"], {"srv": directory()}, {},
            {"Env": ["PATH=/usr/bin:/bin", "XDG_CONFIG_HOME=/config", "XDG_DATA_HOME=/data"], "WorkingDir": "/srv",
             "Cmd": ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]},
        ),
        # Tecnativa/docker-socket-proxy:Dockerfile@v0.4.1
        (f"{OURS}/docker-socket-proxy", "0.4.1"): made(
            ["base", "tools"], {"usr/local/etc/haproxy/haproxy.cfg": Entry((_HERE / "haproxy.cfg").read_bytes())}, {},
            {"Env": ["PATH=/usr/sbin:/usr/bin:/bin", *(f"{name}={on}" for name, on in _LETS.items())],
             "User": "root", "Cmd": ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]},
        ),
    }  # fmt: skip
    for name, release in (("ocean", RELEASE), ("hydro", RELEASE), ("ocean", NEXT)):
        found[f"{OURS}/brick-{name}", release] = made(
            [name], {**brick(name, release), **shell},
            labels(_brick_facts(name, release, versions) | stated, title=title(name, release)), {},
        )  # fmt: skip
    below = {f"{NOTEBOOK}/{path}".lstrip("/"): entry for path, entry in brick("pangeo", RELEASE).items()}
    found[PANGEO, "2026.01.30"] = made(
        ["pangeo"], {**below, **shell, "etc/hostname": text("pangeo\n")}, {}, {"User": "jovyan"}
    )
    return found


def title(name: str, release: str) -> str:
    """What a kernel is called in the launcher."""
    return f"The {name} of {release}"


def brick(name: str, release: str) -> Tree:
    """What makes a Python a brick, by path below its prefix: conda's history, the kernel, a script for activation."""
    prefix = PREFIXES[name]
    kernel = {
        "argv": [f"{prefix}/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": title(name, release),
        "language": "python",
    }
    return {
        "conda-meta/history": text(f"==> {release} <==\n# cmd: conda create --prefix {prefix}\n"),
        "share/jupyter/kernels/python3/kernel.json": text(json.dumps(kernel, indent=1)),
        f"etc/conda/activate.d/{name}.sh": text(f"export LEGO_ACTIVATED={name}@{release}\n"),
    }


_ENTRYPOINT = "/srv/configurable-http-proxy/chp-docker-entrypoint"
_PROXY_STARTS = script(
    '#!/bin/sh\n# As the published one: all words are arguments.\nexec configurable-http-proxy "$@"\n'
)
_LETS = dict.fromkeys(("PING", "VERSION", "EVENTS"), 1) | dict.fromkeys(
    ("CONTAINERS", "EXEC", "IMAGES", "NETWORKS", "POST", "VOLUMES"), 0
)
"""What the stand-in of docker-socket-proxy lets through unless it is told otherwise."""

_LAB_SETTINGS: Mapping[str, object] = {
    "User": "1000:100",
    "WorkingDir": HOME,
    "Env": ["PATH=/opt/conda/bin:/usr/bin:/bin", f"HOME={HOME}", "LANG=C.UTF-8"],
    "Cmd": ["jupyterhub-singleuser"],
}


def _lab() -> Tree:
    return {
        "etc/passwd": text("root:x:0:0:root:/root:/bin/bash\njovyan:x:1000:100::/home/jovyan:/bin/bash\n"),
        "etc/group": text("root:x:0:\nusers:x:100:\n"),
        HOME.lstrip("/"): directory(
            0o755, 1000, 100
        ),  # a new volume gets the owner of the directory that it covers
        "opt/bricks": directory(),
        "srv/conda/envs": directory(),
        "opt/conda/conda-meta/history": text(""),
        "opt/conda/lib/python3.14/site-packages/nb_conda_kernels.py": Entry(
            (_HERE / "nb_conda_kernels.py").read_bytes()
        ),
    }


def _lab_facts(versions: Mapping[str, Any]) -> dict[str, Any]:
    provides = {each: versions["lab"][each] for each in ("jupyterhub", "jupyterlab", "batchspawner")}
    provides |= {"conda": "26.7.1", "nb_conda_kernels": "2.5.2"}  # whose place a stand-in takes
    return {
        "name": "lab", "home": HOME, "user": "1000:100", "conda": "/opt/conda", "glibc": versions["glibc"],
        "environments": ["/opt/bricks", "/srv/conda/envs"], "provides": provides,
    }  # fmt: skip


def _brick_facts(name: str, release: str, versions: Mapping[str, Any]) -> dict[str, Any]:
    kernels = [("python3", title(name, release), "python")]
    return {"name": name, "prefix": PREFIXES[name], "kernels": kernels, "glibc": versions["glibc"]}


def _on(below: Sequence[tuple[str, Path]], built: Built) -> Built:
    """An image with layers below its own."""
    small = dict(built.blobs)
    (platform,) = built.platforms
    manifest = json.loads(small.pop(built.platforms[platform][0]))
    config = json.loads(small.pop(manifest["config"]["digest"]))
    del small[built.index_digest]
    config["rootfs"]["diff_ids"] = [*(each for each, _ in below), *config["rootfs"]["diff_ids"]]
    config["history"] = [{"created": EPOCH, "created_by": path.stem} for _, path in below] + config["history"]
    stored = [{"mediaType": LAYER, "digest": each, "size": path.stat().st_size} for each, path in below]
    manifest["layers"] = stored + manifest["layers"]

    def keep(value: object) -> dict[str, Any]:
        content = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        small[digest(content)] = content
        return {"digest": digest(content), "size": len(content)}

    manifest["config"] |= keep(config)
    described = keep(manifest)
    system, architecture = platform.split("/")
    entry = {"mediaType": manifest["mediaType"], **described}
    entry["platform"] = {"os": system, "architecture": architecture}
    index = keep({"schemaVersion": 2, "mediaType": built.media_type, "manifests": [entry]})
    layers = tuple((each["digest"], each["size"]) for each in manifest["layers"])
    blobs = Blobs(small, dict(below))
    platforms = {platform: (described["digest"], sum(size for _, size in layers))}
    return Built(index["digest"], platforms, built.labels, blobs, built.media_type, {platform: layers})
