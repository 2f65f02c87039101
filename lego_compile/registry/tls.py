"""Whom a TLS connection trusts: the system, ``--ca FILE``, and the folders that container engines read."""

from __future__ import annotations

import os
import ssl
import threading

from lego_compile.registry.model import RegistryError

FOLDERS = ("/etc/docker/certs.d", "/etc/containers/certs.d", "~/.config/containers/certs.d")
"""One folder per ``HOST[:PORT]`` in each: ``*.crt`` is a CA, ``*.cert`` and ``*.key`` are ours.

containers/image:docs/containers-certs.d.5.md, docker/docs:content/manuals/engine/security/certificates.md.
"""


class Trust:
    """TLS contexts by host. Reading the system's store takes tens of milliseconds, so that hosts share one."""

    def __init__(self, ca_file: str | None, unverified: frozenset[str]) -> None:
        self._ca_file = ca_file
        self._unverified = unverified
        self._shared: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    def context(self, host: str) -> ssl.SSLContext:
        """The context for a host and port, as the user writes them.

        Raises:
            RegistryError: ``unreachable``, when a file of certificates cannot be read.
        """
        if host in self._unverified:
            context = self._fresh()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # the user named this host as insecure
            _extend(context, host)
            return context
        if any(os.path.isdir(os.path.join(os.path.expanduser(folder), host)) for folder in FOLDERS):
            context = self._fresh()
            _extend(context, host)
            return context
        with self._lock:
            if self._shared is None:
                self._shared = self._fresh()
            return self._shared

    def _fresh(self) -> ssl.SSLContext:
        """The system's store, where OpenSSL looks at SSL_CERT_FILE and SSL_CERT_DIR, and the user's file."""
        context = ssl.create_default_context()
        if self._ca_file is not None:
            _load(context, self._ca_file)
        return context


def _extend(context: ssl.SSLContext, host: str) -> None:
    """Add what the folders of engines have for one host."""
    for folder in FOLDERS:
        here = os.path.join(os.path.expanduser(folder), host)
        try:
            names = sorted(os.listdir(here))
        except OSError:  # most hosts have none
            continue
        for name in names:
            path = os.path.join(here, name)
            if name.endswith(".crt"):
                _load(context, path)
            elif name.endswith(".cert"):
                _present(context, path, path.removesuffix(".cert") + ".key")


def _load(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; ValueError: a NUL in the name
        raise RegistryError(
            "unreachable", f"`{path}` is no file of CA certificates: {_why(error)}", "name a PEM file"
        ) from None


def _present(context: ssl.SSLContext, certificate: str, key: str) -> None:
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # never ask on the terminal
    except (OSError, ValueError) as error:
        raise RegistryError(
            "unreachable",
            f"`{certificate}` and `{key}` are no client certificate: {_why(error)}",
            "both are PEM files, and the key has no password",
        ) from None


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "not in PEM format"
    return ((error.strerror if isinstance(error, OSError) else None) or "unreadable").lower()
