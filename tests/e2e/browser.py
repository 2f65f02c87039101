"""Chromium without a screen, in somebody's hands: pages of a hub, and JupyterLab as it is shown and clicked.

The program is Debian's, driven by Playwright of PyPI. It trusts the authority of the centre as a site makes browsers
trust its own (a certificate in the database of NSS), so that every page that it shows came over TLS that holds.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.engine import wait
from tests.e2e.namespace import CannotRun, Namespace

if TYPE_CHECKING:  # not everybody has it who runs no test here
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

PATIENCE = 180_000.0
"""Milliseconds until something that is clicked must have happened; sessions start in that time."""

SIZE = (1280, 800)
"""Of the window, in pixels."""

_PROGRAMS = {"chromium": "chromium", "certutil": "libnss3-tools"}
"""Program → package of Debian."""

_QUIET = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
"""It asks nobody for anything but pages."""


class _Door(socketserver.BaseRequestHandler):
    """A connection that is made here, led to port 443 of a network."""

    namespace: Namespace

    def handle(self) -> None:
        """Carry bytes both ways, until both have ended."""
        near: socket.socket = self.request
        with self.namespace.network(), socket.create_connection(("127.0.0.1", 443), 20) as far:
            far.settimeout(None)
            back = threading.Thread(target=_carry, args=(far, near), daemon=True)
            back.start()
            _carry(near, far)
            back.join()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while said := source.recv(1 << 16):
            sink.sendall(said)
    for each, how in ((source, socket.SHUT_RD), (sink, socket.SHUT_WR)):
        with suppress(OSError):  # closed by who was there
            each.shutdown(how)


@contextmanager
def _door(namespace: Namespace) -> Iterator[int]:
    """A port of this machine that leads into a network, until the ``with`` ends."""
    handler = type("Door", (_Door,), {"namespace": namespace})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


@contextmanager
def chromium(host: str, namespace: Namespace, authority: str, folder: Path) -> Iterator[Browser]:
    """Chromium, for which a host is in another network; it ends with the ``with``.

    It is not in that network itself: it gives up what it loads whenever an interface comes or goes
    (``ERR_NETWORK_CHANGED``), and each container has one.

    Args:
        host: that no name service knows.
        namespace: with the network where it listens on port 443.
        authority: the certificate, in PEM, of who signed the host's.
        folder: empty, for its home.

    Raises:
        CannotRun: this machine has no Chromium, or not what drives it.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise CannotRun("no Playwright: pip install 'lego-compile[conformance]'") from error
    found = {each: shutil.which(each) for each in _PROGRAMS}
    if missing := [_PROGRAMS[each] for each, path in found.items() if path is None]:
        raise CannotRun(f"no Chromium: apt-get install {' '.join(missing)}")
    _trust(folder, authority)
    with _door(namespace) as port, sync_playwright() as driver:
        made = driver.chromium.launch(
            executable_path=found["chromium"],
            args=[*_QUIET, f"--host-resolver-rules=MAP {host} 127.0.0.1:{port}"],
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"},
            timeout=PATIENCE,
        )
        try:
            yield made
        finally:
            made.close()


def _trust(home: Path, authority: str) -> None:
    """Make a certificate an authority for who has this home (chromium:docs/linux/cert_management.md)."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    database = ("certutil", "-d", f"sql:{store}")
    for words in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "centre"]):
        subprocess.run([*database, *words], input=authority, text=True, capture_output=True, check=True)


class Person:
    """Somebody before a window of the browser, with cookies of their own.

    Args:
        browser: that runs.
        host: of the hub.
        name: of the user, who is logged in.

    Attributes:
        page: what the window shows.
    """

    def __init__(self, browser: Browser, host: str, name: str) -> None:
        self.name = name
        self._host = host
        width, height = SIZE
        self._context: BrowserContext = browser.new_context(
            viewport={"width": width, "height": height}, locale="en-GB", reduced_motion="reduce"
        )
        self._context.set_default_timeout(PATIENCE)
        self.page: Page = self._context.new_page()
        self.open("/")
        self.page.get_by_label("Username:").fill(name)
        self.page.get_by_label("Password:").fill("x")
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(re.compile("/hub/(spawn|home)"))

    def close(self) -> None:
        """Close the window."""
        self._context.close()

    def open(self, path: str) -> None:
        """Go to a page of the centre."""
        self.page.goto(f"https://{self._host}{path}")

    def resize(self, width: int, height: int) -> None:
        """Make the window of another size, in pixels."""
        self.page.set_viewport_size({"width": width, "height": height})

    def start(self) -> Desk:
        """Press the button of the spawn page, and wait for JupyterLab."""
        self.page.get_by_role("button", name="Start").click()
        return self.desk()

    def desk(self) -> Desk:
        """JupyterLab, once it is there."""
        self.page.wait_for_url(f"**/user/{self.name}/lab**")
        return Desk(self.page)

    def stop(self) -> None:
        """End the server with the button of the hub, if one runs."""
        self.open("/hub/home")
        self.page.wait_for_load_state("networkidle")  # the button does nothing before its script is there
        stop = self.page.get_by_role("button", name="Stop My Server")
        if not stop.count():
            return
        stop.click()

        def stopped() -> bool:
            self.open("/hub/home")
            return not stop.count()

        wait(stopped, f"the server of {self.name} does not stop")

    def picture(self, path: Path) -> None:
        """Photograph the window, when letters have their shapes and no pointer or caret is in it."""
        self.page.mouse.move(0, 0)
        self.page.evaluate("document.fonts.ready.then(() => true)")
        self.page.screenshot(path=path, animations="disabled", caret="hide")


class Desk:
    """JupyterLab in a window (jupyterlab:packages/*/src@4.6).

    Args:
        page: with it, or on its way there.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        page.locator("#jp-main-dock-panel").wait_for()  # with the launcher, or what was open the last time

    def cards(self, section: str = "Notebook") -> list[str]:
        """Titles on the cards of a section of the launcher, in order."""
        cards = self._page.locator(f'.jp-LauncherCard[data-category="{section}"] .jp-LauncherCard-label')
        cards.first.wait_for()
        return [each.strip() for each in cards.all_inner_texts()]

    def broken(self) -> list[str]:
        """Addresses of pictures on the cards of the launcher that were not loaded."""
        self._page.wait_for_load_state("networkidle")
        found = "all => all.filter(each => !each.naturalWidth).map(each => each.src)"
        return list(self._page.locator(".jp-LauncherCard img").evaluate_all(found))

    def quiet(self) -> None:
        """Answer No to what a new Lab asks everybody, whether to fetch news."""
        asked = self._page.locator(".Toastify").get_by_role("button", name="No", exact=True)
        if asked.count():
            asked.first.click()
            asked.first.wait_for(state="detached")

    def notebook(self, card: str) -> Sheet:
        """Click a card of the launcher, opened anew if none is in front; the notebook, when its kernel waits."""
        if not self._page.locator(".jp-Launcher:visible").count():
            self._page.locator(".lm-TabBar-addButton:visible").first.click()
        cards = self._page.locator('.jp-LauncherCard[data-category="Notebook"]:visible')
        titles = self._page.locator(".jp-LauncherCard-label")  # beside an icon, which may be a letter
        cards.filter(has=titles.filter(has_text=re.compile(rf"^\s*{re.escape(card)}\s*$"))).click()
        return Sheet(self._page)


class Sheet:
    """The notebook in front, and its kernel.

    Args:
        page: of the Lab.
    """

    def __init__(self, page: Page) -> None:
        self._panel: Locator = page.locator(".jp-NotebookPanel:visible")
        self._panel.wait_for()
        self._panel.locator(".jp-Toolbar-kernelName").filter(has_not_text="No Kernel").wait_for()
        self._panel.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()

    @property
    def kernel(self) -> str:
        """Title of its kernel, in its corner."""
        return self._panel.locator(".jp-Toolbar-kernelName").inner_text().strip()

    def run(self, code: str) -> str:
        """Type a line into the last cell and run it with the keyboard; what is shown below it then."""
        number = self._panel.locator(".jp-CodeCell").count()
        cell = self._panel.locator(".jp-CodeCell").last
        cell.locator(".cm-content").click()
        cell.page.keyboard.insert_text(code)
        cell.page.keyboard.press("Shift+Enter")
        ran = self._panel.locator(".jp-CodeCell").nth(number - 1)
        ran.locator(".jp-InputPrompt").filter(has_text=re.compile(r"\[\d+\]:")).wait_for()  # it has ended
        shown = ran.locator(".jp-OutputArea-output").first
        shown.filter(has_text=re.compile(r"\S")).wait_for()
        return shown.inner_text().strip()
