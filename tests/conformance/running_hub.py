"""The hub of the target ``compose`` as it is deployed: the real proxy and the real JupyterHub, each its own process.

Both are started by the commands of the compiled compose.yaml, with its variables, and find the files that it mounts.
Only what an address of the deployment stands for is another one here: ports of this machine, and folders.

JupyterHubs beside the installed one are folders of ``pip install --no-deps --target``.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from lego_compile.ir.model import Deployment
from tests.conformance.compose_hub import ENVIRONMENT, machine, need, write
from tests.conformance.docker_engine import Engine, running
from tests.conformance.hub_visitor import Visitor
from tests.conformance.login_service import Service
from tests.conformance.ports import free_ports
from tests.conformance.single_user import SingleUser
from tests.targets.compose.samples import compiled

INSTALLED = "installed"
VERSIONS = ("5.3.0", "5.5.4", INSTALLED)
"""The oldest JupyterHub that the fixed configuration says it needs, the newest 5, and the installed 6 or newer."""

PATIENCE = 40.0  # seconds for whatever has to happen at all
LOOK = 0.1  # seconds between two looks at it


def proxy_program() -> str:
    """configurable-http-proxy, or a skip that says how to get it."""
    found = os.environ.get("LEGO_PROXY") or shutil.which("configurable-http-proxy")
    if not found or not Path(found).exists():
        pytest.skip(
            f"no configurable-http-proxy in LEGO_PROXY ({found or 'unset'}) or on PATH: npm install --prefix FOLDER "
            "configurable-http-proxy@5.3.0, LEGO_PROXY=FOLDER/node_modules/.bin/configurable-http-proxy"
        )
    done = subprocess.run([found, "--version"], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"{found} does not run; it needs Node.js 20 or newer: {done.stderr.strip()[-200:]}")
    return str(Path(found).absolute())


def packages(version: str) -> list[str]:
    """What comes first on PYTHONPATH for a JupyterHub, or a skip that says how to get it."""
    need("dockerspawner")
    if version == INSTALLED:
        return []
    folder = os.environ.get("LEGO_JUPYTERHUBS")
    if not folder or not (Path(folder) / version).is_dir():
        pytest.skip(
            f"no folder {version} in LEGO_JUPYTERHUBS ({folder or 'unset'}): pip install --no-deps --target "
            f'"$LEGO_JUPYTERHUBS/{version}" jupyterhub=={version}'
        )
    return [str(Path(folder).absolute() / version)]


def available(version: str) -> bool:
    """Whether this machine has what it takes to run a version; ``require`` skips with the reason."""
    try:
        require(version)
    except pytest.skip.Exception:
        return False
    return True


def require(version: str) -> None:
    """Skip, saying what is missing and how to get it, where a version cannot run."""
    proxy_program()
    packages(version)


def major(version: str) -> int:
    """The first number of a JupyterHub's version."""
    name = importlib.metadata.version("jupyterhub") if version == INSTALLED else version
    return int(name.partition(".")[0])


class RunningHub:
    """Proxy, hub and engine of one centre.

    Args:
        folder: for the compiled files, the database and the logs.
        version: one of VERSIONS.
        engine: what DOCKER_HOST is.

    Attributes:
        engine: what DOCKER_HOST is.
        etc: what the hub has of the compiled files.
        proxy: ``http://127.0.0.1:PORT``, what the edge has before it.
        site: ``https://HOST``, as users know it.
        srv: where the database and the logs are.
        written: all the compiled files, with secrets.
        version: one of VERSIONS.
    """

    def __init__(self, folder: Path, version: str, engine: Engine) -> None:
        self.engine, self.version = engine, version
        self.written, self.etc, self.srv = (folder / name for name in ("compiled", "etc", "srv"))
        self.srv.mkdir()
        self._packages, self._proxy_program = packages(version), proxy_program()
        self._proxy_port, self._api_port, self._hub_port, self._session_port = free_ports(4)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.proxy = f"http://127.0.0.1:{self._proxy_port}"
        self.site = ""
        self._project: dict[str, Any] = {}

    def install(self, deployment: Deployment, options: dict[str, Any]) -> None:
        """Write what ``lego-compile`` writes, bring its software to the machine, and give the hub what Compose mounts.

        Again for another specification.
        """
        self.site = f"https://{options['host']}"
        for folder in (self.written, self.etc):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        files = compiled(deployment, options)
        write(self.written, files)
        self._project = yaml.safe_load(files["compose.yaml"])
        self.engine.images, self.engine.volumes = machine(files["compose.yaml"])
        for config in self._project["services"]["hub"]["configs"]:
            place = Path(config["target"])
            assert place.parent == Path("/etc/jupyterhub")
            shutil.copy(
                self.written / self._project["configs"][config["source"]]["file"], self.etc / place.name
            )

    def _start(self, name: str, program: list[str], more: list[str]) -> None:
        """Start a service as its container would, with nothing of the environment of the tests."""
        service = self._project["services"][name]
        set_there = {key: ENVIRONMENT.get(key, value) for key, value in service["environment"].items()}
        here = {"DOCKER_HOST": self.engine.url} if "DOCKER_HOST" in set_there else {}
        environment = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join(self._packages),
            "LEGO_SECRETS": str(self.written / "secrets"),
            "PYTHONWARNINGS": "default",
            **set_there,
            **here,
        }
        command = [*program, *(self._translated(word) for word in service["command"][1:]), *more]
        with (self.srv / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                cwd=self.srv,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _translated(self, word: str) -> str:
        """A word of a command, with addresses of this machine instead of the deployment's."""
        here = {
            "hub:8081": f"127.0.0.1:{self._hub_port}",
            "--port=8000": f"--port={self._proxy_port}",
            "--api-port=8001": f"--api-port={self._api_port}",
            "0.0.0.0": "127.0.0.1",
            "/etc/jupyterhub": str(self.etc),
        }
        for place, instead in here.items():
            word = word.replace(place, instead)
        return word

    def start_proxy(self) -> None:
        """Start the proxy, and wait until it answers."""
        self._start("proxy", [self._proxy_program], [])
        self._await("proxy", f"{self.proxy}/_chp_healthz")

    def start_hub(self, **more: str | int) -> None:
        """Start the hub, and wait until it answers; ``more`` are traits of JupyterHub that a test cannot wait for."""
        overrides = {
            "JupyterHub.hub_ip": "127.0.0.1",
            "JupyterHub.hub_port": self._hub_port,
            "JupyterHub.hub_connect_ip": "127.0.0.1",
            "JupyterHub.db_url": f"sqlite:///{self.srv}/jupyterhub.sqlite",
            "JupyterHub.cookie_secret_file": self.srv / "jupyterhub_cookie_secret",
            "ConfigurableHTTPProxy.api_url": f"http://127.0.0.1:{self._api_port}",
            "DockerSpawner.port": self._session_port,
            **{f"JupyterHub.{trait}": value for trait, value in more.items()},
        }
        program = [sys.executable, "-m", "jupyterhub"]
        self._start("hub", program, [f"--{trait}={value}" for trait, value in overrides.items()])
        self._await("hub", f"http://127.0.0.1:{self._hub_port}/hub/health")

    def _await(self, name: str, address: str) -> None:
        def answers() -> bool:
            assert self._processes[name].poll() is None, self.log(name)[-5000:]
            try:
                return requests.get(address, timeout=5).status_code == 200
            except requests.RequestException:
                return False

        self.wait(answers, f"{name} does not answer")

    def wait(self, happens: Any, otherwise: str, patience: float = PATIENCE) -> None:
        """Wait until something happens, looked at often; fails with what the hub said last."""
        until = time.monotonic() + patience
        while not happens():
            assert time.monotonic() < until, f"{otherwise}\n{self.log('hub')[-5000:]}"
            time.sleep(LOOK)

    def stop(self, name: str) -> None:
        """End a service as Docker does, and what it started: who does not end is killed.

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

    def becomes(self, version: str) -> None:
        """Be another JupyterHub, from the next start on."""
        self._packages, self.version = packages(version), version

    def close(self) -> None:
        """End everything."""
        for name in list(self._processes):
            self.stop(name)

    def log(self, name: str) -> str:
        """What a service has said."""
        return (self.srv / f"{name}.log").read_text(errors="replace")

    def complaints(self) -> list[str]:
        """What the hub has said that is more than information, without times: what it logs, tracebacks, and what Python
        warns of in the compiled files (other people's code warns of other people's plans).
        """
        ours = re.escape(str(self.etc))
        said = re.findall(
            rf"^(?:\[[WEC] [0-9 :.-]+ (\S.*)|(Traceback .*|{ours}.*Warning: .*))$", self.log("hub"), re.M
        )
        return [one or other for one, other in said]

    def exceptions(self) -> list[str]:
        """The last lines of tracebacks in what the hub has said."""
        return re.findall(r"^ {4}(\w[\w.]*(?:Error|Exception)\b.*)$", self.log("hub"), re.M)

    def visitor(self, name: str = "") -> Visitor:
        """Somebody with a new browser, logged in when there is a name."""
        visitor = Visitor(self.site, self.proxy)
        if name:
            page = visitor.log_in(name)
            assert page.url == f"{self.site}/hub/home", page.text
        return visitor

    def body(self, options: Any) -> Any:
        """What the REST API wants for a start (jupyterhub/jupyterhub:docs/source/howto/upgrading-v6.md@6.1.1)."""
        return {"user_options": options} if major(self.version) >= 6 else options

    def container_of(self, user: str) -> Any:
        """A user's container, or None."""
        mine = f"JUPYTERHUB_USER={user}"
        return next((each for each in self.engine.containers if mine in each.body["Env"]), None)


@contextmanager
def deployed(
    folder: Path, version: str, deployment: Deployment, options: dict[str, Any]
) -> Iterator[RunningHub]:
    """A centre that runs, on a machine that has everything."""
    with running(Engine(set(), f"lego-{deployment.center}-users", run=SingleUser)) as engine:
        hub = RunningHub(folder, version, engine)
        try:
            hub.install(deployment, options)
            hub.start_proxy()
            hub.start_hub()
            yield hub
        finally:
            hub.close()


@contextmanager
def logging_in(service: Service) -> Iterator[None]:
    """A login service that answers in a thread of its own."""
    started, ended = threading.Event(), threading.Event()

    async def main() -> None:
        async with service.served():
            started.set()
            while not ended.is_set():
                await asyncio.sleep(LOOK)

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    assert started.wait(PATIENCE)
    try:
        yield
    finally:
        ended.set()
        thread.join(PATIENCE)
