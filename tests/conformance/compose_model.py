"""A file of Compose as plain facts, read twice: from the model that Docker Compose prints, and from the YAML text.

Both readers give the same words for the same meaning, so that `==` says whether they agree. They pass on what they do
not know, which makes it a difference: nothing of a file is left out of the comparison.

The reader of the text has only what our own lift reads by: plain data of ``goyaml``, and variables. What Compose fills
in (compose-spec: names of the project, defaults of the short forms) is written down here a second time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.conformance.composes import INSTALLED

Tree = dict[str, Any]

_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_SECONDS = {"h": 3600, "m": 60, "s": 1}
_BYTES, _TIMES = ("mem_limit", "memswap_limit", "shm_size"), ("interval", "timeout", "start_period")


def from_model(version: str, model: Tree, folder: Path) -> Tree:
    """The facts of what ``docker compose config --format json`` prints.

    Args:
        version: of Compose, an entry of ``VERSIONS``.
        model: as printed, with every `$` doubled (docker/compose:cmd/compose/config.go, escapeDollarSign).
        folder: of the project, which paths are made absolute with.
    """
    seen = _each_text(_ours(model), lambda text: text.replace("$$", "$"))
    shared = {
        kind: _shared(seen.get(kind, {}), folder) for kind in ("networks", "volumes", "configs", "secrets")
    }
    services = {name: _modelled(version, service, folder) for name, service in seen["services"].items()}
    rest = {key: value for key, value in seen.items() if key not in (*shared, "services")}
    return {**rest, "services": services, **{kind: entries for kind, entries in shared.items() if entries}}


def _shared(entries: Tree, folder: Path) -> Tree:
    """Networks, volumes and files: Compose prints empty settings, and until 2.2x that they are its own."""
    dull: Tree = {"ipam": {}, "external": False}
    facts = {}
    for name, entry in entries.items():
        facts[name] = {key: value for key, value in entry.items() if key not in dull or value != dull[key]}
        if "file" in entry:
            facts[name]["file"] = _relative(entry["file"], folder)
    return facts


def _ours(tree: Tree) -> Tree:
    """Without extensions, which Compose reads over."""
    return {key: value for key, value in tree.items() if not key.startswith("x-")}


def _modelled(version: str, service: Tree, folder: Path) -> Tree:
    null = [key for key in ("command", "entrypoint") if service.get(key, "") is None]
    facts = {key: value for key, value in service.items() if key not in null}
    if not any((facts.get("networks") or {}).values()):  # the other way is to list settings with their names
        facts |= {"networks": sorted(facts["networks"])} if "networks" in facts else {}
    if "deploy" in facts:  # 2.20 prints empty settings
        facts["deploy"] = {key: value for key, value in facts["deploy"].items() if value != {}}
    for name, on in facts.get("depends_on", {}).items():
        facts["depends_on"][name] = {
            key: value for key, value in on.items() if (key, value) != ("required", True)
        }
    if "ports" in facts:  # the older ones print no mode; there is only one
        facts["ports"] = [{key: value for key, value in port.items() if (key, value) != ("mode", "ingress")}
                          for port in facts["ports"]]  # fmt: skip
    for kind, start in (("secrets", "/run/secrets/"), ("configs", "/")):
        if kind in facts:
            facts[kind] = _by_target({"target": start + each["source"], **each} for each in facts[kind])
    if "volumes" in facts:
        facts["volumes"] = _by_target(_mount(version, volume, folder) for volume in facts["volumes"])
    if "build" in facts:
        facts["build"] = {**facts["build"], "context": _relative(facts["build"]["context"], folder)}
    return _measured(facts)


def _mount(version: str, volume: Tree, folder: Path) -> Tree:
    facts = {key: value for key, value in volume.items() if (key, value) != ("volume", {})}
    if volume["type"] == "bind":
        # Compose 2 leaves out what is false; Compose 5 what is true, which is what it means when nobody says it.
        facts["bind"] = {"create_host_path": version == INSTALLED, **volume.get("bind", {})}
        facts["source"] = _relative(volume["source"], folder)
    return facts


def from_text(tree: Tree, variables: Mapping[str, str]) -> Tree:
    """The facts of a file.

    Args:
        tree: plain data of the YAML.
        variables: of ``.env``.
    """
    read = _each_text(_ours(tree), lambda text: _expanded(text, variables))
    project = read["name"]
    services = {
        name: _written(_extended(service, read["services"])) for name, service in read["services"].items()
    }
    networks = dict(read.get("networks") or {})
    if any("default" in service.get("networks", ()) for service in services.values()):
        networks.setdefault("default", {})
    shared = {
        **{kind: read.get(kind) or {} for kind in ("volumes", "configs", "secrets")},
        "networks": networks,
    }
    named = {
        kind: {key: {"name": f"{project}_{key}", **(entry or {})} for key, entry in entries.items()}
        for kind, entries in shared.items()
    }
    rest = {key: value for key, value in read.items() if key not in (*shared, "services")}
    return {**rest, "services": services, **{kind: entries for kind, entries in named.items() if entries}}


def _extended(service: Tree, others: Tree) -> Tree:
    """A service of the same file that this one begins with: lists are joined, the rest is replaced."""
    if "extends" not in service:
        return service
    assert set(service["extends"]) == {"service"}
    base, own = (
        others[service["extends"]["service"]],
        {key: each for key, each in service.items() if key != "extends"},
    )
    assert set(own) <= {"profiles", "volumes"}, "joining other keys is not written down here"
    return {**base, **own, "volumes": [*base.get("volumes", []), *own.get("volumes", [])]}


def _written(service: Tree) -> Tree:
    facts = dict(service)
    if "networks" in facts:
        facts["networks"] = sorted(facts["networks"])
    elif "network_mode" not in facts:
        facts["networks"] = ["default"]
    for kind, start in (("secrets", "/run/secrets/"), ("configs", "/")):
        if kind in facts:
            long = ({"source": each} if isinstance(each, str) else each for each in facts[kind])
            facts[kind] = _by_target({"target": start + each["source"], **each} for each in long)
    if "volumes" in facts:
        facts["volumes"] = _by_target(
            {key: value for key, value in volume.items() if (key, value) != ("read_only", False)}
            for volume in facts["volumes"]
        )
    if isinstance(facts.get("restart"), bool):
        facts["restart"] = "no"
    return _measured(facts)


def _measured(service: Tree) -> Tree:
    """Sizes in bytes, times in seconds."""
    facts = {key: _size(value) if key in _BYTES else value for key, value in service.items()}
    if "stop_grace_period" in facts:
        facts["stop_grace_period"] = _time(facts["stop_grace_period"])
    if "healthcheck" in facts:
        check = facts["healthcheck"]
        facts["healthcheck"] = {key: _time(value) if key in _TIMES else value for key, value in check.items()}
    return facts


def _size(value: Any) -> Any:
    """docker/go-units:size.go, RAMInBytes, for what people write."""
    found = re.fullmatch(r"([0-9]+)([bkmg]?)", str(value).lower())
    return int(found[1]) * _UNITS[found[2]] if found else value


def _time(value: str) -> Any:
    """A duration of Go, in whole seconds."""
    found = re.fullmatch(r"(?:[0-9]+[hms])+", value)
    parts = re.findall(r"([0-9]+)([hms])", value)
    return sum(int(number) * _SECONDS[unit] for number, unit in parts) if found else value


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    """Variables with a default or a message, as compose-spec has them; any other has to stay away."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        assert found["name"], f"another kind of variable in {text!r}"
        return variables.get(found["name"], "") or ("" if found["kind"] == "?" else found["rest"])

    return re.sub(r"\$\$|\$\{(?P<name>[A-Z_]+):(?P<kind>[-?])(?P<rest>[^}]*)\}|\$", value, text)


def _each_text(node: Any, change: Callable[[str], str]) -> Any:
    if isinstance(node, dict):
        return {key: _each_text(value, change) for key, value in node.items()}
    if isinstance(node, list):
        return [_each_text(value, change) for value in node]
    return change(node) if isinstance(node, str) else node


def _by_target(entries: Any) -> list[Tree]:
    """Mounts in an order: which of them comes first means nothing."""
    return sorted(entries, key=lambda each: str(each["target"]))


def _relative(path: str, folder: Path) -> str:
    """A path below the folder without it; any other as it is."""
    inside = Path(path).is_relative_to(folder)
    return f"./{Path(path).relative_to(folder)}" if inside else path
