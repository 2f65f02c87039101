"""``lego-compile verify``: what somebody did to the files of an output folder is named, with its place."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lego_compile.cli import main
from lego_compile.emit.yaml import dump

ROOT = Path(__file__).parent.parent
OTHER = "sha256:" + "0" * 64

Edit = Callable[[Any], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of Grenoble's outputs, which have all three targets."""
    return Path(shutil.copytree(ROOT / "out" / "grenoble", tmp_path / "grenoble"))


def edit_yaml(path: Path, edit: Edit) -> None:
    """Change a YAML artifact as a person would: read, change, write."""
    data = yaml.safe_load(path.read_text())
    edit(data)
    path.write_text(dump(data))


def edit_json(path: Path, edit: Edit) -> None:
    """Change a JSON artifact as a person would."""
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data, indent=2))


def override(values: Any) -> Any:
    """The first profile's override of the values."""
    return values["singleuser"]["profileList"][0]["kubespawner_override"]


def service(name: str) -> Callable[[Any], Any]:
    """A service of the Compose file."""
    return lambda compose: compose["services"][name]


def first_brick(data: Any) -> Any:
    """The first brick of the first profile, in a target's composition.json."""
    return data["profiles"][0]["bricks"][0]


Z2JH: dict[str, tuple[Edit, str]] = {
    "dropped mount": (lambda v: override(v)["volume_mounts"].pop("brick-ocean"), "ocean"),
    "dropped volume": (lambda v: override(v)["volumes"].pop("brick-ocean"), "ocean"),
    "changed digest": (
        lambda v: override(v)["volumes"]["brick-ocean"]["image"].update(
            reference=f"harbor.grenoble.example.org/gaia/lego/brick-ocean:2026.10@{OTHER}"
        ),
        "0000000",
    ),
    "tag without digest": (
        lambda v: override(v)["volumes"]["brick-ocean"]["image"].update(
            reference="harbor.grenoble.example.org/x:1"
        ),
        "x:1",
    ),
    "swapped path": (
        lambda v: override(v)["volume_mounts"]["brick-ocean"].update(mountPath="/opt/bricks/other"),
        "/opt/bricks/other",
    ),
    "writable mount": (
        lambda v: override(v)["volume_mounts"]["brick-ocean"].update(readOnly=False),
        "readOnly",
    ),
    "list that loses the home": (
        lambda v: override(v).update(volumes=list(override(v)["volumes"].values())),
        "home",
    ),
    "added volume": (
        lambda v: override(v)["volumes"].update(host={"name": "host", "hostPath": {"path": "/"}}),
        "host",
    ),
    "lost home": (lambda v: v["singleuser"]["storage"].update(type="none"), "storage"),
    "moved home": (lambda v: v["singleuser"]["storage"].update(homeMountPath="/home/other"), "/home/other"),
    "other command": (lambda v: v["singleuser"].update(cmd=["sleep", "1d"]), "command"),
    "weaker guard": (
        lambda v: v["singleuser"]["lifecycleHooks"]["postStart"]["exec"].update(command=["/bin/true"]),
        "guard",
    ),
    "no guard": (lambda v: v["singleuser"].pop("lifecycleHooks"), "guard"),
    "unknown memory unit": (lambda v: override(v).update(mem_limit="8Gi"), "8Gi"),
    "more memory": (lambda v: override(v).update(mem_limit="9G"), "memory"),
    "privilege": (
        lambda v: v["hub"]["config"]["KubeSpawner"]["container_security_context"].update(privileged=True),
        "privileged",
    ),
    "open to all": (lambda v: v["custom"]["lego"]["profileGroups"].pop("field"), "groups"),
    "other host": (lambda v: v["ingress"].update(hosts=["evil.example.org"]), "host"),
    "python": (lambda v: v["hub"]["extraConfig"].update(mine="c.JupyterHub.admin_access = True"), "mine"),
}
COMPOSE: dict[str, tuple[Edit, str]] = {
    "unpulled brick": (lambda c: c["services"].pop(next(s for s in c["services"] if "ocean" in s)), "ocean"),
    "hub with the socket": (
        lambda c: service("hub")(c)["volumes"].append(
            {"type": "bind", "source": "/var/run/docker.sock", "target": "/var/run/docker.sock"}
        ),
        "docker.sock",
    ),
    "changed hash": (
        lambda c: service("hub")(c)["labels"].update({"org.lego.config-sha256": "0" * 64}),
        "sha256",
    ),
    "open network": (lambda c: c["networks"]["control"].update(internal=False), "internal"),
}
DATA: dict[str, tuple[Edit, str]] = {
    "dropped brick": (lambda d: d["profiles"][0]["bricks"].pop(0), "climate"),
    "changed digest": (
        lambda d: first_brick(d).update(image=first_brick(d)["image"].rpartition("@")[0] + "@" + OTHER),
        "0000000",
    ),
    "swapped path": (lambda d: first_brick(d).update(prefix="/opt/bricks/other"), "/opt/bricks/other"),
    "subpath": (lambda d: first_brick(d).update(subpath="/x"), "subpath"),
    "writable data": (lambda d: d["profiles"][0]["data"][1].update(writable=True), "writable"),
    "another dataset": (lambda d: d["profiles"][0]["data"][1].update(source="/other"), "/other"),
    "added data": (
        lambda d: d["profiles"][0]["data"].append(
            {"name": "root", "source": "/", "path": "/host", "writable": True}
        ),
        "root",
    ),
    "open to all": (lambda d: d["profiles"][2].update(groups=[]), "groups"),
    "two defaults": (lambda d: d["profiles"][1].update(default=True), "default"),
    "environment": (
        lambda d: d["profiles"][0]["environment"].update(PYTHONNOUSERSITE="0"),
        "PYTHONNOUSERSITE",
    ),
    "command": (lambda d: d["profiles"][0]["command"].append("--debug"), "command"),
    "unknown key": (lambda d: d.update(surprise=1), "surprise"),
}
FILES: dict[str, tuple[str, Edit]] = {
    "compose/jupyterhub_config.py": ("one line more", lambda path: path.write_text(path.read_text() + "\n")),
    "apptainer/bin/lego-launch": ("guard taken out", lambda path: path.write_text('#!/bin/sh\nexec "$@"\n')),
    "apptainer/jupyterhub/jupyterhub_config.py": ("gone", lambda path: path.unlink()),
    "z2jh/values.yaml": ("no YAML", lambda path: path.write_text("a: [")),
    "compose/compose.yaml": ("nested too deeply", lambda path: path.write_text("a: " + "[" * 100_000)),
    "compose/composition.json": ("binary", lambda path: path.write_bytes(b"\xff\xfe\0")),
}


def findings(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What ``verify`` reports, as its JSON says it; it has to report something."""
    assert main(["verify", "--output-format", "json", str(folder)]) == 1
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["findings"]
    return found


def assert_named(found: list[dict[str, Any]], file: str, words: str) -> None:
    """A finding points into the file and says the words."""
    here = [each for each in found if str(each["file"]).endswith(file)]

    assert here, found
    assert any(words in each["message"] for each in here), [each["message"] for each in here]


def test_untouched_outputs_are_proven(capsys: pytest.CaptureFixture[str]) -> None:
    """Every committed output folder verifies from its files alone."""
    assert main(["verify", *map(str, sorted((ROOT / "out").iterdir()))]) == 0
    assert capsys.readouterr().err == ""


def test_a_comment_changes_no_meaning(folder: Path) -> None:
    """Meaning is compared, not bytes: a comment in a YAML artifact is no finding."""
    path = folder / "z2jh" / "values.yaml"
    path.write_text("# looked at by ada\n" + path.read_text())

    assert main(["verify", "-q", str(folder)]) == 0


@pytest.mark.parametrize("name", Z2JH)
def test_damaged_values_are_caught(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A change that the chart or KubeSpawner would obey is named in words, at its line of the values."""
    edit, words = Z2JH[name]
    edit_yaml(folder / "z2jh" / "values.yaml", edit)

    assert_named(findings(folder, capsys), "z2jh/values.yaml", words)


@pytest.mark.parametrize("name", COMPOSE)
def test_a_damaged_compose_file_is_caught(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A change that Compose would obey is named."""
    edit, words = COMPOSE[name]
    edit_yaml(folder / "compose" / "compose.yaml", edit)

    assert_named(findings(folder, capsys), "compose/compose.yaml", words)


@pytest.mark.parametrize("target", ["compose", "apptainer"])
@pytest.mark.parametrize("name", DATA)
def test_damaged_data_is_caught(
    name: str, target: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A change that the hub's configuration or the launcher would obey is named."""
    edit, words = DATA[name]
    edit_json(folder / target / "composition.json", edit)

    assert_named(findings(folder, capsys), f"{target}/composition.json", words)


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_file_is_caught(file: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fixed files are compared by content; a file that cannot be read is a finding, whatever its bytes."""
    _, edit = FILES[file]
    edit(folder / file)

    assert_named(findings(folder, capsys), file, "")


STRANGERS = {
    "compose/compose.override.yaml": b"services: {hub: {privileged: true}}",
    "compose/docker-compose.yml": b"services: {}",
    "compose/.env": b"CONFIGPROXY_AUTH_TOKEN=x\nCOMPOSE_FILE=other.yaml\n",
    "apptainer/bin/python3": b"#!/bin/sh\n",
    "apptainer/jupyter/jupyter_server_config.py": b"",
    "apptainer/jupyter/jupyter_server_config.d/more.json": b"{}",
    "apptainer/jupyterhub/json.py": b"",
    "apptainer/jupyterhub/__pycache__/choice.cpython-311.pyc": b"",
    "apptainer/jupyterhub/jupyterhub_config.d/more/site.py": b"",
    "apptainer/kernels/ocean/kernels/other/kernel.json": b"{}",
    "apptainer/modulefiles/lego/.version": b"",
    "apptainer/modulefiles/other/1.lua": b"",
}


@pytest.mark.parametrize("file", STRANGERS)
def test_a_file_of_somebody_else_that_the_platform_obeys_is_named(
    file: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Compose merges an override unasked: what it says is not proven, so it is a finding."""
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(STRANGERS[file])

    assert [each["code"] for each in findings(folder, capsys)] == ["LC702"]


@pytest.mark.parametrize("kind", ["link to a folder", "link to nothing", "pipe"])
def test_what_is_no_file_is_named_too(
    kind: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program follows it all the same; it is seen, and not followed here."""
    place = folder / "apptainer/bin/more"
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(tmp_path if kind == "link to a folder" else tmp_path / "nothing")
    assert [each["code"] for each in findings(folder, capsys)] == ["LC702"]


def test_a_file_that_the_site_is_asked_to_write_is_a_warning(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who may log in to a hub on a cluster is there; it is obeyed, and not proven."""
    place = folder / "apptainer/jupyterhub/jupyterhub_config.d/site.py"
    place.parent.mkdir()
    place.write_text("c.Authenticator.allow_all = True\n")
    assert main(["verify", "--output-format", "json", str(folder)]) == 0
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert (found["code"], found["severity"]) == ("LC710", "warning")
    assert main(["verify", "--strict", "-q", str(folder)]) == 1


def test_a_store_beside_ours_is_no_finding(folder: Path) -> None:
    """Where the folder is installed, images may be in it."""
    (folder / "apptainer/store").mkdir()
    (folder / "apptainer/store/resolved.json").write_text("{}")
    assert main(["verify", "-q", str(folder)]) == 0


def test_files_that_the_operator_needs_are_no_finding(folder: Path) -> None:
    """The token in .env, the secrets beside compose.yaml and notes are the operator's own."""
    (folder / "compose" / ".env").write_text("CONFIGPROXY_AUTH_TOKEN=x\nOAUTH_CLIENT_ID=y\n")
    (folder / "compose" / "secrets").mkdir()
    (folder / "compose" / "secrets" / "oauth_client_secret").write_text("z")
    (folder / "z2jh" / "NOTES").write_text("upgrade on Monday")

    assert main(["verify", "-q", str(folder)]) == 0


@pytest.mark.parametrize(
    ("file", "mode"),
    [
        ("apptainer/bin/lego-launch", 0o644),
        ("apptainer/bin/lego-launch", 0o4755),
        ("apptainer/composition.json", 0o666),
        ("compose/composition.json", 0o600),
    ],
)
def test_a_file_that_others_cannot_use_is_named(
    file: str, mode: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A launcher that cannot be run and data that the hub cannot read fail every start."""
    (folder / file).chmod(mode)

    assert_named(findings(folder, capsys), file, f"{mode:04o}")


def test_what_went_in_cannot_be_forged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An edited composition.json proves nothing, even when the targets were edited to agree with it."""
    path = folder / "composition.json"
    path.write_text(path.read_text().replace('"Oceanography"', '"Oceans"'))
    for name in ("z2jh/values.yaml", "compose/composition.json", "apptainer/composition.json"):
        other = folder / name
        other.write_text(other.read_text().replace("Oceanography", "Oceans"))

    assert [
        each["code"]
        for each in findings(folder, capsys)
        if each["file"].endswith("grenoble/composition.json")
    ] == ["LC704"]


def test_the_finding_points_at_the_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The place is a line of the artifact, and the words are the fact: brick, path, and what it should be."""
    path = folder / "z2jh" / "values.yaml"
    text = path.read_text().replace("mountPath: /opt/bricks/glacio", "mountPath: /opt/bricks/galcio")
    path.write_text(text)
    line = 1 + text[: text.index("/opt/bricks/galcio")].count("\n")

    found = findings(folder, capsys)

    assert any(
        "'glacio'" in each["message"]
        and "/opt/bricks/galcio" in each["message"]
        and abs(each["line"] - line) < 20
        for each in found
    ), found


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_a_folder_that_is_not_ours_is_no_proof(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing folder, or one without SHA256SUMS, is wrong usage: exit code 2 and a finding, not silence."""
    (tmp_path / "empty").mkdir()

    assert main(["verify", str(tmp_path / place)]) == 2
    assert "LC703" in capsys.readouterr().err
