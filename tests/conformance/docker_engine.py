"""A Docker Engine on loopback that records what it is asked to create, and judges mounts as moby does.

Judged as by moby/moby@docker-v29.7.2: daemon/volume/mounts/validate.go and linux_parser.go, daemon/volumes.go,
daemon/create.go, daemon/delete.go, daemon/server/router/container/container_routes.go.
"""

from __future__ import annotations

import json
import posixpath
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

API = "1.52"

Answer = tuple[int, Any]
"""Status and body: data for JSON, bytes as they are."""


class Process:
    """What runs in a container that is started: nothing, unless a test has it otherwise.

    Args:
        body: of ``POST /containers/create``.

    Attributes:
        address: of its container in the network.
    """

    address = "127.0.0.1"

    def __init__(self, body: dict[str, Any]) -> None:
        pass

    def stop(self) -> None:
        """End it."""


class Ended(Exception):  # noqa: N818 - it is no error of the engine
    """What runs in a container has ended as soon as it was started.

    Args:
        code: with which exit code.
        said: to its standard error.
    """

    def __init__(self, code: int, said: str) -> None:
        super().__init__(code, said)
        self.code, self.said = code, said


@dataclass
class Container:
    """A container of the engine.

    Attributes:
        name: without the slash.
        body: of ``POST /containers/create``.
        id: as the engine says it.
        process: what runs in it, or None.
        ended: the exit code of what ran in it.
        said: what that printed.
    """

    name: str
    body: dict[str, Any]
    id: str = field(default_factory=lambda: secrets.token_hex(32))
    process: Process | None = None
    ended: int = 0
    said: str = ""


@dataclass
class Engine:
    """What a test sets, and what it looks at.

    Attributes:
        images: references that are on the machine.
        volumes: names of those that are on the machine.
        network: the one that containers join.
        run: makes what runs in a container that is started.
        url: for ``DOCKER_HOST``.
        created: bodies of ``POST /containers/create``.
        containers: those that are there, running or not.
        unknown: requests that this engine does not know: its answer says nothing about a real one.
    """

    images: set[str]
    network: str
    volumes: set[str] = field(default_factory=set)
    run: Callable[[dict[str, Any]], Process] = Process
    url: str = ""
    created: list[dict[str, Any]] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        """Status and body of the answer to a request; the path without the version of the API."""
        if (method, path) == ("GET", "/version"):
            return 200, {"ApiVersion": API, "MinAPIVersion": "1.44", "Version": "29.7.2"}
        if (method, path) == ("POST", "/containers/create"):
            return self._create(query["name"], body)
        if method == "GET" and (found := re.fullmatch(r"/images/(.+)/json", path)):
            known = found[1] in self.images
            return (200, {"Id": f"sha256:{'0' * 64}"}) if known else self._no_image(found[1])
        if method == "GET" and (found := re.fullmatch(r"/volumes/([^/]+)", path)):
            known = found[1] in self.volumes
            return (
                (200, {"Name": found[1]}) if known else (404, {"message": f"get {found[1]}: no such volume"})
            )
        if found := re.fullmatch(r"/containers/([^/]+)(?:/(json|start|stop|logs))?", path):
            act = {
                ("GET", "json"): self._inspect,
                ("GET", "logs"): self._logs,
                ("POST", "start"): self._start,
                ("POST", "stop"): self._stop,
                ("DELETE", None): self._remove,
            }.get((method, found[2]))
            if act:
                container = self.container(found[1])
                return act(container) if container else (404, {"message": f"No such container: {found[1]}"})
        self.unknown.append(f"{method} {path}")
        return 404, {"message": "page not found"}

    def container(self, name: str) -> Container | None:
        """The container of this name or id."""
        return next((each for each in list(self.containers) if name in (each.id, each.name)), None)

    def die(self, name: str, code: int) -> None:
        """Let what runs in a container end by itself."""
        container = self.container(name)
        assert container
        self._stop(container)
        container.ended = code

    def _create(self, name: str, body: Any) -> Answer:
        if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", name):
            return 400, {"message": f"Invalid container name ({name})"}
        if other := self.container(name):
            return 409, {
                "message": f'Conflict. The container name "/{name}" is already in use by "{other.id}"'
            }
        if refused := self._refused(body):
            return refused
        self.created.append(body)
        self.containers.append(Container(name, body))
        return 201, {"Id": self.containers[-1].id, "Warnings": []}

    def _inspect(self, container: Container) -> Answer:
        running = container.process is not None
        finished = "0001-01-01T00:00:00Z" if running else "2026-11-26T08:00:00.123456789Z"
        address = container.process.address if container.process else ""
        return 200, {
            "Id": container.id,
            "Name": f"/{container.name}",
            "State": {"Running": running, "ExitCode": container.ended, "Error": "", "FinishedAt": finished},
            "Config": {"Env": container.body["Env"], "Tty": False},
            "NetworkSettings": {"Networks": {self.network: {"IPAddress": address}}},
        }

    def _start(self, container: Container) -> Answer:
        if container.process is not None:
            return 304, None
        try:
            container.process = self.run(container.body)
        except Ended as end:
            container.ended, container.said = end.code, end.said
        return 204, None

    def _logs(self, container: Container) -> Answer:
        # A frame of the standard error (moby/moby:pkg/stdcopy/stdcopy.go).
        data = container.said.encode()
        return 200, b"\2\0\0\0" + len(data).to_bytes(4, "big") + data

    def _stop(self, container: Container) -> Answer:
        if container.process is None:
            return 304, None
        process, container.process = container.process, None
        process.stop()
        return 204, None

    def _remove(self, container: Container) -> Answer:
        if container.process is not None:
            return 409, {"message": f"cannot remove container {container.name!r}: container is running"}
        self.containers.remove(container)
        return 204, None

    def _no_image(self, reference: str) -> Answer:
        return 404, {"message": f"No such image: {reference}"}

    def _refused(self, body: Any) -> Answer | None:
        if body["Image"] not in self.images:
            return self._no_image(body["Image"])
        targets = set()
        for mount in body["HostConfig"].get("Mounts") or []:
            kind, source, target = mount["Type"], mount.get("Source"), mount.get("Target", "")
            if not posixpath.isabs(target) or target == "/" or target in targets:
                return 400, {"message": f"invalid mount target: {target}"}
            targets.add(target)
            others = {"bind": "BindOptions", "volume": "VolumeOptions", "image": "ImageOptions"}
            if any(option in mount for owner, option in others.items() if owner != kind):
                return 400, {"message": f"options of another type on a mount of type {kind}"}
            if kind == "image":
                below = mount.get("ImageOptions", {}).get("Subpath", "")
                if below.startswith("/") or ".." in below.split("/"):
                    return 400, {"message": "subpath must be a relative path within the volume"}
                if source not in self.images:
                    return self._no_image(source)
            elif kind == "bind" and not posixpath.isabs(source):
                return 400, {"message": f"invalid mount path: {source}"}
            elif kind == "volume" and not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", source):
                return 400, {"message": f"{source} includes invalid characters for a local volume name"}
        return None


@contextmanager
def running(engine: Engine) -> Iterator[Engine]:
    """Serve an engine on a free port of this machine; afterwards nothing runs in its containers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body of an answer are sent apart

        def log_message(self, *_: Any) -> None:
            return None

        def answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            asked = urlparse(self.path)
            path = re.sub(r"^/v[0-9.]+", "", unquote(asked.path))
            query = {key: values[-1] for key, values in parse_qs(asked.query).items()}
            status, answer = engine.answer(self.command, path, query, body)
            data = (
                b""
                if answer is None
                else answer
                if isinstance(answer, bytes)
                else json.dumps(answer).encode()
            )
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if status not in (204, 304):
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the names that http.server looks for

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        engine.url = f"tcp://127.0.0.1:{server.server_port}"
        threading.Thread(
            target=server.serve_forever, args=(0.01,), daemon=True
        ).start()  # seconds between looks
        try:
            yield engine
        finally:
            server.shutdown()
            for container in engine.containers:
                if container.process is not None:
                    container.process.stop()
