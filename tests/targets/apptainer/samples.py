"""What the tests of this target compile: options in every variety, and files as they would lie on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from lego_compile.ir.model import Deployment
from lego_compile.ir.project import project
from lego_compile.targets.apptainer import TARGET
from lego_compile.targets.apptainer.check import _PREFIXES, _SPECIAL, OF_LAUNCHER
from tests.strategies import deployments, example, names

EXCEPTIONS = ("partition", "account", "qos", "reservation", "time", "gres", "exclusive")


def options(**changes: Any) -> dict[str, Any]:
    """Options of a centre without a scheduler, as the schema fills them in."""
    base: dict[str, Any] = {
        "runtime": "apptainer",
        "executable": None,
        "root": "/opt/lego/grenoble",
        "store": "/opt/lego/grenoble/store",
        "format": "sif",
        "authfile": None,
        "site_binds": [],
        "scheduler": None,
        "slurm": None,
        "oar": None,
        "hub": None,
        "ondemand": None,
    }
    if "root" in changes and "store" not in changes:
        changes = {**changes, "store": f"{changes['root']}/store"}
    said = next((name for name in ("slurm", "oar") if changes.get(name)), None)
    return {**base, "scheduler": said, **changes}


def hub(**changes: Any) -> dict[str, Any]:
    """Options of the hub, as the schema fills them in."""
    url = "http://hub.grenoble.example.org:8081"
    return {"url": url, "start_timeout": 600, "spawner": "batchspawner", **changes}


def oar(**changes: Any) -> dict[str, Any]:
    """Options of OAR, as the schema fills them in."""
    deep = {"properties": "gpumodel='A100'", "types": ["devel"], "time": "02:00:00"}
    base: dict[str, Any] = {
        "queue": "default",
        "project": None,
        "properties": None,
        "types": [],
        "time": "08:00:00",
        "exclusive": False,
        "profiles": {"deep": {**dict.fromkeys(("queue", "project", "exclusive")), **deep}},
    }
    return {**base, **changes}


def slurm(**changes: Any) -> dict[str, Any]:
    """Options of Slurm, as the schema fills them in."""
    base: dict[str, Any] = {
        "partition": "interactive",
        "account": None,
        "qos": None,
        "reservation": None,
        "time": "08:00:00",
        "gres": "gpu",
        "exclusive": False,
        "profiles": {"deep": exceptions(partition="gpu", gres="gpu:a100", time="02:00:00")},
    }
    return {**base, **changes}


def exceptions(**changes: Any) -> dict[str, Any]:
    """How one profile differs from the others, as the schema fills it in."""
    return {**dict.fromkeys(EXCEPTIONS), **changes}


def everything() -> dict[str, Any]:
    """Options that leave no key unsaid."""
    said = slurm(account="gaia", qos="short", reservation="school2026", exclusive=True)
    return options(
        executable="/opt/apptainer/bin/apptainer",
        store="/scratch/lego/store",
        format="squashfs",
        authfile="/etc/lego/registry-auth.json",
        site_binds=["/projects", "/scratch2"],
        slurm=said,
        hub=hub(),
        ondemand={"cluster": "dahu", "url": "https://ondemand.example.org"},
    )


def projected(deployment: Deployment) -> Deployment:
    """The deployment as this target sees it."""
    return project(deployment, "apptainer", own_home=TARGET.own_home, limits_home=TARGET.limits_home)


def compiled(deployment: Deployment | None = None, chosen: dict[str, Any] | None = None) -> dict[str, bytes]:
    """Path → bytes of a projected deployment, the rich example when none is given."""
    trees = TARGET.lower(deployment or projected(example()), chosen or options())
    return {path: file.data for path, file in TARGET.emit(trees).items()}


def install(root: Path, deployment: Deployment, chosen: dict[str, Any]) -> Path:
    """Write the files as ``lego-compile`` would, and return the folder."""
    for path, file in TARGET.emit(TARGET.lower(deployment, chosen)).items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.data)
        place.chmod(0o755 if file.executable else 0o644)
    return root


def _varieties() -> st.SearchStrategy[dict[str, Any]]:
    paths = st.from_regex(r"(/[A-Za-z0-9_][A-Za-z0-9._+-]{0,6}){1,3}", fullmatch=True)
    words = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.:@+-]{0,8}", fullmatch=True)
    gres = st.from_regex(
        r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,4}(:[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,4})?", fullmatch=True
    )
    times = st.sampled_from(["08:00:00", "1-00:00:00"])
    maybe = {key: st.none() | words for key in EXCEPTIONS[:4]}
    either = st.none() | st.booleans()
    exception = st.fixed_dictionaries(
        {**maybe, "time": st.none() | times, "gres": st.none() | gres, "exclusive": either}
    )
    by_profile = st.dictionaries(names, exception, max_size=2)
    of_slurm = st.fixed_dictionaries(
        {**maybe, "time": times, "gres": gres, "exclusive": st.booleans(), "profiles": by_profile}
    )
    conditions = st.sampled_from([None, "cluster='dahu'", "n_cores >= 16 and gpu = 'YES'"])
    types = st.lists(st.sampled_from(["devel", "container=42", "besteffort"]), max_size=2)
    maybe = {"queue": st.none() | words, "project": st.none() | words, "properties": conditions}
    exception = st.fixed_dictionaries(
        {**maybe, "types": st.none() | types, "time": st.none() | st.just("02:00:00"), "exclusive": either}
    )
    by_profile = st.dictionaries(names, exception, max_size=2)
    of_oar = st.fixed_dictionaries(
        {
            **maybe,
            "types": types,
            "time": st.just("08:00:00"),
            "exclusive": st.booleans(),
            "profiles": by_profile,
        }
    )
    hubs = st.fixed_dictionaries(
        {
            "url": st.sampled_from([None, "http://hub.example.org:8081"]),
            "start_timeout": st.integers(60, 86400),
            "spawner": st.sampled_from(["batchspawner", "wrapspawner"]),
        }
    )
    addresses = st.sampled_from([None, "https://ondemand.example.org"])
    apps = st.none() | st.fixed_dictionaries({"cluster": words, "url": addresses})
    base = {
        "runtime": st.sampled_from(["apptainer", "singularity"]),
        "executable": st.none() | paths,
        "root": paths,
        "store": paths,
        "format": st.sampled_from(["sif", "squashfs"]),
        "authfile": st.none() | paths,
        "site_binds": st.lists(paths, max_size=2),
    }
    nothing = dict.fromkeys(("scheduler", "slurm", "oar", "hub", "ondemand"), st.none())
    jobs = {"hub": st.none() | hubs, "ondemand": apps}
    slurm_jobs = {**jobs, "scheduler": st.just("slurm"), "slurm": of_slurm}
    oar_jobs = {**jobs, "scheduler": st.just("oar"), "oar": of_oar}
    return st.one_of(
        *(st.fixed_dictionaries({**base, **nothing, **each}) for each in ({}, slurm_jobs, oar_jobs))
    )


varieties = _varieties()
"""Options of every kind."""


def _arriving(deployment: Deployment) -> Deployment:
    """The deployment without the variables that this target refuses, such as UID: chance finds them, if seldom."""
    profiles = (
        replace(
            each,
            environment=tuple(
                (name, value)
                for name, value in each.environment
                if name not in (*_SPECIAL, *OF_LAUNCHER) and not name.startswith(_PREFIXES)
            ),
        )
        for each in deployment.profiles
    )
    return replace(deployment, profiles=tuple(profiles))


projections = deployments().map(_arriving).map(projected)
"""Deployments as this target sees them."""
