"""The options in composition.json: where things are, and how a scheduler is asked."""

from __future__ import annotations

from typing import Any

from lego_compile.targets.apptainer.lift_leaves import maybe_text, number, one_of, texts, truth
from lego_compile.targets.reading import Path, Reading

_SCHEDULERS = ("slurm", "oar")
_WORDS = {
    "slurm": ("partition", "account", "qos", "reservation", "time", "gres"),
    "oar": ("queue", "project", "properties", "time"),
}
_SAID = {"slurm": ("time", "gres"), "oar": ("time",)}
"""What every job says."""


def read_options(reading: Reading) -> tuple[dict[str, Any], dict[Path, Path]]:
    """The options, as they were given to ``lower``, and where each was found."""
    options: dict[str, Any] = {
        "runtime": one_of(reading, ("apptainer", "singularity"), "runtime"),
        "executable": maybe_text(reading, "executable"),
        "root": reading.text("root"),
        "store": reading.text("store"),
        "format": one_of(reading, ("sif", "squashfs"), "format"),
        "authfile": maybe_text(reading, "authfile"),
        "site_binds": list(texts(reading, "site_binds")),
        "scheduler": one_of(reading, _SCHEDULERS, "scheduler") if reading.has("scheduler") else None,
        **{name: _jobs(reading, name) if reading.has(name) else None for name in _SCHEDULERS},
        "hub": _hub(reading) if reading.has("hub") else None,
        "ondemand": _app(reading) if reading.has("ondemand") else None,
    }
    for name in _SCHEDULERS:  # the hub and the batch templates ask the one, of the words of the one
        if (options[name] is None) != (options["scheduler"] != name):
            reading.complain(
                f"the scheduler is {options['scheduler']!r}, and {name!r} is what jobs ask for", name
            )
    places: dict[Path, Path] = {(key,): reading.place(key) for key in options if reading.has(key)}
    for block in (*_SCHEDULERS, "hub", "ondemand"):
        for key in options[block] or ():
            if reading.has(block, key):
                places[block, key] = reading.place(block, key)
    return options, places


def _jobs(reading: Reading, name: str) -> dict[str, Any]:
    """What is said for all profiles, and the exceptions, which come on top."""
    words = {
        key: reading.text(name, key) if key in _SAID[name] else maybe_text(reading, name, key)
        for key in _WORDS[name]
    }
    types = {"types": list(texts(reading, name, "types"))} if name == "oar" else {}
    return {
        **words,
        **types,
        "exclusive": truth(reading, name, "exclusive"),
        "profiles": {slug: _exceptions(reading, name, slug) for slug in reading.keys(name, "profiles")},
    }


def _exceptions(reading: Reading, name: str, slug: str) -> dict[str, Any]:
    here = (name, "profiles", slug)
    reading.keys(*here)
    found: dict[str, Any] = {key: maybe_text(reading, *here, key) for key in _WORDS[name]}
    if name == "oar":
        found["types"] = list(texts(reading, *here, "types")) if reading.has(*here, "types") else None
    found["exclusive"] = truth(reading, *here, "exclusive") if reading.has(*here, "exclusive") else None
    return found


def _app(reading: Reading) -> dict[str, Any]:
    return {"cluster": reading.text("ondemand", "cluster"), "url": maybe_text(reading, "ondemand", "url")}


def _hub(reading: Reading) -> dict[str, Any]:
    return {
        "url": maybe_text(reading, "hub", "url"),
        "start_timeout": number(reading, "hub", "start_timeout"),
        "spawner": one_of(reading, ("batchspawner", "wrapspawner", "moss"), "hub", "spawner"),
    }
