"""The files around the sessions, by themselves, and centres whose words are as odd as a specification allows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from lego_compile.ir.model import Deployment
from lego_compile.targets.apptainer import TARGET
from lego_compile.targets.apptainer.files_around import executable_around, fixed_around
from lego_compile.targets.apptainer.lift_around import check_around
from lego_compile.targets.apptainer.lower_around import around
from lego_compile.targets.assets import asset
from lego_compile.targets.reading import Complaint
from tests.strategies import example
from tests.targets.apptainer.samples import options, projected, slurm

ODD = (
    """it's "quoted" `id` $(id) ${HOME} \\ \\n %s %d <%= `id` %> #{`id`} ]] --[[ ]=] é → 🧱""",
    ": a: b - c # d {e: [f]} <b>&amp;</b> *g* _h_ !i @j |k",
    "#SBATCH --account=other",
    "#OAR -p other",
    "' OR 1=1; -- $(touch here)",
    "end] = 1, } os.execute('id') --",
    "yes",
    "-n",
    "012",
)
"""Titles, all of which a specification may have."""


def composition(deployment: Deployment | None = None, chosen: dict[str, Any] | None = None) -> dict[str, Any]:
    """composition.json of a centre, the rich example when none is given."""
    trees = TARGET.lower(deployment or projected(example()), chosen or with_everything())
    data: dict[str, Any] = json.loads(json.dumps(trees["composition.json"]))
    return data


def written(deployment: Deployment | None = None, chosen: dict[str, Any] | None = None) -> dict[str, bytes]:
    """What differs from centre to centre."""
    return {
        path: (value if isinstance(value, str) else json.dumps(value)).encode()
        for path, value in around(composition(deployment, chosen)).items()
    }


def put(root: Path, deployment: Deployment | None = None, chosen: dict[str, Any] | None = None) -> Path:
    """All files around the sessions on the disk, with what is the same for every centre."""
    files = written(deployment, chosen)
    for path, (folder, name) in fixed_around(composition(deployment, chosen)).items():
        files[path] = asset(folder, name)
    for path, data in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        place.chmod(0o755 if executable_around(path) else 0o644)
    return root


def with_everything(**changes: Any) -> dict[str, Any]:
    """Options of a centre that has all of it."""
    return options(**{"slurm": slurm(), "ondemand": {"cluster": "dahu"}, **changes})


def complaints(
    files: dict[str, bytes], deployment: Deployment | None = None, chosen: dict[str, Any] | None = None
) -> list[Complaint]:
    """What is wrong with the files of a centre."""
    return list(check_around(files, deployment or projected(example()), chosen or with_everything()))


def titled(deployment: Deployment, title: str) -> Deployment:
    """The deployment with one title for everything that has one."""
    profiles = []
    for profile in deployment.profiles:
        bricks, offers = (
            tuple(
                replace(
                    brick,
                    title=title,
                    kernels=tuple(replace(kernel, title=title) for kernel in brick.kernels),
                )
                for brick in mounts
            )
            for mounts in (profile.bricks, profile.offers)
        )
        profiles.append(replace(profile, title=title, description=title, bricks=bricks, offers=offers))
    return replace(deployment, profiles=tuple(profiles))
