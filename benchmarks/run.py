"""Cold compiles next to the tools that operators run beside them, in one run, so that only ratios matter.

    python benchmarks/run.py [--quick]

Rounds are interleaved: each round runs every command once, so that a busy machine slows all of them. The median
wall time and the median CPU time (user and system) of each are printed, with the ratio to the first row.
Peers are measured where they are installed: Docker Compose (PyPI), Helm (``LEGO_HELM``). ``lock`` asks a real registry
(Debian's ``docker-registry``), beside skopeo.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from lego_compile.fingerprint import fingerprint
from lego_compile.spec.load import schema_of
from lego_compile.spec.view import view

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # for `tests.images`
DIGEST = "sha256:" + "0123456789abcdef" * 4
URLS = "https://sso.example.org/oauth2"
OAUTH = f"{{authorize_url: {URLS}/authorize, token_url: {URLS}/token, userdata_url: {URLS}/userinfo}}"
OAUTH_Z2JH = OAUTH[:-1] + ", client_id: jupyterhub, client_secret: {name: jupyterhub-oauth}}"
TARGETS = f"""\
targets:
  z2jh:
    versions: {{kubernetes: "1.35", containerd: "2.2", chart: "4.4.0"}}
    host: jupyter.example.org
    authenticator: {{type: generic-oauth, oauth: {OAUTH_Z2JH}}}
    ingress: {{class: traefik, tls_secret: jupyter-tls}}
  compose:
    versions: {{engine: "29.7", compose: "5.6"}}
    host: vre.example.org
    authenticator: {{type: generic-oauth, oauth: {OAUTH}}}
    tls: {{mode: files}}
    images:
      hub: registry.example.org/lego/hub:6.1.1@{DIGEST}
      proxy: registry.example.org/lego/proxy:5.3.0@{DIGEST}
      edge: registry.example.org/lego/caddy:2.10.2@{DIGEST}
      docker_api: registry.example.org/lego/docker-socket-proxy:0.4.1@{DIGEST}
  apptainer:
    versions: {{apptainer: "1.4.5"}}
    root: /opt/lego/benchmark
    slurm: {{partition: interactive}}
    hub: {{url: "http://hub.example.org:8081"}}
"""


def center(name: str, bricks: int) -> tuple[str, str, str]:
    """A centre with all three targets and its catalog and lock, as texts."""
    entries = [f"brick-{i:04}" for i in range(bricks)]
    third = max(1, bricks // 3)
    profiles = [entries[i : i + third] for i in range(0, bricks, third)]
    listed = "\n".join(
        f"  p{i}:\n    title: Profile {i}\n    default: {str(i == 0).lower()}\n    bricks: [{', '.join(each)}]"
        for i, each in enumerate(profiles)
    )
    spec = (
        f"lego: 1\ncenter: {name}\ntitle: Benchmark\ncatalog: catalog.yaml\nlock: {name}.lock.yaml\nsystem: lab\n"
        f"profiles:\n{listed}\n{TARGETS}"
    )
    catalog = (
        "lego: 1\ncatalog: benchmark\nsystems:\n  lab:\n    title: Lab\n    image: registry.example.org/lego/lab\n"
        '    provides: {jupyterhub: "5.4", batchspawner: "1.3", conda: "26.7", nb_conda_kernels: "2.5"}\n'
        '    releases: {"1": {}}\nbricks:\n'
        + "".join(
            f"  {entry}:\n    title: Brick {entry}\n    image: registry.example.org/lego/{entry}\n"
            f"    prefix: /opt/bricks/{entry}\n    kernels: [{{title: Python of {entry}}}]\n"
            '    releases: {"1": {}}\n'
            for entry in entries
        )
    )

    known = view(yaml.safe_load(catalog), schema_of("catalog"))

    def pin(entry: str) -> str:
        """A pin as `lego-compile lock` writes it, with two layers and the facts of a labelled image."""
        digest = "sha256:" + hashlib.sha256(entry.encode()).hexdigest()
        kind = "systems" if entry == "lab" else "bricks"
        source = fingerprint(kind, "1", getattr(known, kind)[entry])
        facts = (
            "      conda: /opt/conda\n      provides:\n        batchspawner: '1.3'\n        conda: '26.7'\n"
            "        jupyterhub: '5.4'\n        nb_conda_kernels: '2.5'\n"
            if entry == "lab"
            else f"      kernels:\n        python3:\n          language: python\n          title: Python of {entry}\n"
            f"      prefix: /opt/bricks/{entry}\n"
        )
        return (
            f"  {entry}:\n    release: '1'\n    repository: registry.example.org/lego/{entry}\n    tag: '1'\n"
            f"    digest: {digest}\n    resolved_from: {source}\n    platforms:\n      linux/amd64:\n"
            f"        digest: {digest}\n        size: 1500\n        layers:\n          {DIGEST}: 500\n"
            f"          {digest}: 1000\n    facts:\n      name: {entry}\n{facts}"
        )

    lock = f"lego: 1\nlock: {name}\nsystems:\n{pin('lab')}bricks:\n{''.join(map(pin, entries))}"
    return spec, catalog, lock


def write(folder: Path, names: list[str], bricks: int) -> list[str]:
    """Benchmark centres in a folder; returns the file names of their specs."""
    specs = []
    for name in names:
        spec, catalog, lock = center(name, bricks)
        (folder / f"{name}.yaml").write_text(spec)
        (folder / "catalog.yaml").write_text(catalog)
        (folder / f"{name}.lock.yaml").write_text(lock)
        specs.append(str(folder / f"{name}.yaml"))
    return specs


def run(command: list[str], environment: dict[str, str], folder: Path) -> tuple[float, float]:
    """Wall and CPU seconds of one command, which has to succeed."""
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=False)
    wall, after = time.perf_counter() - started, os.times()
    if done.returncode:
        raise SystemExit(f"{command[:4]} failed with {done.returncode}:\n{done.stderr.decode()[-2000:]}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu


def peers(folder: Path) -> dict[str, list[str]]:
    """The commands beside which ours is measured."""
    found = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import pydantic'": [sys.executable, "-c", "import pydantic"],
    }
    compose = shutil.which("docker-compose", path=os.path.dirname(sys.executable))
    composed = folder / "out" / "fifty" / "compose"
    if compose and composed.is_dir():
        (composed / ".env").write_text("CONFIGPROXY_AUTH_TOKEN=benchmark\nOAUTH_CLIENT_ID=benchmark\n")
        found["docker compose config"] = [compose, "-f", str(composed / "compose.yaml"), "config", "-q"]
    helm = os.environ.get("LEGO_HELM") or shutil.which("helm")
    chart = os.environ.get("LEGO_Z2JH_CHART")
    if helm and chart:
        values = str(folder / "out" / "fifty" / "z2jh" / "values.yaml")
        found["helm template (z2jh)"] = [helm, "template", "x", chart, "-f", values]
    return found


def lock_many(folder: Path, images: int, environment: dict[str, str]) -> None:
    """Print how long ``lego-compile lock`` takes for many images of a real registry, beside skopeo asking in turn."""
    from tests.images.oci import image, text
    from tests.images.registry import NoRegistry, Registry, push

    names = [f"brick-{i:04}" for i in range(images)]
    try:
        with Registry() as registry:
            for name in ["lab", *names]:
                push(registry.host, f"lego/{name}", "1", image({"linux/amd64": {"name": text(name)}}, {}, {}))
            write(folder, ["many"], images)
            via = ["--via", f"registry.example.org={registry.host}"]
            locks = []
            for _ in range(3):
                (folder / "many.lock.yaml").unlink(missing_ok=True)
                command = [
                    sys.executable,
                    "-m",
                    "lego_compile",
                    "-q",
                    "lock",
                    *via,
                    str(folder / "many.yaml"),
                ]
                locks.append(run(command, environment, folder)[0])
            again = run(command, environment, folder)[0]
            print(f"{f'lock, {images + 1} images from nothing':44} {statistics.median(locks) * 1000:8.0f}")
            print(f"{f'lock, {images + 1} images, all pinned':44} {again * 1000:8.0f}")
            if shutil.which("skopeo"):
                asked = names[:20]
                started = time.perf_counter()
                for name in asked:
                    reference = f"docker://{registry.host}/lego/{name}:1"
                    run(
                        ["skopeo", "inspect", "--no-tags", "--tls-verify=false", reference],
                        environment,
                        folder,
                    )
                each = (time.perf_counter() - started) / len(asked)
                print(f"{f'skopeo inspect, {images + 1} images in turn':44} {each * (images + 1) * 1000:8.0f}"
                      f"   ({len(asked)} measured)")  # fmt: skip
    except NoRegistry as missing:
        print(f"lock: not measured: {missing}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="three rounds and a fleet of 20 centres instead of 200"
    )
    chosen = parser.parse_args()
    rounds, fleet = (3, 20) if chosen.quick else (15, 200)
    # An installed package has its byte code; a variable of this shell must not make every run compile it again.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    ours = [sys.executable, "-m", "lego_compile", "-q"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fifty = write(folder, ["fifty"], 50)
        run([*ours, *fifty], environment, folder)
        commands = {
            "lego-compile, 50 bricks, new outputs": [*ours, "--out", "new", *fifty],
            "lego-compile, 50 bricks, nothing changed": [*ours, *fifty],
            "lego-compile --version": [*ours[:-1], "--version"],
            **peers(folder),
        }
        times: dict[str, list[tuple[float, float]]] = {each: [] for each in commands}
        for _ in range(rounds):
            for each, command in commands.items():
                shutil.rmtree(folder / "new", ignore_errors=True)
                times[each].append(run(command, environment, folder))
        first = statistics.median(cpu for _, cpu in times[next(iter(times))])
        print(f"{'command':44} {'wall ms':>8} {'cpu ms':>8} {'ratio':>6}   median of {rounds}, interleaved")
        for each, values in times.items():
            wall, cpu = (statistics.median(value[i] for value in values) * 1000 for i in (0, 1))
            print(f"{each:44} {wall:8.0f} {cpu:8.0f} {cpu / first / 1000:6.2f}")
        specs = write(folder, [f"c{i:04}" for i in range(fleet)], 50)
        for jobs in ("1", "2"):
            shutil.rmtree(folder / "out", ignore_errors=True)
            wall, cpu = run([*ours, "--jobs", jobs, *specs], environment, folder)
            print(f"{f'{fleet} centres x 50 bricks, --jobs {jobs}':44} {wall * 1000:8.0f} {cpu * 1000:8.0f}")
        lock_many(folder, 20 if chosen.quick else 200, environment)


if __name__ == "__main__":
    main()
