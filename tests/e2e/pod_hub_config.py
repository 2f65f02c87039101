"""Settings of a JupyterHub whose cluster is Podman: the chart's, of the compiled values, and the real KubeSpawner.

Read by JupyterHub as its configuration file. ``LEGO_POD_HUB`` is a file of JSON: ``values`` (of the chart, over its
own), ``podman`` (the words of the command on the machine that has it), ``network`` of the pods, ``folder`` of the hub,
and ``dropped`` (user → name of a volume that the cluster drops from their pods).
"""

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jupyterhub.spawner import Spawner  # type: ignore[import-untyped]
from kubernetes_asyncio.client import ApiClient
from kubespawner import KubeSpawner  # type: ignore[import-untyped]

from tests.conformance import hub_app
from tests.conformance import z2jh_chart as chart
from tests.e2e.test_z2jh_cluster import gone

given = json.loads(Path(os.environ["LEGO_POD_HUB"]).read_text())


def podman(*words: str, text: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command of Podman's, which ends when we do not wait any longer."""
    done = subprocess.run([*given["podman"], *words], input=text, capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"podman {' '.join(words)}: {done.stderr[-2000:]}")
    return done


class Played(KubeSpawner):  # type: ignore[misc]
    """What KubeSpawner would have a cluster make, Podman plays: pod, image volumes, the hook after its start."""

    progress = Spawner.progress

    async def start(self) -> str:
        """Play the pod; a hook that fails ends it, as a kubelet would."""
        await self.load_user_options()
        async with ApiClient() as client:
            pod = client.sanitize_for_serialization(await self.get_pod_manifest())
        gone(pod, given["dropped"].get(self.user.name, ""))
        self._path = Path(given["folder"]) / f"{self.pod_name}.json"
        self._path.write_text(json.dumps(pod))
        return await asyncio.to_thread(self._play, pod)

    def _play(self, pod: dict[str, Any]) -> str:
        podman("kube", "play", f"--network={given['network']}", "-", text=self._path.read_text())
        (container,) = pod["spec"]["containers"]
        hook = container.get("lifecycle", {}).get("postStart", {}).get("exec", {}).get("command")
        if hook:
            done = podman("exec", f"{self.pod_name}-{container['name']}", *hook, check=False)
            if done.returncode:
                self._down()
                raise RuntimeError(f"the hook of the pod failed: {done.stderr}")
        (infra,) = podman("pod", "inspect", "--format", "{{.InfraContainerID}}", self.pod_name).stdout.split()
        address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        ip = podman("inspect", "--format", address, infra).stdout.strip()
        return f"http://{ip}:{self.port}"

    def _down(self) -> None:
        podman("kube", "down", "-", text=self._path.read_text())

    async def poll(self) -> int | None:
        """None while the pod runs."""
        state = await asyncio.to_thread(
            podman, "pod", "inspect", "--format", "{{.State}}", self.pod_name, check=False
        )
        return None if state.stdout.strip() == "Running" else 1

    async def stop(self, now: bool = False) -> None:
        """End the pod; volumes of claims stay."""
        await asyncio.to_thread(self._down)


c = get_config()  # type: ignore[name-defined]  # noqa: F821
with pytest.MonkeyPatch.context() as patched:
    c.merge(chart.config(given["values"], patched))
# there is no cluster that could be asked, as long as this process is there
pytest.MonkeyPatch().setattr("kubespawner.spawner.load_config", lambda **_: None)
pytest.MonkeyPatch().setattr("kubespawner.spawner.shared_client", lambda *_: None)
c.JupyterHub.spawner_class = Played
c.KubeSpawner.http_timeout = (
    180  # the Lab in a pod has half a minute otherwise, on a machine that does other work too
)
# of the chart's jupyterhub_config.py, but for the proxy, which is a service of its own there
c.JupyterHub.hub_bind_url = "http://:8081"
c.JupyterHub.hub_connect_url = "http://hub:8081"
c.JupyterHub.proxy_class = hub_app.no_proxy()
c.JupyterHub.db_url = f"sqlite:///{given['folder']}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = f"{given['folder']}/cookie_secret"
c.Authenticator.allow_all = True
