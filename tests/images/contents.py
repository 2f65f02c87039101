"""What is in the images of a catalog: genuine trees of a few kilobytes, with placeholders for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from tests.images.oci import Built, Entry, directory, image, script, text

OURS = "registry.example.org/"
"""Images published here carry the labels of the project; images of others do not know of it."""

LABEL = "org.gaia-data.lego."

SERVICES = {
    ("registry.example.org/lego/hub", "6.1.1"): "jupyterhub",
    ("registry.example.org/lego/configurable-http-proxy", "5.3.0"): "configurable-http-proxy",
    ("registry.example.org/lego/caddy", "2.10.2"): "caddy",
    ("registry.example.org/lego/docker-socket-proxy", "0.4.1"): "docker-entrypoint.sh",
    ("registry.example.org/lego/pause", "3.10.1"): "pause",
}
"""Images that the targets run beside the sessions (repository and tag → program), copied to one registry."""

_PLATFORMS = ("linux/amd64", "linux/arm64")
_SUBDIR = {"linux/amd64": "linux-64", "linux/arm64": "linux-aarch64"}
_RUNTIME = {
    "python": (("python", "3.12.12"), ("ipykernel", "7.0.1")),
    "R": (("r-base", "4.5.2"), ("r-irkernel", "1.3.2")),
}
_LAB = (
    ("python", "3.12.12"), ("conda", "26.7.1"), ("jupyterlab", "4.6.6"), ("jupyterhub", "6.1.1"),
    ("nb_conda_kernels", "2.5.2"), ("batchspawner", "1.3.0"),
)  # fmt: skip


def build(catalog: Mapping[str, Any]) -> dict[tuple[str, str], Built]:
    """Build every release of every image of a catalog, and the service images that examples use.

    Args:
        catalog: what a catalog file says, as plain data.

    Returns:
        Images by repository and tag.
    """
    images = {(name, tag): _service(program, tag) for (name, tag), program in SERVICES.items()}
    for kind, make in (("systems", _system), ("bricks", _brick)):
        for name, entry in catalog.get(kind, {}).items():
            for release, info in entry["releases"].items():
                images[entry["image"], (info or {}).get("tag", release)] = make(name, release, entry)
    return images


def environment(
    name: str, release: str, prefix: str, kernels: list[Mapping[str, str]], platform: str
) -> dict[str, Entry]:
    """A minimal conda environment: what conda, nb_conda_kernels and Jupyter look at, without the programs.

    Args:
        name: of the brick.
        release: of the brick.
        prefix: absolute path that the environment is built for.
        kernels: its kernelspecs, as in the catalog.
        platform: such as ``linux/amd64``.

    Returns:
        Path below the prefix → entry.
    """
    languages = sorted({kernel.get("language", "python") for kernel in kernels})
    packages = [package for language in languages for package in _RUNTIME.get(language, ())]
    files = _conda_meta(f"gaia-{name}", release, prefix, packages, platform)
    files["conda-meta/frozen"] = text(
        _pretty({"message": "this environment is a read-only brick: create your own one beside it"})
    )
    files[f"etc/conda/activate.d/{name}.sh"] = text(f"export GAIA_BRICK={name}@{release}\n")
    files[f"etc/conda/deactivate.d/{name}.sh"] = text("unset GAIA_BRICK\n")
    for kernel in kernels:
        where = kernel.get("directory", "python3")
        program, arguments = _launched(kernel.get("language", "python"))
        files[program] = _placeholder(f"{program} of brick {name} {release}")
        files[f"share/jupyter/kernels/{where}/kernel.json"] = text(
            _pretty(
                {
                    "argv": [f"{prefix}/{program}", *arguments],
                    "display_name": kernel["title"],
                    "language": kernel.get("language", "python"),
                    "metadata": {"debugger": kernel.get("language", "python") == "python"},
                }
            )
        )
    return files


def _brick(name: str, release: str, entry: Mapping[str, Any]) -> Built:
    prefix, subpath, requires = entry["prefix"], entry.get("subpath", "/"), entry.get("requires", {})
    platforms = entry.get("platforms", ["linux/amd64"])
    files = {
        platform: _below(subpath, environment(name, release, prefix, entry["kernels"], platform))
        for platform in platforms
    }
    if not entry["image"].startswith(OURS):
        # repo2docker and pangeo images are whole systems around one environment
        # (pangeo-data/pangeo-docker-images:base-image/Dockerfile).
        conda = "/srv/conda"
        files = {
            platform: {
                **_below(conda, _conda_meta("base", release, conda, [("conda", "26.1.0")], platform)),
                **_accounts("jovyan", 1000, 1000, "/home/jovyan"),
                **tree,
            }
            for platform, tree in files.items()
        }
        settings = {
            "User": "jovyan",
            "WorkingDir": "/home/jovyan",
            "Env": [f"PATH={prefix}/bin:/usr/bin:/bin"],
        }
        return image(files, _standard(entry["title"], release), settings)
    facts = {
        "spec": "1",
        "name": name,
        "prefix": prefix,
        "subpath": subpath,
        "kernels": _compact(
            [
                {
                    "dir": kernel.get("directory", "python3"),
                    "display_name": kernel["title"],
                    "language": kernel.get("language", "python"),
                }
                for kernel in entry["kernels"]
            ]
        ),
        **_versions("requires", requires.get("system", {})),
        **({"gpu": requires["gpu"]} if requires.get("gpu") else {}),
    }
    labels = {f"{LABEL}brick.{key}": value for key, value in facts.items()}
    return image(files, {**_standard(entry["title"], release), **labels}, {})


def _system(name: str, release: str, entry: Mapping[str, Any]) -> Built:
    home, conda = entry.get("home", "/home/jovyan"), entry.get("conda", "/opt/conda")
    uid, gid = entry.get("uid", 1000), entry.get("gid", 100)
    environments = entry.get("environments", ["/opt/bricks"])
    platforms = entry.get("platforms", ["linux/amd64"])
    user = PurePosixPath(home).name
    files = {}
    for platform in platforms:
        prefix = _conda_meta("base", release, conda, list(_LAB), platform)
        for program in ("activate", "conda", "jupyter-lab", "jupyterhub-singleuser", "python"):
            prefix[f"bin/{program}"] = _placeholder(f"{program} of system image {name} {release}")
        files[platform] = {
            **_below(conda, prefix),
            **_accounts(user, uid, gid, home),
            # Mount points exist, so that engines that cannot create them on a read-only root can mount there.
            **{path.lstrip("/"): directory() for path in environments},
            "tmp": directory(0o1777),
        }
    facts = {
        "spec": "1",
        "name": name,
        "home": home,
        "user": f"{uid}:{gid}",
        "conda": conda,
        "environments": _compact(environments),
        **_versions("provides", entry.get("provides", {})),
    }
    labels = {f"{LABEL}system.{key}": value for key, value in facts.items()}
    settings = {
        "User": f"{uid}:{gid}",
        "WorkingDir": home,
        "Env": [f"PATH={conda}/bin:/usr/bin:/bin", f"HOME={home}"],
        "Cmd": ["jupyterhub-singleuser"],
    }
    return image(files, {**_standard(entry["title"], release), **labels}, settings)


def _service(program: str, release: str) -> Built:
    files = {f"usr/local/bin/{program}": _placeholder(program)}
    return image(
        dict.fromkeys(_PLATFORMS, files),
        _standard(program, release),
        {"Entrypoint": [f"/usr/local/bin/{program}"]},
    )


def _conda_meta(
    name: str, release: str, prefix: str, packages: list[tuple[str, str]], platform: str
) -> dict[str, Entry]:
    """The records of a prefix: conda lists it because ``conda-meta/history`` is a file.

    conda/conda:conda/core/envs_manager.py (``list_all_known_prefixes``).
    """
    subdir = _SUBDIR.get(platform, platform.replace("/", "-"))
    installed = [*packages, *([] if name == "base" else [(name, release)])]
    history = [f"==> {release} <==", f"# cmd: conda create --prefix {prefix}"]
    files: dict[str, Entry] = {}
    for package, version in installed:
        channel = f"https://conda.anaconda.org/conda-forge/{subdir}"
        history.append(f"+{channel}::{package}-{version}-0")
        files[f"conda-meta/{package}-{version}-0.json"] = text(
            _pretty(
                {
                    "name": package,
                    "version": version,
                    "build": "0",
                    "build_number": 0,
                    "channel": channel,
                    "subdir": subdir,
                    "fn": f"{package}-{version}-0.conda",
                    "files": [],
                }
            )
        )
    files["conda-meta/history"] = text("\n".join(history) + "\n")
    return files


def _launched(language: str) -> tuple[str, list[str]]:
    """Program below the prefix, and arguments, of the kernels that conda-forge packages."""
    if language == "R":
        return "lib/R/bin/R", ["--slave", "-e", "IRkernel::main()", "--args", "{connection_file}"]
    if language == "python":
        return "bin/python", ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
    return f"bin/{language}", ["{connection_file}"]


def _placeholder(what: str) -> Entry:
    """A program that says that it is none."""
    words = f"placeholder of {what}: this tiny image is for examples and tests"
    return script(f"#!/bin/sh\necho '{words}' >&2\nexit 69\n")


def _accounts(user: str, uid: int, gid: int, home: str) -> dict[str, Entry]:
    return {
        "etc/passwd": text(f"root:x:0:0:root:/:/sbin/nologin\n{user}:x:{uid}:{gid}:{user}:{home}:/bin/sh\n"),
        "etc/group": text(f"root:x:0:\nusers:x:{gid}:\n"),
        # The user's own: an engine gives a new volume the owner of the directory that it covers.
        home.lstrip("/"): directory(0o755, uid, gid),
    }


def _below(path: str, tree: Mapping[str, Entry]) -> dict[str, Entry]:
    top = path.strip("/")
    return {f"{top}/{name}" if top else name: entry for name, entry in tree.items()}


def _versions(fact: str, versions: Mapping[str, str]) -> dict[str, str]:
    """The C library and the lab extensions as facts of their own, and the rest as JSON."""
    extensions = {name: version for name, version in versions.items() if name.startswith("@")}
    rest = {name: version for name, version in versions.items() if name != "glibc" and name not in extensions}
    return {
        **({"glibc": versions["glibc"]} if "glibc" in versions else {}),
        **({"labextensions": _compact(extensions)} if extensions else {}),
        **({fact: _compact(rest)} if rest else {}),
    }


def _standard(title: str, release: str) -> dict[str, str]:
    return {
        "org.opencontainers.image.title": title,
        "org.opencontainers.image.version": release,
        "org.opencontainers.image.description": "a tiny stand-in for examples and tests",
    }


def _compact(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _pretty(value: object) -> str:
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
