"""Batch templates for users: what a profile asks of the scheduler, then the code that is the same in all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lego_compile.targets.apptainer.files import HEADER
from lego_compile.targets.apptainer.files_around import batch
from lego_compile.targets.assets import asset

_DIRECTIVE = {"slurm": "#SBATCH", "oar": "#OAR"}


def batches(data: Mapping[str, Any]) -> dict[str, str]:
    """One template per profile, where the centre has a scheduler."""
    scheduler = data.get("scheduler")
    if scheduler is None:
        return {}
    code = asset("apptainer", "batch.sh").decode()
    return {
        batch(profile["slug"]): "\n".join((*_head(data, profile), "", code)) for profile in data["profiles"]
    }


def _head(data: Mapping[str, Any], profile: Mapping[str, Any]) -> Iterator[str]:
    scheduler, slug = data["scheduler"], profile["slug"]
    yield "#!/bin/bash"
    yield f"# {HEADER}"
    yield f"# Profile: {profile['title']}"
    options = _slurm(data, profile) if scheduler == "slurm" else _oar(data, profile)
    for option in options:
        yield f"{_DIRECTIVE[scheduler]} {option}"
    yield f"root={data['root']}"
    yield f"profile={slug}"


def asked(data: Mapping[str, Any], profile: Mapping[str, Any]) -> dict[str, Any]:
    """The words of the scheduler's block for a profile: those for all, and its exceptions on top."""
    block = data[data["scheduler"]]
    return {**block, **block["profiles"].get(profile["slug"], {})}


def slurm_options(data: Mapping[str, Any], profile: Mapping[str, Any]) -> list[str]:
    """What a profile asks of Slurm, but for the time, as sbatch takes it (https://slurm.schedmd.com/sbatch.html)."""
    words = asked(data, profile)
    cpu, memory, gpus = profile["cpu"], profile["memory"], profile["gpus"]
    options = {
        "nodes": "1",
        "ntasks": "1",
        **{key: words.get(key) for key in ("partition", "account", "qos", "reservation")},
        "cpus-per-task": cores(cpu) if cpu is not None else None,
        "mem": f"{memory // 1024}K" if memory is not None else None,
        "gres": f"{words['gres']}:{gpus['count']}" if gpus is not None else None,
    }
    said = [f"--{name}={value}" for name, value in options.items() if value is not None]
    return said + (["--exclusive"] if words.get("exclusive") else [])


def cores(cpu: int) -> int:
    """Whole cores for thousandths of one."""
    return -(-cpu // 1000)


def _slurm(data: Mapping[str, Any], profile: Mapping[str, Any]) -> list[str]:
    log = f"lego-{profile['slug']}"
    named = [f"--job-name={log}", f"--output={log}-%j.log"]
    return [*named, f"--time={asked(data, profile)['time']}", *slurm_options(data, profile)]


def _oar(data: Mapping[str, Any], profile: Mapping[str, Any]) -> Iterator[str]:
    """As oarsub scans a file: no quotes, no `=` after a name (oar-team/oar:sources/core/qfunctions/oarsub)."""
    words, log = asked(data, profile), f"lego-{profile['slug']}"
    yield f"-n {log}"
    yield f"-O {log}-%jobid%.log"
    yield f"-E {log}-%jobid%.log"
    yield f"-l {_resources(words, profile)},walltime={words['time']}"
    for option, key in (("-q", "queue"), ("--project", "project"), ("-p", "properties")):
        if words.get(key) is not None:
            yield f"{option} {words[key]}"
    for kind in words.get("types", ()):
        yield f"-t {kind}"
    # the end of the time is a SIGKILL: half a minute before it, lego-launch is asked to end and to clean up
    yield "--checkpoint 30"
    yield "--signal 15"


def _resources(words: Mapping[str, Any], profile: Mapping[str, Any]) -> str:
    """OAR counts cores and GPUs, and no memory; the cores of a GPU come along with it."""
    if words.get("exclusive"):
        return "/nodes=1"
    if profile["gpus"] is not None:
        return f"/nodes=1/gpu={profile['gpus']['count']}"
    return f"/nodes=1/core={cores(profile['cpu']) if profile['cpu'] is not None else 1}"
