"""What an operator types and what an administrator allows: a text for people, with the paths of this centre."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lego_compile.targets.assets import asset

NAME = "OPERATE.md"
_COMMANDS = {"slurm": ("sbatch", "squeue", "scancel"), "oar": ("oarsub", "oarstat", "oardel")}
_JOBS = {
    "slurm": """\
- `sbatch @root@/batch/@profile@.sh --in @brick@ @program@ FILE` is the same as a job; without a command it
  is a JupyterLab, and its log says how to reach it.
""",
    "oar": """\
- `oarsub -S "@root@/batch/@profile@.sh --in @brick@ @program@ FILE"` is the same as a job; without a
  command it is a JupyterLab, and its log says how to reach it.
""",
}
_HUB = """
## The hub

```console
$ python3 -m venv /opt/jupyterhub && /opt/jupyterhub/bin/pip install @packages@
$ /opt/jupyterhub/bin/jupyterhub --config @root@/jupyterhub/jupyterhub_config.py
```

- It needs JupyterHub 5.3 and batchspawner 1.3 or later, configurable-http-proxy, and the commands of @scheduler@.
  It runs in a directory of its own, which only its user reads: its database, the key of its cookies.
- What only the site knows is in `jupyterhub_config.d/*.py` beside that file, which is obeyed and not proven; keep it in
  the folder that is copied, because `rsync --delete` removes what is not there. **Nobody is let in until a file there
  says who may**, such as `c.PAMAuthenticator.allowed_groups = {"GROUP"}` (a hub that is not root needs more than PAM to
  check passwords). TLS, the database and the proxy belong there too; so does `c.JupyterHub.subdomain_host`, without
  which the pages of one user's session are of one origin with those of the hub. Between the hub, its proxy and the
  nodes HTTP is plain, with tokens in it: the network is the cluster's own.
- Profiles for groups: members are those whom the specification lists; of a group that lists nobody, those whom the
  authenticator puts there (`c.Authenticator.manage_groups`), and those who are there in the hub's database.
- Jobs are submitted as their users, by `sudo -E -u USER`. For a hub that runs as the user `jupyterhub`, and users who
  are all in one Unix group, which the owner of this software and system accounts are not in; with the paths that
  the commands have on that machine:

  ```
  @sudoers@
  ```

- A restart of the hub ends no session. What a session says is in `~/.jupyterhub-JOB.log` of its user, for that user
  alone.
"""
_PROGRAMS = {"python": "python", "R": "R", "julia": "julia"}
_RESTART = """\
At last, restart the hub: it reads the profiles when it starts. Sessions go on meanwhile.

"""
_ONDEMAND = """
## Open OnDemand

```console
$ rsync --archive --delete @root@/ondemand/ /var/www/ood/apps/sys/lego-@center@/
```

On the web server, after each change. `host_regex` of its `ood_portal.yml` has to match the compute nodes, and these
have `nc` (netcat), by which its job scripts look for a port.
"""
_PACKAGES = {
    "batchspawner": "jupyterhub batchspawner",
    "wrapspawner": "jupyterhub batchspawner wrapspawner",
    "moss": "jupyterhub batchspawner jupyterhub_moss",
}


def note(data: Mapping[str, Any]) -> str:
    """The file OPERATE.md of a centre.

    Args:
        data: of composition.json.
    """
    scheduler, hub = data.get("scheduler"), data.get("hub")
    root, store = data["root"], data["store"]
    runtime, authfile = data["runtime"], data.get("authfile")
    credentials = f"- The registry asks for credentials: `{runtime} registry login` writes `{authfile}`.\n"
    default = next((each for each in data["profiles"] if each["default"]), {"slug": "", "bricks": []})
    brick = next(iter(default["bricks"]), None)
    language = next((kernel["language"] for kernel in brick["kernels"]), "") if brick else ""
    parts = {
        "hub": _HUB if hub else "",
        "ondemand": _ONDEMAND if data.get("ondemand") else "",
        "jobs": _JOBS.get(scheduler or "", ""),
        "credentials": credentials if authfile else "",
        "allowed": "\n".join(f"- {each}" for each in allowed(data)),
        "keep": f" --exclude={store[len(root) :]}" if store.startswith(f"{root}/") else "",
        "restart": _RESTART if hub else "",
        "packages": _PACKAGES[hub["spawner"]] if hub else "",
        "sudoers": _sudoers(scheduler, root, hub["spawner"]) if hub and scheduler else "",
        "scheduler": {"slurm": "Slurm", "oar": "OAR"}.get(scheduler or "", ""),
        "store": store,
        "profile": default["slug"],
        "brick": brick["name"] if brick else "BRICK",
        "program": _PROGRAMS.get(language, "PROGRAM"),
        "center": data["center"],
        "root": root,
    }
    text = asset("apptainer", "operate.md").decode()
    for name, part in parts.items():
        text = text.replace(f"@{name}@", part)
    return text.rstrip("\n") + "\n"


def allowed(data: Mapping[str, Any]) -> Iterator[str]:
    """What the runtime and the machines must permit; `lego-doctor --list` prints it from the note."""
    runtime, conf = data["runtime"], f"`{data['runtime']}.conf`"
    if runtime == "apptainer":
        yield "Apptainer 1.1.3 or later" + (", 1.4 for the `authfile`" if data.get("authfile") else "")
        yield (
            "unprivileged user namespaces (`user.max_user_namespaces`, and where a distribution has it "
            "`kernel.apparmor_restrict_unprivileged_userns`), or a set-user-id installation"
        )
        yield (
            "`/dev/fuse` with mode 0666, and `squashfuse_ll` or `squashfuse`; a set-user-id installation with "
            "`allow setuid-mount squashfs = yes` mounts through loop devices instead"
        )
    else:
        yield "SingularityCE 3.10 or later, installed set-user-id: it mounts bricks through loop devices only"
        yield f"{conf}: `max loop devices` above bricks times sessions of a node, or `shared loop devices = yes`"
    yield f"{conf}: `user bind control = yes`; with `no`, the runtime leaves out bricks with a warning"
    yield f"{conf}: `enable overlay` or `enable underlay`, which make mount points that the system image has not"
    yield f"{conf}: `mount home = yes`"
    forms = ("sif", "squashfs") if data["format"] == "squashfs" else ("sif",)
    yield f"{conf}: " + " and ".join(f"`allow container {form} = yes`" for form in forms)
    yield f"{conf}: `limit container paths`, `owners` and `groups` unset, or such that the store passes"
    bricks = (brick for each in data["profiles"] for brick in (*each["bricks"], *each["offers"]))
    prefixes = ", ".join(f"`{each}`" for each in sorted({brick["prefix"] for brick in bricks}))
    yield f"{conf}: no `bind path` above or below a brick ({prefixes})"
    for path in data["site_binds"]:
        yield f"{conf}: `bind path = {path}`, as the specification says"
    if data.get("scheduler"):
        yield "a disk of each compute node for sessions: `SLURM_TMPDIR`, `TMPDIR` or `/tmp`"
    if data.get("hub"):
        yield f"sudo for the hub's user: `{_sudoers(data['scheduler'], data['root'], data['hub']['spawner'])}`"
        yield f"compute nodes reach the hub at {data['hub'].get('url', 'its address')}, and the hub's proxy their ports"


def _sudoers(scheduler: str, root: str, spawner: str) -> str:
    """The rule for what the hub runs as its users, with the session's variables (``SETENV``); for nobody else."""
    commands = [f"/usr/bin/{name}" for name in _COMMANDS[scheduler]]
    if scheduler == "oar":
        commands[0] = f"{root}/bin/lego-oarsub"
    if spawner == "moss":
        commands.append("/usr/bin/sinfo")  # its form asks what there is
    commands.append(f"{root}/bin/lego-log")
    return f"jupyterhub ALL=(%GROUP) NOPASSWD:SETENV: {', '.join(commands)}"
