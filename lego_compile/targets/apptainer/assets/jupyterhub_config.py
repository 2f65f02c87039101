# Compiled by lego-compile from the centre specification: edit that, not this file.
"""JupyterHub on a cluster: a session is a job that runs lego-launch. The same file for every centre.

What differs is in ../composition.json; what only the site knows (authenticator, TLS, database, proxy) belongs in
jupyterhub_config.d/*.py, loaded at the end. Needs JupyterHub 5 and batchspawner 1.3, or later; the system images
need both as well (jupyterhub/batchspawner#226).
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent


def ours(name: str) -> Any:
    """A module that lies beside this file: not an installed one of its name, and not what somebody compiled of it."""
    path = HERE / f"{name}.py"
    module: Any = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    exec(compile(path.read_bytes(), path, "exec"), module.__dict__)
    return module


ours("spawn_page")
choice, jobs, _report = ours("choice"), ours("jobs"), ours("report")  # the last takes the place of a handler

c: Any = get_config()  # traitlets gives it to this file

HUB: dict[str, Any] = jobs.CENTER["hub"]

# --- what starts sessions -----------------------------------------------------------------------------------

if HUB["spawner"] == "moss":
    moss = ours("moss")
    moss.set_config(c)
    c.LegoMOSlurmSpawner.partitions = moss.partitions()
    spawner: Any = moss.LegoMOSlurmSpawner
else:
    if jobs.CENTER["scheduler"] == "oar":
        oar = ours("oar")
        spawner = oar.LegoOarSpawner
    else:
        spawner = jobs.LegoSlurmSpawner
    if HUB["spawner"] == "wrapspawner":
        profiles = ours("profiles")
        c.LegoProfilesSpawner.child_class = spawner
        spawner = profiles.LegoProfilesSpawner
    else:
        c[spawner.__name__].options_form = jobs.CHOICES.form
        c[spawner.__name__].options_from_form = choice.options_from_form

c.JupyterHub.spawner_class = spawner
c[spawner.__name__].start_timeout = HUB["start_timeout"]  # the time in the queue counts
c[spawner.__name__].http_timeout = 120

# --- JupyterHub ---------------------------------------------------------------------------------------------

c.JupyterHub.cleanup_servers = False  # a restart of the hub must not cancel the jobs
# Seconds until a proxy that was started anew is told where sessions are, as in zero-to-jupyterhub; 300 is the default.
c.JupyterHub.last_activity_interval = 60
c.JupyterHub.upgrade_db = (
    True  # a newer JupyterHub would end without it; of SQLite's, a copy stays beside the old one
)
try:
    port = urlsplit(HUB.get("url", "")).port
except ValueError:  # beyond 65535, which JupyterHub would not start with
    port = None
if port:
    c.JupyterHub.hub_connect_url = HUB["url"]
    c.JupyterHub.hub_bind_url = f"http://0.0.0.0:{port}"

for extra in sorted(HERE.glob("jupyterhub_config.d/*.py")):
    load_subconfig(str(extra))  # traitlets gives it to this file
