"""The user's credentials, found where ``docker login`` and ``podman login`` leave them.

containers/image:pkg/docker/config/config.go@v5.34.0 (getAuthFilePaths, findCredentialsInFile),
docker/cli:cli/config/configfile/file.go@v28.0.0 (getConfiguredCredentialStore),
docker/docker-credential-helpers:client/client.go@v0.9.3.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lego_compile.registry.model import RegistryError
from lego_compile.registry.reference import clean, place

HELPER_SECONDS = 30
_LARGEST = 4 * 1024 * 1024
_HUB_KEY = "https://index.docker.io/v1/"
_NONE = "credentials not found in native keychain"  # credentials/error.go of docker-credential-helpers
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""No name or password has it (RFC 7617, 2): JSON may escape what is half a character, and ``echo`` adds line ends."""
_TOKEN_USER = "<token>"  # noqa: S105 - client/command.go of docker/cli: the secret is an identity token


@dataclass(frozen=True, slots=True)
class Credential:
    """Who the user is.

    Attributes:
        username: to log in with; empty with some identity tokens.
        secret: password or identity token. Never printed.
        identity: whether it is an identity token, which is exchanged for others.
    """

    username: str
    secret: str
    identity: bool = False

    def __repr__(self) -> str:
        return f"Credential(username={self.username!r}, secret=…, identity={self.identity})"


class Credentials:
    """Looks credentials up. Files are read when somebody asks, once; helpers are asked once for each host."""

    def __init__(self, environment: Mapping[str, str] | None) -> None:
        self._environment = environment
        self._lock = threading.Lock()
        self._files: list[tuple[str, dict[str, Any]]] | None = None
        self._asked: dict[tuple[str, str], Credential | RegistryError | None] = {}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Credentials:
        """Credentials of whoever has this environment."""
        return cls(dict(environment))

    @classmethod
    def anonymous(cls) -> Credentials:
        """No credentials."""
        return cls(None)

    def __repr__(self) -> str:
        return "Credentials()" if self._environment is None else "Credentials(…)"

    def find(self, repository: str) -> Credential | None:
        """The credential for a repository: the longest namespace of the first file that has one.

        Raises:
            RegistryError: ``credentials``, when a file or a helper cannot be used.
        """
        if self._environment is None:
            return None
        where = place(repository)
        with self._lock:
            if self._files is None:
                self._files = list(self._read(repository))
            for file, content in self._files:
                found = self._in_file(file, content, repository, where.login)
                if found is not None:
                    return found
        return None

    def _paths(self) -> Iterator[tuple[str, bool]]:
        """Files in the order of precedence, and whether they have to exist."""
        environment = self._environment or {}
        if named := environment.get("REGISTRY_AUTH_FILE"):
            yield named, True
            return
        home = environment.get("HOME") or os.path.expanduser("~")
        runtime = environment.get("XDG_RUNTIME_DIR")
        primary = f"{runtime}/containers" if runtime else f"/run/containers/{os.getuid()}"
        yield os.path.join(primary, "auth.json"), False
        config = environment.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
        yield os.path.join(config, "containers", "auth.json"), False
        yield (
            os.path.join(environment.get("DOCKER_CONFIG") or os.path.join(home, ".docker"), "config.json"),
            False,
        )

    def _read(self, repository: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The contents of the files that exist."""
        for name, required in self._paths():
            try:
                with open(name, "rb") as file:
                    data = file.read(_LARGEST + 1)
            except (FileNotFoundError, NotADirectoryError):
                if required:
                    raise _unusable(
                        repository, f"there is no file `{name}`", "correct REGISTRY_AUTH_FILE"
                    ) from None
                continue
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else None
                raise _unusable(
                    repository, f"`{name}` cannot be read: {(why or 'bad name').lower()}"
                ) from None
            content = _json(data) if len(data) <= _LARGEST else None
            for key in ("auths", "credHelpers"):
                if content is not None and not isinstance(content.get(key), dict | None):
                    content = None
            if content is None:
                raise _unusable(
                    repository, f"`{name}` is no file of credentials: it is no JSON object of `auths`"
                )
            yield name, content

    def _in_file(self, file: str, content: dict[str, Any], repository: str, host: str) -> Credential | None:
        """What one file has: its helper for the host, its store, then its own entries, longest name first."""
        server = _HUB_KEY if host == "docker.io" else host
        helpers = content.get("credHelpers") or {}
        helper = helpers.get(host) or helpers.get(server) or content.get("credsStore")
        if helper:
            found = self._from_helper(str(helper), server, repository)
            if found is not None:
                return found
        auths = content.get("auths") or {}
        parts = [host, *place(repository).path.split("/")]
        for length in range(len(parts), 0, -1):
            name = "/".join(parts[:length])
            if name in auths and (found := _entry(auths[name], file, name, repository)) is not None:
                return found
        for key, entry in auths.items():
            if _hostname(key) == host and (found := _entry(entry, file, key, repository)) is not None:
                return found
        return None

    def _from_helper(self, name: str, server: str, repository: str) -> Credential | None:
        """What a helper says, which is asked once: it may open a window, or take its time to fail."""
        if (name, server) not in self._asked:
            try:
                self._asked[name, server] = _ask(name, server, repository, self._environment or {})
            except RegistryError as error:
                self._asked[name, server] = error.with_traceback(None)
        found = self._asked[name, server]
        if isinstance(found, RegistryError):
            raise RegistryError(found.kind, found.message, found.help)
        return found


def _ask(name: str, server: str, repository: str, environment: Mapping[str, str]) -> Credential | None:
    """Run ``docker-credential-NAME get``."""
    program = f"docker-credential-{clean(name, 60)}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise _unusable(repository, f"`{program}` is no name of a credential helper")
    problem = None
    try:
        run = subprocess.run(
            [program, "get"],
            input=server.encode(),
            capture_output=True,
            timeout=HELPER_SECONDS,
            env=dict(environment),
            check=False,
        )
    except FileNotFoundError:
        problem = "is not installed"
    except subprocess.TimeoutExpired:
        problem = f"does not answer within {HELPER_SECONDS} seconds"
    except OSError as error:
        problem = f"cannot be run: {(error.strerror or 'no reason').lower()}"
    if problem is not None:  # raised out here: the error of a timeout holds what the helper had said
        raise _unusable(
            repository, f"the credential helper `{program}` {problem}", f"run `echo {server} | {program} get`"
        )
    if run.returncode != 0:
        if run.stdout.strip().decode("utf-8", "replace") == _NONE:
            return None
        raise _unusable(
            repository,
            f"the credential helper `{program}` fails with exit code {run.returncode}",
            f"run `echo {server} | {program} get`",
        )
    answer = _json(run.stdout)
    username, secret = (answer or {}).get("Username"), (answer or {}).get("Secret")
    if not isinstance(username, str) or not isinstance(secret, str):
        raise _unusable(
            repository, f"the credential helper `{program}` answers something else than a credential"
        )
    if not secret:
        return None
    if _UNSENDABLE.search(username) or _UNSENDABLE.search(secret):
        raise _unusable(
            repository, f"the credential that the helper `{program}` answers is malformed", "log in again"
        )
    return Credential("" if username == _TOKEN_USER else username, secret, username == _TOKEN_USER)


def _entry(entry: object, file: str, key: str, repository: str) -> Credential | None:
    """An entry of ``auths``; None for an empty one, which Docker leaves beside ``credsStore``."""
    if entry is None:
        return None
    fields = ("auth", "username", "password", "identitytoken")
    values = [entry.get(field) or "" for field in fields] if isinstance(entry, dict) else []
    broken = _unusable(repository, f"the entry `{clean(key, 100)}` of `{file}` is malformed", "log in again")
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) != len(fields):
        raise broken
    auth, username, password, identity = texts
    if auth:
        try:
            decoded = base64.b64decode(auth, validate=True).decode()
        except (binascii.Error, ValueError):
            decoded = ""
        if ":" not in decoded:
            raise broken
        username, _, password = decoded.partition(":")
        password = password.strip("\0")
    if any(_UNSENDABLE.search(text) for text in (username, password, identity)):
        raise broken
    if identity:
        return Credential("" if username == _TOKEN_USER else username, identity, True)
    return Credential(username, password) if username and password else None


def _hostname(key: str) -> str:
    """The host of a key as old tools write it (``https://HOST/v1/``); itself for a namespace.

    containers/image:pkg/docker/config/config.go@v5.34.0 (normalizeAuthFileKey, normalizeRegistry).
    """
    host = key.removeprefix("https://").removeprefix("http://")
    host = host.partition("/")[0] if host != key or host.endswith(("/v1/", "/v2/")) else host
    return "docker.io" if host in ("index.docker.io", "registry-1.docker.io") else host.lower()


def _json(data: bytes) -> dict[str, Any] | None:
    """A JSON object; None for anything else. No error leaves, since that would hold the text."""
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unusable(repository: str, message: str, help: str | None = None) -> RegistryError:
    return RegistryError("credentials", f"no credentials for `{clean(repository)}`: {message}", help)
