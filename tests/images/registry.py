"""A real registry on this machine, for as long as a test wants one, and sending built images to it."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from tests.images.oci import Built

PACKAGE = "docker-registry"
"""The Debian package that has the program (the registry of the Distribution project)."""

USER, PASSWORD = "ada", "correct horse battery"
_BCRYPT = "$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo."  # of the password
_PATIENCE = 60.0


class NoRegistry(Exception):  # noqa: N818 - tests skip because of it
    """There is no registry program on this machine."""


def program() -> str | None:
    """The registry program: what LEGO_DOCKER_REGISTRY names, or the one of PATH; None without one."""
    named = os.environ.get("LEGO_DOCKER_REGISTRY", PACKAGE)
    return shutil.which(named) or shutil.which(named, path="/usr/bin:/usr/local/bin")


class Registry:
    """A registry that listens on a port of the loopback interface until the ``with`` ends.

    Args:
        htpasswd: ask for USER and PASSWORD.
        token: the ``auth.token`` section of its configuration, for a token server.
        tls: files of its certificate and key.
        port: to listen on, instead of a free one.

    Attributes:
        host: ``127.0.0.1:PORT``.
        scheme: ``http`` or ``https``.
    """

    def __init__(
        self,
        *,
        htpasswd: bool = False,
        token: Mapping[str, str] | None = None,
        tls: tuple[str, str] | None = None,
        port: int = 0,
    ) -> None:
        self._port = port
        self._htpasswd = htpasswd
        self._token = token
        self._tls = tls
        self.scheme = "https" if tls else "http"
        self.host = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Registry:
        found = program()
        if found is None:
            raise NoRegistry(f"no `{PACKAGE}` on PATH: install Debian's package {PACKAGE}")
        self._folder = tempfile.TemporaryDirectory(prefix="lego-registry-")
        try:
            self.host = self._start(found, Path(self._folder.name))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.host}"

    def stop(self) -> None:
        """End the program and delete what it stored."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _start(self, found: str, folder: Path) -> str:
        """Start it; its log says which port the system gave it."""
        configuration = folder / "config.yml"
        configuration.write_text(json.dumps(self._configuration(folder)))  # JSON is YAML
        log = folder / "log"
        with log.open("wb") as out:
            self._process = subprocess.Popen([found, "serve", str(configuration)], stdout=out, stderr=out)
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            match = re.search(r"listening on (127\.0\.0\.1:\d+)", log.read_text(errors="replace"))
            if match:
                return match[1]
            time.sleep(0.02)
        raise AssertionError(f"`{found}` does not start: {log.read_text(errors='replace')[-500:]}")

    def _configuration(self, folder: Path) -> dict[str, Any]:
        """distribution/distribution:docs/configuration.md@v2.8.2."""
        http: dict[str, Any] = {"addr": f"127.0.0.1:{self._port}", "secret": "of nobody"}
        if self._tls:
            http["tls"] = {"certificate": self._tls[0], "key": self._tls[1]}
        settings: dict[str, Any] = {
            "version": "0.1",
            "log": {"level": "info", "accesslog": {"disabled": True}},
            "storage": {
                "inmemory": {},
                "cache": {"blobdescriptor": "inmemory"},
            },
            "http": http,
        }
        if self._htpasswd:
            (folder / "htpasswd").write_text(f"{USER}:{_BCRYPT}\n")
            settings["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
        elif self._token is not None:
            settings["auth"] = {"token": dict(self._token)}
        return settings


def basic(user: str = USER, password: str = PASSWORD) -> str:
    """The ``Authorization`` of a user."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def push(
    registry: str,
    repository: str,
    tag: str,
    built: Built,
    *,
    authorization: str = "",
    context: ssl.SSLContext | None = None,
) -> None:
    """Send an image to a registry, blobs first (distribution-spec:spec.md, "Pushing manifests").

    Args:
        registry: host and port, or a URL without path.
        repository: its name there.
        tag: what to call the image there.
        built: the image.
        authorization: header to send; empty for none.
        context: for TLS; None for none.
    """
    for attempt in range(
        3
    ):  # under load the registry closes a connection now and then; all of this may be repeated
        try:
            _push(registry, repository, tag, built, authorization, context)
        except ConnectionError:
            if attempt == 2:
                raise
        else:
            return


def _push(
    registry: str,
    repository: str,
    tag: str,
    built: Built,
    authorization: str,
    context: ssl.SSLContext | None,
) -> None:
    parts = urlsplit(registry if "://" in registry else f"http://{registry}")
    connection = (
        http.client.HTTPSConnection(parts.netloc, context=context)
        if parts.scheme == "https"
        else http.client.HTTPConnection(parts.netloc)
    )
    headers = {"Authorization": authorization} if authorization else {}
    sender = _Sender(connection, f"/v2/{repository}", headers)
    try:
        top = json.loads(built.blobs[built.index_digest])
        for entry in top.get("manifests", []):
            sender.manifest(entry["digest"], built.blobs[entry["digest"]], built)
        sender.manifest(tag, built.blobs[built.index_digest], built)
    finally:
        connection.close()


class _Sender:
    """One connection that sends to one repository."""

    def __init__(self, connection: http.client.HTTPConnection, base: str, headers: Mapping[str, str]) -> None:
        self._connection = connection
        self._base = base
        self._headers = headers

    def manifest(self, reference: str, content: bytes, built: Built) -> None:
        """Send a manifest and the blobs that it names; an index is sent after its manifests."""
        document = json.loads(content)
        if "manifests" not in document:
            for part in (document["config"], *document["layers"]):
                self._blob(part["digest"], built.blobs[part["digest"]])
        self._ask("PUT", f"{self._base}/manifests/{reference}", content, document["mediaType"], (201,))

    def _blob(self, digest: str, content: bytes) -> None:
        if self._ask("HEAD", f"{self._base}/blobs/{digest}", b"", "", (200, 404))[0] == 200:
            return
        location = self._ask("POST", f"{self._base}/blobs/uploads/", b"", "", (202,))[1]
        parts = urlsplit(location)
        query = f"{parts.query}&digest={digest}" if parts.query else f"digest={digest}"
        self._ask("PUT", f"{parts.path}?{query}", content, "application/octet-stream", (201,))

    def _ask(
        self, method: str, path: str, body: bytes, kind: str, wanted: tuple[int, ...]
    ) -> tuple[int, str]:
        headers = {**self._headers, **({"Content-Type": kind} if kind else {})}
        self._connection.request(method, path, body=body, headers=headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status not in wanted:
            raise RuntimeError(f"{method} {path}: {response.status} {content[:500]!r}")
        return response.status, response.headers.get("Location", "")
