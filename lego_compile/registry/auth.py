"""Logging in: a registry's challenge answered, with a password or with a token that lives for a while.

distribution/distribution:docs/content/spec/auth/token.md@v3.0.0 (and oauth.md).
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Mapping
from time import monotonic
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from lego_compile.registry.answers import Challenge, challenges, complaint, object_of
from lego_compile.registry.credentials import Credential, Credentials
from lego_compile.registry.model import RegistryError
from lego_compile.registry.pools import origin
from lego_compile.registry.reference import Place, clean
from lego_compile.registry.transport import Answer, Transport

LARGEST = 4 * 1024 * 1024
LIFETIME = 60.0
"""Seconds that a token lives when its server does not say so (token.md)."""
_EARLY = 0.1
"""The part of its life in which a token is no longer used: the request has to arrive, too."""


class _Pass(NamedTuple):
    """A header that logs in.

    Attributes:
        header: value of ``Authorization``.
        until: when it is used for the last time, on the monotonic clock.
        secrets: what may never be printed.
        anonymous: whether it was given without credentials.
    """

    header: str
    until: float
    secrets: tuple[str, ...]
    anonymous: bool = False

    def __repr__(self) -> str:
        return "_Pass(…)"


class Authorizer:
    """Asks registries as the user. One log-in serves all threads that ask for the same repository."""

    def __init__(self, transport: Transport, credentials: Credentials) -> None:
        self._transport = transport
        self._credentials = credentials
        self._passes: dict[Place, _Pass] = {}
        self._locks: dict[Place, threading.Lock] = {}
        self._lock = threading.Lock()

    def ask(
        self,
        method: str,
        where: Place,
        url: str,
        *,
        headers: Mapping[str, str],
        limit: int,
        plain: bool = False,
    ) -> Answer:
        """Send a request, logging in when the registry wants that.

        Args:
            method: GET or HEAD.
            where: the repository.
            url: on the host of the repository.
            headers: to send besides.
            limit: bytes of the longest body that is read.
            plain: whether the URL is known to be without TLS.

        Returns:
            The answer, whatever its status but 401 and 403.

        Raises:
            RegistryError: ``denied``, and what ``Transport.send`` raises.
        """
        subject = f"`{where.repository}`"
        used = self._current(where)
        refusals = 0
        while True:
            sent = {**headers, **({"Authorization": used.header} if used else {})}
            answer = self._transport.send(method, url, subject, headers=sent, limit=limit, plain=plain)
            if answer.status not in (401, 403):
                return answer
            refusals += used is not None
            if answer.status == 403 or not answer.own or refusals == 2:
                break  # a challenge of the host that we were sent to is not one of the registry
            offered = challenges(answer.headers.get("WWW-Authenticate", ""))
            bare = answer.url.startswith("http:") or self._transport.is_plain(where.host)
            renewed = self._log_in(where, offered, used, bare)
            if renewed is None or (used is not None and renewed.header == used.header):
                break
            used = renewed
        raise _denied(where, answer, used)

    def complaint(self, where: Place, answer: Answer) -> str:
        """What an answer's body says, in brackets, unless it repeats a secret of ours."""
        with self._lock:
            used = self._passes.get(where)
        return complaint(answer.body, used.secrets if used else ())

    def _current(self, where: Place) -> _Pass | None:
        with self._lock:
            known = self._passes.get(where)
        return known if known is not None and monotonic() < known.until else None

    def _log_in(
        self, where: Place, offered: list[Challenge], refused: _Pass | None, plain: bool
    ) -> _Pass | None:
        """A pass other than the one that was refused; None when there is nothing to log in with."""
        with self._lock:
            lock = self._locks.setdefault(where, threading.Lock())
        with lock:  # the others wait here, and then find what this one got
            current = self._current(where)
            if current is not None and (refused is None or current.header != refused.header):
                return current
            schemes = {challenge.scheme: challenge for challenge in reversed(offered)}
            credential = self._credentials.find(where.repository)
            made = None
            if "bearer" in schemes:
                made = self._token(where, schemes["bearer"].parameters, credential, plain)
            elif "basic" in schemes and credential is not None and not credential.identity:
                made = _Pass(_basic(credential), float("inf"), _secrets(credential))
            if made is not None:
                with self._lock:
                    self._passes[where] = made
            return made

    def _token(
        self, where: Place, parameters: Mapping[str, str], credential: Credential | None, plain: bool
    ) -> _Pass:
        """A token from the server that the registry names."""
        realm = parameters.get("realm", "")
        there = origin(realm)
        subject = f"`{where.repository}`"
        if there is None or (there.scheme == "http" and not plain):
            bare = realm.partition("?")[0].rpartition("@")[2]
            raise RegistryError(
                "wrong", f"{subject}: {where.host} sends us to log in at `{clean(bare)}`, no https URL"
            )
        scopes = parameters.get("scope", "").split() or [f"repository:{where.path}:pull"]
        service = [("service", parameters["service"])] if parameters.get("service") else []
        headers: dict[str, str] = {}
        if credential is not None and credential.identity:
            form = [
                ("grant_type", "refresh_token"),
                *service,
                ("client_id", "lego-compile"),
                ("scope", " ".join(scopes)),
                ("refresh_token", credential.secret),
            ]
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            answer = self._transport.send(
                "POST",
                realm,
                subject,
                headers=headers,
                limit=LARGEST,
                body=urlencode(form).encode(),
                plain=plain,
            )
        else:
            query = [*service, *(("scope", scope) for scope in scopes)]
            if credential is not None:
                query.append(("account", credential.username))
                headers["Authorization"] = _basic(credential)
            url = realm.partition("#")[0]
            url += ("&" if urlsplit(url).query else "?") + urlencode(query)
            answer = self._transport.send("GET", url, subject, headers=headers, limit=LARGEST, plain=plain)
        if answer.status in (400, 401, 403):
            raise _denied(where, answer, _Pass("", 0, _secrets(credential), credential is None))
        if answer.status != 200:
            raise RegistryError(
                "wrong",
                f"{subject}: the token server of {where.host} answers {answer.status}",
            )
        return _read_token(answer, where, credential)


def _read_token(answer: Answer, where: Place, credential: Credential | None) -> _Pass:
    """The token of a token server's answer, and how long it lives."""
    document = object_of(answer.body, f"`{where.repository}`: the token of {where.host}")
    token = document.get("token") or document.get("access_token")
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise RegistryError(
            "wrong", f"`{where.repository}`: the token server of {where.host} answers without a token"
        )
    lifetime = document.get("expires_in")
    if not isinstance(lifetime, int | float) or not 0 <= lifetime < 1e9:
        lifetime = LIFETIME
    return _Pass(
        f"Bearer {token}",
        monotonic() + lifetime * (1 - _EARLY),
        (token, *_secrets(credential)),
        credential is None,
    )


def _basic(credential: Credential) -> str:
    pair = f"{credential.username}:{credential.secret}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def _secrets(credential: Credential | None) -> tuple[str, ...]:
    """What may be printed by nobody, in the spellings in which it is sent."""
    return () if credential is None else (credential.secret, _basic(credential).removeprefix("Basic "))


def _denied(where: Place, answer: Answer, used: _Pass | None) -> RegistryError:
    """The refusal in words; a registry does not say whether the name is wrong or the user."""
    name = f"`{where.repository}`"
    if not answer.own:
        host = clean(urlsplit(answer.url).netloc, 100)
        return RegistryError(
            "denied", f"{name}: {host}, to which its registry sends us, answers {answer.status}"
        )
    words = complaint(answer.body, used.secrets if used else ())
    who = (
        "is not for everybody"
        if used is None or used.anonymous
        else "is refused to the user that is logged in"
    )
    return RegistryError(
        "denied",
        f"{name} {who}, or is not there: {where.login} answers {answer.status}{words}",
        f"check the name, or run `docker login {where.login}`",
    )
