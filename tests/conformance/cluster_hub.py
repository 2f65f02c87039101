"""The hub of the target ``apptainer`` as it is deployed: the real proxy and the real JupyterHub, each its own process.

Jobs run the real launcher and batchspawner's own program; what starts them, the runtime, and the server in the session
are stand-ins. What only a site knows is in a file of ``jupyterhub_config.d``, as there.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conformance.hub_visitor import Visitor
from tests.conformance.ports import free_ports
from tests.conformance.running_hub import INSTALLED, major, packages, proxy_program
from tests.conformance.slurm_machine import Slurm
from tests.targets.apptainer.conftest import Installed, prepare

PATIENCE = 40.0  # seconds for whatever has to happen at all
LOOK = 0.1  # seconds between two looks at it
SITE = "https://hub.example.org"

_SITE = """\
import pwd
import types

# There are no such users on this machine.
pwd.getpwnam = lambda name: types.SimpleNamespace(pw_dir={homes!r} + "/" + name, pw_shell="/bin/sh")
c.JupyterHub.bind_url = {proxy!r}
c.JupyterHub.authenticator_class, c.Authenticator.allow_all = "dummy", True
c.Authenticator.admin_users = {{"amelie"}}
c.JupyterHub.cookie_secret_file = {folder!r} + "/cookie_secret"
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = {api!r}
c.BatchSpawnerBase.startup_poll_interval = 0.2
c.Spawner.poll_interval = 1
# Why a start fails is in the answer to whoever asked for it, unless that has been sent before.
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 50}}
{more}
"""

_SINGLE_USER = '''\
#!/usr/bin/env python3
"""Answers below its own address, as jupyterhub-singleuser does; batchspawner's program runs it as Python."""
import http.server, json, os, sys, urllib.parse, urllib.request

request = urllib.request.Request(os.environ["JUPYTERHUB_API_URL"])
version = json.loads(urllib.request.urlopen(request, timeout=10).read())["version"]
asked = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        mine = urllib.parse.urlsplit(self.path).path.startswith(asked.path)
        told = {name: os.environ.get(name) for name in ("CPU_LIMIT", "MEM_LIMIT", "JUPYTERHUB_DEFAULT_URL")}
        said = {"user": os.environ["JUPYTERHUB_USER"], "arguments": sys.argv[1:], **told}
        data = json.dumps(said).encode() if mine else b"not here"
        self.send_response(200 if mine else 404)
        self.send_header("X-JupyterHub-Version", version)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


http.server.ThreadingHTTPServer(("127.0.0.1", asked.port), Handler).serve_forever()
'''


def need(spawner: str, version: str) -> None:
    """Skip, saying what is missing and how to get it, where a hub with this spawn page cannot run."""
    proxy_program()
    for package in ("batchspawner", {"moss": "jupyterhub_moss"}.get(spawner, spawner)):
        pytest.importorskip(
            package, reason=f"no {package}: pip install 'lego-compile[conformance]' jupyterhub"
        )
    packages(version)


def available(spawner: str, version: str) -> bool:
    """Whether this machine has what it takes; ``need`` skips with the reason."""
    try:
        need(spawner, version)
    except pytest.skip.Exception:
        return False
    return True


class ClusterHub:
    """Proxy, hub and cluster of one centre.

    Args:
        folder: for everything.
        version: of JupyterHub, one of ``running_hub.VERSIONS``.
        more: lines of the site's file of settings.
        options: of the target.

    Attributes:
        center: its files, and the stand-in for the runtime.
        homes: of its users.
        slurm: where its jobs are.
        token: of the proxy, a secret of the hub.
    """

    def __init__(self, folder: Path, version: str, more: str, options: dict[str, Any]) -> None:
        self._folder, self._packages, self._major = folder, packages(version), major(version)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        port, self._api, hub = free_ports(3)
        self._hub = f"http://127.0.0.1:{hub}"
        self.token, self.proxy = secrets.token_hex(32), f"http://127.0.0.1:{port}"
        self.slurm, self.homes = Slurm(folder / "slurm"), folder / "homes"
        root, said = str(folder / "center" / "root"), {**options["hub"], "url": self._hub}
        self.center: Installed = prepare(folder / "center", **{**options, "root": root, "hub": said})
        done = self.center.run("lego-materialize", "--no-try")
        assert done.returncode == 0, done.stderr
        program = Path(sys.executable).parent / "batchspawner-singleuser"
        self.center.runtime.install("batchspawner-singleuser", f'exec "{sys.executable}" "{program}" "$@"')
        single = self.center.runtime.here / "image" / "jupyterhub-singleuser"
        single.write_text(_SINGLE_USER)
        single.chmod(0o755)
        site = self.center.root / "jupyterhub" / "jupyterhub_config.d" / "site.py"
        site.parent.mkdir()
        api = f"http://127.0.0.1:{self._api}"
        said = {
            "homes": str(self.homes),
            "proxy": self.proxy,
            "folder": str(folder),
            "api": api,
            "more": more,
        }
        site.write_text(_SITE.format(**said))

    def _start(self, name: str, command: list[str], address: str) -> None:
        environment = {
            "PATH": os.pathsep.join(
                [str(self.slurm.programs), str(Path(sys.executable).parent), os.environ["PATH"]]
            ),
            "PYTHONPATH": os.pathsep.join(self._packages),
            "CONFIGPROXY_AUTH_TOKEN": self.token,
            "PYTHONWARNINGS": "default",
        }
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

        def answers() -> bool:
            assert self._processes[name].poll() is None, self.log(name)[-5000:]
            try:
                return requests.get(address, timeout=5).status_code == 200
            except requests.RequestException:
                return False

        self.wait(answers, f"{name} does not answer")

    def start_proxy(self) -> None:
        """Start the proxy, as a service of its own."""
        words = [f"--port={self.proxy.rpartition(':')[2]}", "--api-ip=127.0.0.1", f"--api-port={self._api}"]
        command = [proxy_program(), "--ip=127.0.0.1", *words, f"--default-target={self._hub}"]
        self._start("proxy", command, f"{self.proxy}/_chp_healthz")

    def start_hub(self) -> None:
        """Start the hub, and wait until it answers."""
        settings = self.center.root / "jupyterhub" / "jupyterhub_config.py"
        self._start(
            "hub", [sys.executable, "-m", "jupyterhub", "-f", str(settings)], f"{self._hub}/hub/health"
        )

    def stop(self, name: str) -> None:
        """End a service as systemd does: who does not end is killed.

        JupyterHub may be one: it waits for what it has cancelled, and a task may not hear that
        (jupyterhub/jupyterhub:jupyterhub/app.py@5.3.0, ``shutdown_cancel_tasks``).
        """
        process = self._processes.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def close(self) -> None:
        """End everything."""
        for name in list(self._processes):
            self.stop(name)
        self.slurm.close()

    def wait(self, happens: Any, otherwise: str) -> None:
        """Wait until something happens, looked at often; fails with what the hub said last."""
        until = time.monotonic() + PATIENCE
        while not happens():
            if time.monotonic() > until:
                said = [line for line in self.log("hub").splitlines() if " 302 GET /user/" not in line]
                pytest.fail("\n".join([otherwise, *said[-40:]]))
            time.sleep(LOOK)

    def log(self, name: str) -> str:
        """What a service has said."""
        path = self._folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def complaints(self) -> list[str]:
        """What the hub has said that is more than information, without times: what it logs, tracebacks, and what Python
        warns of in the compiled files (other people's code warns of other people's plans).
        """
        ours = re.escape(str(self.center.root))
        said = re.findall(
            rf"^(?:\[[WEC] [0-9 :.-]+ (\S.*)|(Traceback .*|{ours}.*Warning: .*))$", self.log("hub"), re.M
        )
        return [one or other for one, other in said]

    def exceptions(self) -> list[str]:
        """The last lines of tracebacks in what the hub has said."""
        return re.findall(r"^ {4}(\w[\w.]*(?:Error|Exception)\b.*)$", self.log("hub"), re.M)

    def visitor(self, name: str) -> Visitor:
        """Somebody with a home and a new browser, logged in."""
        (self.homes / name).mkdir(parents=True, exist_ok=True)
        visitor = Visitor(SITE, self.proxy)
        page = visitor.log_in(name)
        assert page.url == f"{SITE}/hub/home", page.text
        return visitor

    def body(self, options: Any) -> Any:
        """What the REST API wants for a start (jupyterhub/jupyterhub:docs/source/howto/upgrading-v6.md@6.1.1)."""
        return {"user_options": options} if self._major >= 6 else options

    def start(self, visitor: Visitor, options: Any) -> requests.Response:
        """Start somebody's server by the REST API, which answers when the session is there, or after fifty seconds."""
        return visitor.rest("POST", f"/users/{visitor.name}/server", self.body(options))

    def lab(self, visitor: Visitor) -> dict[str, Any]:
        """What somebody's session says of itself, through the proxy, as soon as it is there."""
        address, found = f"/user/{visitor.name}/api/said", {}

        def there() -> bool:
            answer = visitor.get(address, follow=False)
            if answer.status_code == 200:
                found.update(answer.json())
            return bool(found)

        self.wait(there, "the session does not answer")
        return found

    @contextmanager
    def forbidden(self, digest: str) -> Iterator[None]:
        """The site does not let the runtime bind an image, of which it says nothing but a warning."""
        index, name = self.center.store / "resolved.json", f"sif {digest}"
        kept, found = index.read_text(), json.loads(index.read_text())
        file = self.center.store / "forbidden.sif"
        file.write_text("forbidden")
        file.chmod(0o444)
        found["images"][name] |= {"file": file.name, "size": file.stat().st_size}
        index.write_text(json.dumps(found))
        try:
            yield
        finally:
            index.write_text(kept)
            file.unlink()

    def end(self, visitor: Visitor) -> None:
        """Stop somebody's server, and see that nothing of it is left."""
        assert visitor.rest("DELETE", f"/users/{visitor.name}/server").status_code in (202, 204)
        self.wait(
            lambda: not visitor.rest("GET", f"/users/{visitor.name}").json()["servers"], "it does not stop"
        )
        self.wait(lambda: not self.slurm.alive(), "its job runs on")
        self.wait(lambda: not self.slurm.sessions(), "the directory of its session is left")


@contextmanager
def deployed(folder: Path, version: str, options: dict[str, Any], more: str = "") -> Iterator[ClusterHub]:
    """A centre that runs."""
    need(options["hub"]["spawner"], version)
    hub = ClusterHub(folder, version, more, options)
    try:
        hub.start_proxy()
        hub.start_hub()
        yield hub
    finally:
        hub.close()


__all__ = ["INSTALLED", "ClusterHub", "available", "deployed", "need"]
