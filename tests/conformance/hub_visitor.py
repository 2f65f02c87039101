"""Somebody who visits a hub of the target ``compose`` through its edge: pages with a browser, and the REST API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

from tests.conformance.spawn_page import Page

TIMEOUT = 180  # seconds, of any request


class Edge(HTTPAdapter):
    """The way of a request through the edge of the centre, which ends TLS and tells the proxy what it was asked.

    caddyserver/caddy:modules/caddyhttp/reverseproxy/reverseproxy.go@v2.10.2: the Host stays, and X-Forwarded-* are set
    anew, since whoever asks is not trusted.
    """

    def __init__(self, proxy: str) -> None:
        super().__init__()
        self._proxy = proxy

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Send it to the proxy, and answer as if the edge had."""
        asked, inner = urlsplit(request.url), request.copy()
        inner.url = asked._replace(scheme="http", netloc=urlsplit(self._proxy).netloc).geturl()
        said = {"For": "192.0.2.7", "Host": asked.netloc, "Proto": "https"}
        inner.headers["Host"] = asked.netloc
        inner.headers["Connection"] = "close"  # the proxy may be closing one that has been idle
        inner.headers.update({f"X-Forwarded-{what}": value for what, value in said.items()})
        answer = super().send(inner, *args, **kwargs)
        answer.url, answer.request, answer.encoding = request.url, request, "utf-8"
        return answer


class Visitor:
    """A browser with its cookies, and a token for the REST API once its user has made one.

    Args:
        site: ``https://HOST`` of the centre.
        proxy: ``http://127.0.0.1:PORT`` of the proxy behind its edge.
    """

    def __init__(self, site: str, proxy: str) -> None:
        self.site, self.name, self.token = site, "", ""
        self.session, self._program = requests.Session(), requests.Session()  # with cookies, and without
        for session in (self.session, self._program):
            session.trust_env = False
            session.mount(site, Edge(proxy))

    def get(self, path: str, follow: bool = True) -> requests.Response:
        """A page."""
        return self.session.get(self.site + path, allow_redirects=follow, timeout=TIMEOUT)

    def send(self, page: requests.Response, fields: Mapping[str, Any]) -> requests.Response:
        """Fields of the form of a page, with those that are hidden in it, to where it is sent."""
        form = Page(page.text)
        hidden = {box.name: box.value for box in form.boxes if box.kind == "hidden"}
        return self.session.post(urljoin(page.url, form.action), data={**hidden, **fields}, timeout=TIMEOUT)

    def log_in(self, name: str) -> requests.Response:
        """With the dummy authenticator, which believes everybody; the page that one comes to."""
        self.name = name
        page = self.get("/hub/login?next=/hub/home")
        return self.send(page, {"username": name, "password": "x"})

    def choose(self, profile: str, wishes: Iterable[str] = (), page: requests.Response | None = None) -> Any:
        """Fill in the spawn form and send it."""
        page = page or self.get("/hub/spawn")
        shown = Page(page.text)
        shown.choose("profile", [profile])
        shown.choose(f"bricks-{profile}", list(wishes))
        return self.send(page, shown.posted())

    def rest(self, method: str, path: str, body: Any = None, raw: bytes | None = None) -> requests.Response:
        """Ask the REST API with a token that this user made on the hub's page for it."""
        if not self.token:
            xsrf = self.session.cookies.get("_xsrf", path="/hub/")
            assert xsrf, "not logged in"
            made = self.session.post(
                f"{self.site}/hub/api/users/{quote(self.name)}/tokens",
                headers={"X-XSRFToken": xsrf, "Referer": f"{self.site}/hub/token"},
                json={"note": "test"},
                timeout=TIMEOUT,
            )
            assert made.status_code == 201, made.text
            self.token = made.json()["token"]
        self._program.cookies.clear()
        return self._program.request(
            method,
            f"{self.site}/hub/api{path}",
            headers={"Authorization": f"token {self.token}"},
            data=raw,
            json=body,
            timeout=TIMEOUT,
        )
