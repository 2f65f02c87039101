"""Names: which host has a repository, and what it is called there."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from lego_compile.registry.model import RegistryError

# distribution/reference:regexp.go@v0.6.0 (domain, remote-name, tag), with a host required.
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_PATH = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST = 255
_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
HUB_API = "registry-1.docker.io"


class Place(NamedTuple):
    """Where a repository is asked for.

    Attributes:
        repository: as the user wrote it, for messages.
        host: host and port of the API.
        path: the repository's name there.
        login: the host as ``docker login`` knows it.
    """

    repository: str
    host: str
    path: str
    login: str


def place(repository: str) -> Place:
    """Where a repository (``host[:port]/path``) is asked for; ``docker.io`` is another host, with ``library/``.

    distribution/reference:normalize.go@v0.6.0 (splitDockerDomain).

    Raises:
        RegistryError: ``missing``, when that names no repository.
    """
    host, _, path = repository.partition("/")
    named = _HOST.fullmatch(host) and ("." in host or ":" in host or host == "localhost")
    if not named or not _PATH.fullmatch(path) or len(repository) > _LONGEST or not _is_port(host):
        raise RegistryError(
            "missing", f"`{clean(repository)}` names no repository of a registry", "write HOST[:PORT]/PATH"
        )
    host = host.lower()
    if host in _HUB:
        return Place(repository, HUB_API, path if "/" in path else f"library/{path}", "docker.io")
    return Place(repository, host, path, host)


def api_host(host: str) -> str:
    """The host that is asked for what people call by this one."""
    host = host.lower()
    return HUB_API if host in _HUB else host


def is_digest(reference: str) -> bool:
    """Whether a reference is a digest that we can check."""
    return _DIGEST.fullmatch(reference) is not None


def check_reference(repository: str, reference: str) -> None:
    """Refuse what is neither a tag nor a digest that we can check.

    Raises:
        RegistryError: ``unusable`` for a digest of another algorithm, ``missing`` for what is no reference.
    """
    if is_digest(reference) or _TAG.fullmatch(reference):
        return
    name = f"`{clean(repository)}`: `{clean(reference)}`"
    if re.fullmatch(r"[a-z0-9+._-]+:[0-9a-fA-F]{32,}", reference) and not reference.startswith("sha256:"):
        raise RegistryError("unusable", f"{name} is a digest of another algorithm than SHA-256")
    raise RegistryError("missing", f"{name} is neither a tag nor a digest", "write a tag, or sha256:…")


def is_loopback(host: str) -> bool:
    """Whether a host (with or without port) is this machine, by its name alone."""
    name = host.rsplit(":", 1)[0] if re.search(r":[0-9]+$", host) and not host.endswith("]") else host
    if host.count(":") > 1 and not host.startswith("["):
        name = host
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name.lower().rstrip(".") == "localhost"


def clean(text: str, longest: int = 200) -> str:
    """Words of others, fit for a line of ours: no control characters, no line ends, not long."""
    line = "".join(character if character.isprintable() else " " for character in text[: 4 * longest])
    line = " ".join(line.split()).replace("`", "'")
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _is_port(host: str) -> bool:
    port = host.rpartition(":")[2] if ":" in host and not host.endswith("]") else "443"
    return 0 < int(port) < 65536
