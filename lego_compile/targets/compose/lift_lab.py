"""``compose.lab.yaml``: whether the JupyterLab without a hub is the hub's default profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lego_compile.ir.model import BrickMount, Composition, DataMount, Deployment
from lego_compile.targets.compose.files import LAB, has_lab
from lego_compile.targets.compose.lift_bricks import (
    LOGGING,
    Bricks,
    Recipe,
    Said,
    read_bricks,
    read_built,
    reference,
)
from lego_compile.targets.compose.lift_services import read_file
from lego_compile.targets.reading import Complaint, Reading

_GUARD = "/etc/lego/guard.sh"
_TOKEN, _PORT = "${JUPYTER_TOKEN:-}", "${LAB_PORT:-8888}"
_PROBE = "import urllib.request as u; u.urlopen('http://127.0.0.1:8888/api', timeout=4)"


def check_lab(
    files: Mapping[str, bytes], deployment: Deployment, options: Mapping[str, Any]
) -> Iterator[Complaint]:
    """Complaints when the file is missing, broken, or gives another composition than the hub's default profile.

    Args:
        files: of the target's folder.
        deployment: as the hub has it.
        options: as the hub has them.
    """
    if not has_lab(options["engine"], options["mounts"]):
        return
    complaints: list[Complaint] = []
    reading = read_file(files, LAB, (_TOKEN, _PORT), complaints)
    profile = next((each for each in deployment.profiles if each.default), None)
    if reading is not None and profile is not None:
        _Lab(reading, deployment.center, profile, options).check(files)
        complaints += reading.finish()
    yield from complaints


class _Lab:
    """The file on its way to be compared; what every step needs, kept together."""

    def __init__(
        self, reading: Reading, center: str, profile: Composition, options: Mapping[str, Any]
    ) -> None:
        self.reading, self.profile, self.options = reading, profile, options
        self.said = Said(center, options["engine"], options["mounts"])
        self.mounts = self.said.mounts

    def check(self, files: Mapping[str, bytes]) -> None:
        reading = self.reading
        reading.expect(f"lego-{self.said.center}_lab", "name")
        software = read_bricks(reading, files, self.said, ("lab", "lab-data"))
        for image in software.pulled:
            reading.complain(f"{image.pinned!r} is pulled for no session", "services")
        self._image(files, software)
        volumes = [{"type": "volume", "source": "home", "target": self.profile.system.home}]
        if self.mounts != "baked":
            volumes += [self._brick(brick, software) for brick in self.profile.bricks]
        reading.expect(volumes, "services", "lab", "volumes")
        for key, value in self._rest(software).items():
            reading.expect(value, "services", "lab", key)
        reading.expect({}, "volumes", "home")
        reading.expect({"file": "./guard.sh"}, "configs", "guard")
        if self.profile.data or reading.has("services", "lab-data"):
            self._data()

    def _image(self, files: Mapping[str, bytes], software: Bricks) -> None:
        reading, at = self.reading, ("services", "lab")
        if self.mounts != "baked":
            reading.expect("missing", *at, "pull_policy")
            if reference(reading.text(*at, "image")) != self.profile.system.image:
                reading.complain(
                    "the system image is another one than in the hub's default profile", *at, "image"
                )
            return
        read_built(reading, files, software, *at)
        recipe = software.built.get(reading.text(*at, "image"), Recipe(self.profile.system.image, (), ()))
        wanted = {(brick.image, brick.subpath, brick.prefix) for brick in self.profile.bricks}
        if recipe.system != self.profile.system.image or set(recipe.layers) != wanted:
            reading.complain("the image is another one than in the hub's default profile", *at, "image")

    def _brick(self, brick: BrickMount, software: Bricks) -> dict[str, Any]:
        """How Compose mounts it: the engine's words are otherwise."""
        if self.mounts == "image":
            # docker/compose:pkg/compose/create.go (buildMount, API 1.48); relative, as the engine wants it
            below = {} if brick.subpath == "/" else {"image": {"subpath": brick.subpath[1:]}}
            return {"type": "image", "source": brick.image.pinned, "target": brick.prefix, **below}
        names = self.reading.peek("volumes")
        found = [
            key
            for key, volume in (names.items() if isinstance(names, dict) else ())
            if isinstance(volume, dict)
            and key[: -len("-123456789012")] == f"brick-{brick.name}"  # two bricks may be of one image
            and (seed := software.seeded.get(str(volume.get("name"))))
            and (seed.image, seed.subpath) == (brick.image, brick.subpath)
        ]
        if not found:
            self.reading.complain(f"no volume is filled with {brick.image.pinned!r}", "volumes")
        source = found[0] if found else ""
        return {
            "type": "volume",
            "source": source,
            "target": brick.prefix,
            "read_only": True,
            "volume": {"nocopy": True},
        }

    def _rest(self, software: Bricks) -> dict[str, Any]:
        """Everything of the service but its image and its mounts."""
        profile, limits, session = self.profile, self.profile.limits, self.options["session"]
        prefixes = [brick.prefix for brick in profile.bricks]
        lab = ["jupyter-lab", "--ip=0.0.0.0", "--port=8888", "--no-browser"]
        command = [*profile.prepares, *lab, *profile.server_options]
        rest = {
            "init": True,
            "user": f"{profile.system.uid}:{profile.system.gid}",
            "working_dir": profile.system.home,
            "command": ["/bin/sh", _GUARD, *prefixes, "--", *command],
            "environment": {
                "HOME": profile.system.home,
                **dict(profile.environment),
                "JUPYTER_TOKEN": _TOKEN,
            },
            # Of this machine only: whoever reaches it has a shell.
            "ports": [{"host_ip": "127.0.0.1", "target": 8888, "published": _PORT, "protocol": "tcp"}],
            "configs": [{"source": "guard", "target": _GUARD}],
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "pids_limit": session["processes"],
            "shm_size": session["shm"],
            "ulimits": {"nofile": {"soft": 65536, "hard": 65536}},
            "logging": LOGGING.get(self.said.engine),
            "healthcheck": {
                "test": ["CMD", "python3", "-c", _PROBE],
                "interval": "15s",
                "timeout": "5s",
                "retries": 4,
                "start_period": "60s",
            },
        }
        if limits.cpu is not None:
            rest |= {"cpu_period": 100_000, "cpu_quota": limits.cpu * 100}
        if limits.memory is not None:
            rest |= {"mem_limit": limits.memory, "memswap_limit": limits.memory}
        if limits.gpus:
            device = {"driver": "nvidia", "count": limits.gpus, "capabilities": ["gpu"]}
            rest["deploy"] = {"resources": {"reservations": {"devices": [device]}}}
        if waits := {name: wait for name, wait in software.waits.items() if self.mounts == "volume"}:
            rest["depends_on"] = waits
        return rest

    def _data(self) -> None:
        """The service with the centre's directories: the same beside them (compose-spec:13-merge.md, extends)."""
        volumes = [self._mount(data) for data in self.profile.data]
        service = {"extends": {"service": "lab"}, "profiles": ["data"], "volumes": volumes}
        self.reading.expect(service, "services", "lab-data")

    def _mount(self, data: DataMount) -> dict[str, Any]:
        rest = {"target": data.path, "read_only": not data.writable}
        if not data.source.startswith("nfs:"):
            return {"type": "bind", "source": data.source, **rest, "bind": {"create_host_path": False}}
        key = f"data-{data.name}"
        server, _, path = data.source.removeprefix("nfs:").partition(":")
        mode = "rw" if data.writable else "ro"
        options = {"type": "nfs", "device": f":{path}", "o": f"addr={server},nfsvers=4,{mode}"}
        self.reading.expect({"driver": "local", "driver_opts": options}, "volumes", key)
        return {"type": "volume", "source": key, **rest, "volume": {"nocopy": True}}
