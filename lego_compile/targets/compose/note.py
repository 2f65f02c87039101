"""What an operator types: a text for people, whose commands are those of this centre."""

from __future__ import annotations

from lego_compile.targets.assets import asset
from lego_compile.targets.compose.files import has_lab

_COMMANDS = {
    "docker": {"engine": "docker", "compose": "docker compose"},
    "podman": {"engine": "podman", "compose": "docker-compose"},
}
_ABOUT = {
    "docker": """\
```console
$ docker version --format '{{.Server.Version}}' && docker compose version --short
$ docker info --format '{{.DriverStatus}}'
$ install -m 600 env.example .env
$ install -d -m 700 secrets
```

The first two lines say what the machine runs, which the centre specification has under `versions:` and `gates:`.""",
    "podman": """\
```console
$ apt-get install podman nftables catatonit aardvark-dns docker-compose
$ systemctl enable --now podman.socket podman-restart.service
$ echo 'export DOCKER_HOST=unix:///run/podman/podman.sock' >> ~/.profile && . ~/.profile
$ podman version --format '{{.Server.Version}}' && docker-compose version --short
$ install -m 600 env.example .env
$ install -d -m 700 secrets
```

All of this as root, in shells that have `DOCKER_HOST`; where texts say `docker compose`, it is `docker-compose`.
systemd runs the health checks, and starts everything again after a reboot. Podman makes an empty directory of a file
or a directory that is missing, so look twice whether `.env`, `secrets/` and the centre's data are there.""",
}
_FETCH = {
    ("docker", "baked"): "docker compose build",
    # With BuildKit, Compose would fetch a builder from docker.io, which Podman does not need.
    ("podman", "baked"): "DOCKER_BUILDKIT=0 docker-compose build",
}
_AFTER = {
    "image": """\
- Bricks are mounted as they are, so the machine has to keep their images. `@engine@ image prune --all` deletes them:
  @pruned@. Afterwards, `@compose@ pull`.
- Old releases stay on the disk until `@engine@ image rm` (`@engine@ image ls --digests` shows them).""",
    "baked": """\
- `@fetch@` makes one image per profile, with the bricks as layers. It is called after what is in it, so a changed
  profile is another image, and the hub says so to users until it is built. `@engine@ image prune --all` deletes those
  that no session uses just now; afterwards, build again.
- Old images stay on the disk until `@engine@ image rm`; `@engine@ image ls 'localhost/lego-@center@/*'` shows them.""",
    "volume": """\
- `@compose@ up` copies each brick into a volume, once, before the hub starts; the services `seed-…` do it, and
  `@compose@ logs` has what they say. A brick is on the disk twice, as an image and as a volume. After
  `@engine@ image prune --all`, `@compose@ pull` fetches the system images again.
- Old volumes stay until `@engine@ volume rm` (`@engine@ volume ls --filter label=org.lego.brick` shows all).""",
}
_PRUNING = {"docker": " --all", "podman": ""}
_HOMES = {
    "docker": "label=org.lego.center=@center@",
    "podman": "name=^lego-@center@-home-",  # it drops the labels of what a session mounts
}
_PRUNED = {
    "docker": "sessions that run go on, and the next ones do not start",
    "podman": "sessions that run lose them at once",
}
_LAB = """\
## A trial without a hub

```console
$ @compose@ --file compose.lab.yaml up
```

starts one JupyterLab with the default profile; its address, with a token, is in what it prints. It works on a laptop
with these files alone, where that has what the profile asks for (a GPU, say). `JUPYTER_TOKEN` and `LAB_PORT` set the
token and the port. `@compose@ --file compose.lab.yaml up lab-data` starts one that also has the directories of the
centre, where there are any; end the other one before. `@compose@ --file compose.lab.yaml down` removes it, and with
`--volumes` its home too.

"""


def note(center: str, engine: str, mounts: str) -> str:
    """The file OPERATE.md of a centre, by engine and way to mount bricks."""
    parts = {
        "about": _ABOUT[engine],
        "after": _AFTER[mounts],
        "pruned": _PRUNED[engine],
        "pruning": _PRUNING[engine],
        "homes": _HOMES[engine],
        "lab": _LAB if has_lab(engine, mounts) else "",
        "fetch": _FETCH.get((engine, mounts), "@compose@ pull"),
        **_COMMANDS[engine],
        "center": center,
    }
    text = asset("compose", "operate.md").decode()
    for name, part in parts.items():
        text = text.replace(f"@{name}@", part)
    return text
