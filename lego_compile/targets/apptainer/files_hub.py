"""The files of the hub: settings, what they import, and what jupyterhub_moss runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ALWAYS = (
    ("apptainer", "jobs.py"),
    ("apptainer", "jupyterhub_config.py"),
    ("apptainer", "report.py"),
    ("hub", "choice.py"),
    ("hub", "spawn_page.py"),
)
"""Folder of the asset and its name; those of ``hub`` are the same in every target that has a hub of its own."""

SPAWNERS = {"wrapspawner": "profiles.py", "moss": "moss.py"}
"""Other spawn pages than our own → the file that they need."""

SCHEDULERS = {"oar": "oar.py"}
"""Other schedulers than Slurm → the file that they need."""

PROGRAMS = ("batchspawner-singleuser", "jupyterhub-singleuser")
"""What jupyterhub_moss runs, in a directory for each of its environments: one program, by two names."""


def fixed_hub(data: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The files that are the same for every centre that has them: path → folder of the asset, and its name.

    Args:
        data: of composition.json, which somebody may have damaged.
    """
    hub = data.get("hub")
    if not isinstance(hub, Mapping):
        return {}
    chosen = ((SPAWNERS, hub.get("spawner")), (SCHEDULERS, data.get("scheduler")))
    more = [("apptainer", names[word]) for names, word in chosen if isinstance(word, str) and word in names]
    found = {f"jupyterhub/{name}": (folder, name) for folder, name in (*ALWAYS, *more)}
    found["bin/lego-log"] = ("apptainer", "lego-log")
    if data.get("scheduler") == "oar":
        found["bin/lego-oarsub"] = ("apptainer", "lego-oarsub")
    if hub.get("spawner") == "moss":
        profiles = data.get("profiles")
        for profile in profiles if isinstance(profiles, list) else ():
            slug = profile.get("slug") if isinstance(profile, Mapping) else None
            found |= {f"moss/{slug}/bin/{name}": ("apptainer", "moss-singleuser") for name in PROGRAMS}
    return found


def executable_hub(path: str) -> bool:
    """Whether a file of the hub is a program."""
    return path.startswith("moss/")
