"""Requests over the network: pools, proxies, redirects and time limits, with nothing that happens by itself.

urllib3 neither retries nor follows redirects here, because it matters which host is sent what.
"""

from __future__ import annotations

import errno
import re
import ssl
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3 import exceptions

from lego_compile.registry.model import RegistryError
from lego_compile.registry.pools import LATEST, Impatient, Origin, Pools, origin
from lego_compile.registry.reference import api_host, clean, is_loopback
from lego_compile.registry.retry import Failed, again
from lego_compile.registry.tls import Trust

CONNECT = 10.0
"""Seconds for a connection with its TLS, unless the user has less patience: who answers at all does so soon."""
REDIRECTS = 5
_CHUNK = 64 * 1024
_MOVED = (301, 302, 303, 307, 308)
_LATER = (408, 429, 500, 502, 503, 504)
_FULL_ERROR = 64 * 1024


class Answer(NamedTuple):
    """What a server answered.

    Attributes:
        status: of HTTP.
        headers: by name in whatever case.
        body: all of it, as it was sent.
        url: that was asked in the end, after redirects.
        own: whether the host that was asked first answered, and no other one.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    own: bool


class Transport:
    """Asks hosts, from many threads at once.

    Args:
        insecure: hosts (``host[:port]``) that the user named, as in references: HTTP and any certificate will do.
        ca_file: certificates that are trusted besides the system's.
        timeout: seconds between two bytes, and at most for a connection.
        per_host: connections to one host.
        attempts: how often a request is tried in all.
        received: called with every number of bytes that arrives.
        sleep: waits between attempts.
    """

    def __init__(
        self,
        *,
        insecure: Collection[str] = (),
        ca_file: str | None = None,
        timeout: float = 30,
        per_host: int = 6,
        attempts: int = 5,
        received: Callable[[int], None] = lambda n: None,  # noqa: ARG005 - nobody counts
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._insecure = frozenset(map(api_host, insecure))
        self._timeout = timeout
        self._connect = min(CONNECT, timeout)
        self._attempts = attempts
        self._received = received
        self._sleep = sleep
        self._pools = Pools(Trust(ca_file, self._insecure), per_host)
        self._plain: set[str] = set()
        self._lock = threading.Lock()
        if insecure:
            urllib3.disable_warnings(exceptions.InsecureRequestWarning)  # the user knows: they named the host

    def close(self) -> None:
        """Close every connection."""
        self._pools.close()

    def is_plain(self, host: str) -> bool:
        """Whether a host may be spoken to without TLS: it was named, or it turned out to be this machine's."""
        return host in self._insecure or host in self._plain

    def send(
        self,
        method: str,
        url: str,
        subject: str,
        *,
        headers: Mapping[str, str],
        limit: int,
        body: bytes | None = None,
        plain: bool = False,
    ) -> Answer:
        """Send a request until it is answered.

        Args:
            method: GET, HEAD or POST; only the first two follow redirects.
            url: to ask; ``https``, or ``http`` when ``plain``.
            subject: what is asked for, in quotes, to begin a message with.
            headers: to send; ``Authorization`` stays with the origin of ``url``.
            limit: bytes of the longest body that is read.
            body: to send.
            plain: whether the URL may be without TLS from the start.

        Raises:
            RegistryError: ``unreachable`` when nobody answers, ``wrong`` for an answer that breaks the rules.
        """

        def attempt() -> Answer:
            return self._follow(method, url, subject, headers, limit, body, plain)

        return again(attempt, subject, self._attempts, self._sleep)

    def _follow(
        self,
        method: str,
        url: str,
        subject: str,
        headers: Mapping[str, str],
        limit: int,
        body: bytes | None,
        plain: bool,
    ) -> Answer:
        """One attempt, with the redirects that it meets."""
        url, first = self._dialled(url, subject, plain)
        seen = {url}
        for _ in range(REDIRECTS + 1):
            here = origin(url)
            own = here == first
            sent = {name: value for name, value in headers.items() if own or name.lower() != "authorization"}
            try:
                status, found, content = self._once(method, url, subject, sent, limit, body)
            except _NotTLS:
                host = urlsplit(url).netloc.lower()
                with self._lock:
                    self._plain.add(host)
                url, here = self._dialled(url, subject, plain)
                first = here if own else first
                continue
            if status not in _MOVED:
                if 300 <= status < 400:
                    raise RegistryError(
                        "wrong", f"{subject}: {_host(url)} answers {status}, which says nothing"
                    )
                return Answer(status, found, content, url, own)
            url = self._moved(method, url, found.get("Location"), subject)
            if url in seen:
                raise RegistryError("wrong", f"{subject}: {_host(url)} redirects in a circle")
            seen.add(url)
        raise RegistryError("wrong", f"{subject}: {_host(url)} redirects more than {REDIRECTS} times")

    def _dialled(self, url: str, subject: str, plain: bool) -> tuple[str, Origin]:
        """The URL to ask, without TLS where the host is known to have none."""
        scheme, _, rest = url.partition("://")
        netloc = urlsplit(url).netloc.lower()
        if scheme == "https" and netloc in self._plain:
            url = f"http://{rest}"
        there = origin(url)
        if there is None or (there.scheme == "http" and not plain and not self.is_plain(netloc)):
            raise RegistryError("wrong", f"{subject}: `{clean(_bare(url))}` is no https URL")
        return url, there

    def _moved(self, method: str, url: str, location: str | None, subject: str) -> str:
        """Where a redirect leads, if it may lead there."""
        where = f"{subject}: {_host(url)} redirects"
        if method == "POST":
            raise RegistryError("wrong", f"{where} what only it may see")
        try:
            target = urljoin(url, location or "").partition("#")[0]
        except ValueError:
            target = ""
        there = origin(target)
        if not location or there is None:
            raise RegistryError(
                "wrong", f"{where} to `{clean(_bare(location or ''))}`, which is no https URL"
            )
        if there.scheme == "http" and url.startswith("https:"):
            raise RegistryError("wrong", f"{where} from https to http, at `{clean(_host(target))}`")
        return target

    def _once(
        self, method: str, url: str, subject: str, headers: Mapping[str, str], limit: int, body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request and its answer.

        Raises:
            Failed: when it may be tried again.
        """
        host = _host(url)
        response: urllib3.BaseHTTPResponse | None
        try:
            response = self._manager(url, subject).urlopen(
                method,
                url,
                body=body,
                headers={"User-Agent": "lego-compile", "Accept-Encoding": "identity", **headers},
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=self._connect, read=self._timeout),
            )
            try:
                content = self._body(response, subject, host, limit)
            finally:
                response.close()  # does nothing when all was read and the connection is back in its pool
                response.release_conn()
        except exceptions.HTTPError as error:
            self._refuse(error, url, subject)
            raise Failed(f"{host} {self._why(error)}", twice=_is_unknown(error)) from None
        except (ValueError, OSError):  # of a URL that no server should send
            response = None
        if response is None:  # raised out here: such an error may quote a header, and that may be a secret
            raise RegistryError("wrong", f"{subject}: {host} cannot be asked what it wants to be asked")
        if response.status in _LATER:
            why = f"{host} answers {response.status} {clean(response.reason or '', 60)}".rstrip()
            raise Failed(why, busy=response.status == 429, after=response.headers.get("Retry-After"))
        return response.status, response.headers, content

    def _manager(self, url: str, subject: str) -> urllib3.PoolManager:
        """The connections to an origin; what is wrong with them is said of the subject."""
        try:
            return self._pools.of(url)
        except RegistryError as error:
            raise RegistryError(error.kind, f"{subject}: {error.message}", error.help) from None

    def _body(self, response: urllib3.BaseHTTPResponse, subject: str, host: str, limit: int) -> bytes:
        """All of a body that is as long as it may be; of the words of a refusal, those that are not too many."""
        whole = response.status < 300
        chunks: list[bytes] = []
        size = 0
        while chunk := response.read(_CHUNK, decode_content=False):
            size += len(chunk)
            self._received(len(chunk))
            chunks.append(chunk)
            if size > (limit if whole else _FULL_ERROR):
                if not whole:
                    return b""
                raise RegistryError(
                    "wrong", f"{subject}: {host} sends more than {limit} bytes, too large for this"
                )
        return b"".join(chunks)

    def _refuse(self, error: exceptions.HTTPError, url: str, subject: str) -> None:
        """Raise for what no second attempt makes better.

        Raises:
            _NotTLS: when the host speaks no TLS, and may.
            RegistryError: when its certificate is not trusted, or TLS fails.
        """
        netloc = urlsplit(url).netloc.lower()
        cause = error.args[0] if isinstance(error, exceptions.SSLError) and error.args else None
        if url.startswith("https:") and self._may_be_plain(netloc, error, cause):
            raise _NotTLS
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise RegistryError(
                "unreachable",
                f"{subject}: the certificate of {_host(url)} is not trusted: {_lower(cause.verify_message)}",
                f"give `--ca FILE`, or put its CA into `/etc/containers/certs.d/{netloc}/ca.crt`",
            )
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            reason = (cause.reason or "failure").replace("_", " ").lower()
            help = f"if it has no https, give `--insecure-registry {netloc}`" if _is_other(cause) else None
            raise RegistryError(
                "unreachable", f"{subject}: no TLS connection with {_host(url)}: {reason}", help
            )

    def _may_be_plain(self, netloc: str, error: exceptions.HTTPError, cause: object) -> bool:
        """Whether an error says that a host has no TLS, and it is one that may have none.

        docker/docs:content/manuals/reference/cli/dockerd.md (insecure registries).
        """
        if netloc in self._insecure and isinstance(error, exceptions.NewConnectionError):
            refused = isinstance(error.__cause__, ConnectionRefusedError)
            return refused and ":" not in netloc.rpartition("]")[2]  # then port 80 is another place to ask
        return _is_other(cause) and (netloc in self._insecure or is_loopback(netloc))

    def _why(self, error: exceptions.HTTPError) -> str:
        """What happened, without the words of strangers."""
        if isinstance(error, exceptions.ProxyError):
            return "cannot be reached through the proxy of the environment"
        if isinstance(error, exceptions.NameResolutionError):
            return "is a name that cannot be resolved"
        if isinstance(error, exceptions.NewConnectionError):
            cause = error.__cause__
            number = cause.errno if isinstance(cause, OSError) else None
            words = {errno.ECONNREFUSED: "refuses connections", errno.ENETUNREACH: "is in no network of ours"}
            return words.get(number or 0, f"cannot be connected to: {_lower(_strerror(cause))}")
        if isinstance(error, exceptions.ConnectTimeoutError):
            return f"accepts no connection within {self._connect:g} seconds"
        if isinstance(error, exceptions.ReadTimeoutError):
            if isinstance(error.__cause__, Impatient):
                return f"does not finish its answer within {self._timeout * LATEST:g} seconds"
            said = re.search(
                r"read timeout=([0-9.]+)", str(error)
            )  # of a silent handshake it is that of connecting
            return f"is silent for {float(said[1]) if said else self._timeout:g} seconds"
        return "breaks off its answer"


class _NotTLS(Exception):  # noqa: N818 - it is a discovery
    """The host speaks HTTP, and may."""


def _is_other(cause: object) -> bool:
    """Whether TLS failed because the other side does not speak it."""
    names = (
        "WRONG_VERSION_NUMBER",
        "RECORD_LAYER_FAILURE",
        "HTTP_REQUEST",
        "UNKNOWN_PROTOCOL",
        "PACKET_LENGTH",
    )
    return isinstance(cause, ssl.SSLError) and any(name in (cause.reason or "") for name in names)


def _is_unknown(error: exceptions.HTTPError) -> bool:
    return isinstance(error, exceptions.NameResolutionError)


def _host(url: str) -> str:
    """Host and port of a URL, for messages: never its path or query, which may be secret."""
    return clean(urlsplit(url).netloc.rpartition("@")[2], 100)


def _bare(url: str) -> str:
    """A URL without user, query and fragment, which may be secret."""
    scheme, separator, rest = url.partition("?")[0].partition("#")[0].partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _strerror(error: object) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "no reason"


def _lower(text: str) -> str:
    text = clean(text).rstrip(".")
    return text[:1].lower() + text[1:]
