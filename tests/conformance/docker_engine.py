"""A Docker Engine on loopback that records what it is asked to create, and judges mounts as moby does.

Judged as by moby/moby@docker-v29.7.2: daemon/volume/mounts/validate.go and linux_parser.go, daemon/volumes.go,
daemon/server/router/container/container_routes.go.
"""

from __future__ import annotations

import json
import posixpath
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlparse

API = "1.52"
ID = "c" * 64


@dataclass
class Engine:
    """What a test sets, and what it looks at.

    Attributes:
        images: references that are on the machine.
        network: the one that containers join.
        url: for ``DOCKER_HOST``.
        created: bodies of ``POST /containers/create``.
    """

    images: set[str]
    network: str
    url: str = ""
    created: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and body of the answer to a request; the path without the version of the API."""
        if path == "/version":
            return 200, {"ApiVersion": API, "MinAPIVersion": "1.44", "Version": "29.7.2"}
        if found := re.fullmatch(r"/images/(.+)/json", path):
            known = found[1] in self.images
            return (200, {"Id": f"sha256:{'0' * 64}"}) if known else self._no_image(found[1])
        if path == "/containers/create":
            refused = self._refused(body)
            if refused is None:
                self.created.append(body)
            return refused or (201, {"Id": ID, "Warnings": []})
        if path == f"/containers/{ID}/json":
            networks = {self.network: {"IPAddress": "127.0.0.1"}}
            return 200, {"Id": ID, "State": {"Running": True}, "NetworkSettings": {"Networks": networks}}
        if path == f"/containers/{ID}/start":
            return 204, None
        return 404, {"message": f"no such container or page: {method} {path}"}

    def _no_image(self, reference: str) -> tuple[int, Any]:
        return 404, {"message": f"No such image: {reference}"}

    def _refused(self, body: Any) -> tuple[int, Any] | None:
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
    """Serve an engine on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            return None

        def answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            path = re.sub(r"^/v[0-9.]+", "", unquote(urlparse(self.path).path))
            status, answer = engine.answer(self.command, path, body)
            data = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the names that http.server looks for

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        engine.url = f"tcp://127.0.0.1:{server.server_port}"
        threading.Thread(
            target=server.serve_forever, args=(0.01,), daemon=True
        ).start()  # seconds between looks
        yield engine
        server.shutdown()
