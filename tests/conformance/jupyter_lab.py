"""JupyterLab as the stand-in for the runtime starts it: the real Jupyter Server, for the options that it has."""

from __future__ import annotations

import http.cookiejar
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.targets.apptainer.runtime import Runtime

_PROGRAM = """
import os, sys
words = [word for word in sys.argv[1:] if word.startswith("--ServerApp.") and "kernel_spec_manager" not in word]
with open({arguments!r}, "w") as file:
    file.write("\\0".join(sys.argv[1:]))
os.environ.update(HOME={home!r}, JUPYTER_CONFIG_PATH="", JUPYTER_RUNTIME_DIR={home!r} + "/runtime")
os.execv(sys.executable, [sys.executable, "-m", "jupyter_server", "--allow-root", *words])
"""


def install(runtime: Runtime) -> Path:
    """Put it into the system image; returns the file in which it writes down its arguments, NUL between them."""
    home, arguments = runtime.here / "home", runtime.here / "arguments"
    home.mkdir()
    program = runtime.here / "lab.py"
    program.write_text(_PROGRAM.format(arguments=str(arguments), home=str(home)))
    runtime.install("jupyter-lab", f'exec "{sys.executable}" "{program}" "$@"')
    return arguments


class Browser:
    """A browser with cookies, which does not leave this machine."""

    def __init__(self) -> None:
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies), _Stay()
        )

    def open(self, url: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, str, Any]:
        """Status, text and headers of an answer; redirections are not followed."""
        data = urlencode(form).encode() if form is not None else None
        request = urllib.request.Request(
            url, data, {key.replace("_", "-"): value for key, value in headers.items()}
        )
        try:
            with self._opener.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def waited(found: Any, seconds: float = 60) -> Any:
    """What a function returns as soon as that is something; an AssertionError after a while."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = found()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError("it does not come")
