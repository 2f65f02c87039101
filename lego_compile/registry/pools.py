"""Connections: one pool for each origin, never too many to one host, and none that is waited for too long."""

from __future__ import annotations

import io
import threading
import time
import urllib.request
from http.client import HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import urllib3
from urllib3 import exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection

from lego_compile.registry.model import RegistryError
from lego_compile.registry.reference import is_loopback
from lego_compile.registry.tls import Trust

LATEST = 4
"""A whole answer may take so many times the time that is allowed between two bytes."""
_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Scheme, host and port: what has to be equal for a secret to be sent on."""

    scheme: str
    host: str
    port: int


def origin(url: str) -> Origin | None:
    """The origin of a URL; None for one that we do not ask: another scheme, none, or with a user in it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").lower()
    if parts.scheme not in _PORTS or not host.isascii() or not host or "@" in parts.netloc or port == 0:
        return None
    return Origin(parts.scheme, host, port or _PORTS[parts.scheme])


class Pools:
    """Connections by origin, through the proxies of the environment where it names some.

    Args:
        trust: which certificates are trusted.
        per_host: connections to one origin.
    """

    def __init__(self, trust: Trust, per_host: int) -> None:
        self._trust = trust
        self._per_host = per_host
        self._proxies = urllib.request.getproxies()
        self._managers: dict[Origin, urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            managers, self._managers = list(self._managers.values()), {}
        for manager in managers:
            manager.clear()

    def of(self, url: str) -> urllib3.PoolManager:
        """The connections of one origin, of which there are never more than ``per_host``."""
        there = origin(url)
        if there is None:
            raise ValueError(url)
        with self._lock:
            manager = self._managers.get(there)
        if manager is None:
            made = self._make(there, urlsplit(url).netloc.lower())
            with self._lock:
                manager = self._managers.setdefault(there, made)
        return manager

    def _make(self, there: Origin, netloc: str) -> urllib3.PoolManager:
        settings: dict[str, Any] = {"num_pools": 4, "maxsize": self._per_host, "block": True}
        if there.scheme == "https":
            settings["ssl_context"] = self._trust.context(netloc)
        proxy = self._proxies.get(there.scheme) or self._proxies.get("all")
        manager: urllib3.PoolManager
        name = f"[{there.host}]" if ":" in there.host else there.host
        if proxy and not is_loopback(name) and not urllib.request.proxy_bypass(f"{name}:{there.port}"):
            manager = _through(proxy, settings)
        else:
            manager = urllib3.PoolManager(**settings)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
        return manager


class Impatient(TimeoutError):  # noqa: N818 - one of the timeouts, told apart
    """A whole answer took too long, though no single byte did."""


class _Timed(io.RawIOBase):
    """The receiving side of a socket: a deadline for all that is read, besides the limit of each read."""

    def __init__(self, raw: io.RawIOBase, sock: Any) -> None:
        self._raw = raw
        self._sock = sock
        self._pause: float | None = sock.gettimeout()
        self._end = time.monotonic() + LATEST * (self._pause or 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._pause is None:
            return self._raw.readinto(buffer)
        left = self._end - time.monotonic()
        if left <= 0:
            raise Impatient
        self._sock.settimeout(min(self._pause, left))
        try:
            return self._raw.readinto(buffer)
        except TimeoutError:
            if time.monotonic() >= self._end:
                raise Impatient from None
            raise

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """A response that is in time, headers included."""

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(_Receiver(sock), *args, **options)  # type: ignore[arg-type]  # all it needs of one


class _Receiver(NamedTuple):
    """What http.client needs of a socket to read from it."""

    sock: Any

    def makefile(self, _: str) -> io.BufferedReader:
        """The socket as a file that is read in time."""
        return io.BufferedReader(_Timed(self.sock.makefile("rb", buffering=0), self.sock))


class _Connection(HTTPConnection):
    response_class = _Response


class _TLSConnection(HTTPSConnection):
    response_class = _Response


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


def _through(proxy: str, settings: dict[str, Any]) -> urllib3.PoolManager:
    """Connections through a proxy, whose password is nobody else's business."""
    try:
        parsed = urllib3.util.parse_url(proxy if "://" in proxy else f"http://{proxy}")
        headers = urllib3.make_headers(proxy_basic_auth=parsed.auth) if parsed.auth else None
        return urllib3.ProxyManager(parsed._replace(auth=None).url, proxy_headers=headers, **settings)
    except (exceptions.HTTPError, ValueError):
        pass
    raise RegistryError(
        "unreachable", "the proxy that the environment names cannot be used", "set HTTPS_PROXY to an http URL"
    )
