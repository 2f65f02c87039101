"""What the options ask of a scheduler for a profile, in the scheduler's own words; for templates read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.ir.model import Composition

Asked = dict[str, list[str]]
"""Option as the scheduler spells it → its values, in order; a flag has one empty value."""


def words_of(options: Mapping[str, Any], profile: Composition) -> dict[str, Any]:
    """The scheduler's block for a profile; what it does not say is left out."""
    block = options[options["scheduler"]] or {}
    exceptions = block.get("profiles", {}).get(profile.slug) or {}
    both = ((key, value) for each in (block, exceptions) for key, value in each.items())
    return {key: value for key, value in both if value is not None}


def slurm_asked(options: Mapping[str, Any], profile: Composition) -> Asked:
    """Long options of sbatch but for the time and what a job is called (https://slurm.schedmd.com/sbatch.html)."""
    words, limits = words_of(options, profile), profile.limits
    asked = {"--nodes": "1", "--ntasks": "1"}
    asked |= {
        f"--{key}": str(words[key]) for key in ("partition", "account", "qos", "reservation") if key in words
    }
    if limits.cpu is not None:
        asked["--cpus-per-task"] = str((limits.cpu + 999) // 1000)
    if limits.memory is not None:  # K is 1024 bytes to Slurm
        asked["--mem"] = f"{limits.memory // 1024}K"
    if limits.gpus:
        asked["--gres"] = f"{words.get('gres')}:{limits.gpus}"
    if words.get("exclusive"):
        asked["--exclusive"] = ""
    return {key: [value] for key, value in asked.items()}


def slurm_seconds(options: Mapping[str, Any], profile: Composition) -> int:
    """The longest time, of ``[DAYS-]HOURS:MINUTES:SECONDS``; 0 for anything else."""
    days, _, clock = str(words_of(options, profile).get("time")).rpartition("-")
    parts = [days or "0", *clock.split(":")]
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) < 9 for part in parts):
        return 0
    day, hour, minute, second = map(int, parts)
    return day * 86400 + hour * 3600 + minute * 60 + second


def oar_asked(options: Mapping[str, Any], profile: Composition) -> Asked:
    """Options of oarsub but for what a job is called: cores or GPUs of one node, or all that it has."""
    words, limits = words_of(options, profile), profile.limits
    part = f"/gpu={limits.gpus}" if limits.gpus else f"/core={((limits.cpu or 1) + 999) // 1000}"
    nodes = "/nodes=1" if words.get("exclusive") else f"/nodes=1{part}"
    asked = {"-l": [f"{nodes},walltime={words.get('time')}"]}
    for option, key in (("-q", "queue"), ("--project", "project"), ("-p", "properties")):
        if key in words:
            asked[option] = [str(words[key])]
    if words.get("types"):
        asked["-t"] = [str(each) for each in words["types"]]
    return asked
