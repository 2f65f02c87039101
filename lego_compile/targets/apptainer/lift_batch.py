"""Batch templates as sbatch, oarsub and the shell read them: directives, two variables, and the code that we ship."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from lego_compile.ir.model import Composition, Deployment
from lego_compile.targets.apptainer.files import HEADER
from lego_compile.targets.apptainer.files_around import batch
from lego_compile.targets.apptainer.lift_jobs import Asked, oar_asked, slurm_asked, words_of
from lego_compile.targets.apptainer.lift_text import read_text
from lego_compile.targets.assets import asset
from lego_compile.targets.reading import Complaint

# sbatch takes words as a shell would, but for variables (SchedMD/slurm:src/common/slurm_opt.c, get_argument): ours need
# no quotes. The value of a directive is the rest of its line to oarsub, quotes included.
_SBATCH = re.compile(r"#SBATCH (--[a-z-]+)(?:=([^\s\"'\\#]+))?")
_OAR = re.compile(r"#OAR (--?[a-zA-Z-]+) (\S|\S.*\S)")


def check_batches(
    files: Mapping[str, bytes], deployment: Deployment, options: Mapping[str, Any]
) -> Iterator[Complaint]:
    """Complaints when a template is missing, or asks for another job than its profile's."""
    if options["scheduler"] in ("slurm", "oar"):
        code = asset("apptainer", "batch.sh").decode()
        for profile in deployment.profiles:
            yield from _check(files, code, profile, options)


def _check(
    files: Mapping[str, bytes], code: str, profile: Composition, options: Mapping[str, Any]
) -> Iterator[Complaint]:
    path = batch(profile.slug)
    complaints: list[Complaint] = []
    text = read_text(files, path, complaints)
    yield from complaints
    if text is None:
        return
    end = f"\n\n{code}"
    if not text.startswith("#!/bin/bash\n") or not text.endswith(end):
        yield Complaint("LC704", f"{path!r} is not the code that lego-compile ships", (path,))
        return
    variables: dict[str, str] = {}
    asked: Asked = {}
    comments = [f"# {HEADER}", f"# Profile: {profile.title}"]
    pattern = _SBATCH if options["scheduler"] == "slurm" else _OAR
    for number, line in enumerate(text[: len(text) - len(end)].split("\n")[1:], 2):
        if line in comments:
            comments.remove(line)
        elif match := pattern.fullmatch(line):
            if variables:  # sbatch stops at the first command
                yield Complaint(
                    "LC702",
                    f"line {number} of {path!r} comes after a command, where sbatch does not look",
                    (path, number),
                )
            asked.setdefault(match[1], []).append(match[2] or "")
        elif (found := _assignment(line)) and found[0] not in variables:
            variables[found[0]] = found[1]
        else:
            yield Complaint("LC702", f"line {number} of {path!r} is none of ours: {line!r}", (path, number))
    if comments:
        yield Complaint("LC701", f"{path!r} does not say {comments[0]!r}", (path,))
    wanted = {"root": options["root"], "profile": profile.slug}
    if variables != wanted:
        yield Complaint("LC701", f"{path!r} sets {variables} and has to set {wanted}", (path,))
    yield from _differences(path, asked, _wanted(options, profile))


def _assignment(line: str) -> tuple[str, str] | None:
    """Name and value of ``name=value``, where the value is one word to the shell."""
    name, equals, value = line.partition("=")
    try:
        words = shlex.split(value)
    except ValueError:
        return None
    plain = equals and re.fullmatch(r"[a-z]+", name) and re.fullmatch(r"[A-Za-z0-9_./+-]+", value)
    return (name, value) if plain and words == [value] else None


def _wanted(options: Mapping[str, Any], profile: Composition) -> Asked:
    """All that a template says; how the job and its log are called besides."""
    name = f"lego-{profile.slug}"
    if options["scheduler"] == "slurm":
        time = str(words_of(options, profile).get("time"))
        named = {"--job-name": [name], "--output": [f"{name}-%j.log"], "--time": [time]}
        return {**named, **slurm_asked(options, profile)}
    log = [f"{name}-%jobid%.log"]
    ending = {"--checkpoint": ["30"], "--signal": ["15"]}
    return {"-n": [name], "-O": log, "-E": log, **ending, **oar_asked(options, profile)}


def _differences(path: str, asked: Asked, wanted: Asked) -> Iterator[Complaint]:
    for option in {**wanted, **asked}:
        if option not in wanted:
            yield Complaint("LC702", f"{path!r} says `{option}`, which the profile does not", (path, option))
        elif option not in asked:
            yield Complaint("LC701", f"{path!r} does not say `{option}`", (path, option))
        elif asked[option] != wanted[option]:
            found, right = (", ".join(each[option]) for each in (asked, wanted))
            words = f"{path!r} says `{option}` {found!r} and has to say {right!r}"
            yield Complaint("LC701", words, (path, option))
