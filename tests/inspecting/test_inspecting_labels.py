"""Labels: compared with the files, and written from them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from lego_compile.facts import read_facts
from lego_compile.inspecting import relabel as relabelling
from tests.command import run
from tests.images.oci import write_layout
from tests.images.registry import NoRegistry, Registry, push
from tests.inspecting.samples import BRICK_LABELS, brick, built, glibc, labels, system

FULL = {
    **BRICK_LABELS,
    "glibc": glibc(needed=True),
    "labextensions": json.dumps({"@jupyter-widgets/jupyterlab-manager": "5.0.16"}),
}


def said(
    tmp_path: Path, facts: dict[str, str], capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[int, list[tuple[str, str]], dict[str, Any]]:
    """Exit code, findings (code and message), and the document, of a brick with labels."""
    if not (tmp_path / "oci-layout").exists():
        write_layout(tmp_path, {("r", "1"): built(brick(), labels("brick", facts))})
    code, out, _ = run(["inspect", "--output-format", "json", *more, f"oci:{tmp_path}:r:1"], capsys)
    document = json.loads(out)
    return code, [(each["code"], each["message"]) for each in document["findings"]], document


def test_labels_that_agree_are_silent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A brick whose labels state all that its files do has no finding, and its facts are printed for programs."""
    code, findings, document = said(tmp_path, FULL, capsys)

    assert (code, findings) == (0, [])
    assert document["version"] == 1
    mine = read_facts("bricks", ("labels", labels("brick", FULL)))
    assert read_facts("bricks", ("labels", document["images"][0]["labels"])) == mine


@pytest.mark.parametrize(
    ("fact", "value", "words"),
    [
        ("name", "hydro", "'ocean'"),
        ("prefix", "/opt/bricks/sea", "'/opt/bricks/ocean'"),
        ("subpath", "/env", "'/'"),
        ("glibc", "2.5", f"'{glibc(needed=True)}'"),
        ("kernels", '[{"dir":"r","display_name":"R","language":"R"}]', "r 'R' (R)"),
        ("labextensions", '{"@jupyter-widgets/jupyterlab-manager":"3.1"}', "'5.0.16'"),
        ("labextensions", '{"other":"1.0"}', "no such thing"),
        ("shell", "/bin/sh", "have none"),
    ],
)
def test_a_label_that_is_wrong_is_an_error(
    fact: str, value: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every fact is compared, and both values are shown."""
    code, findings, _ = said(tmp_path, {**FULL, fact: value}, capsys)

    assert code == 1
    assert [each for each, _ in findings] == ["LC669"]
    assert f"its labels say {fact}" in findings[0][1]
    assert words in findings[0][1]


@pytest.mark.parametrize("fact", ["spec", "name", "prefix", "subpath", "kernels", "glibc", "labextensions"])
def test_a_label_that_is_missing_is_a_warning(
    fact: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the files state and no label does is told, with the label to add."""
    facts = {key: value for key, value in FULL.items() if key != fact}
    code, findings, document = said(tmp_path, facts, capsys)

    assert (code, [each for each, _ in findings]) == (0, ["LC670"])
    assert f"org.gaia-data.lego.brick.{fact}=" in document["findings"][0]["help"]


@pytest.mark.parametrize(
    ("change", "code"),
    [({"kernels": "{"}, "LC326"), ({"prefx": "/x"}, "LC327"), ({"spec": "9"}, "LC326")],
)
def test_labels_that_cannot_be_read_are_told(
    change: dict[str, str], code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same faults that `lock` finds."""
    _, findings, _ = said(tmp_path, {**FULL, **change}, capsys)

    assert [each for each, _ in findings] == [code]


def blobs(root: Path) -> dict[str, bytes]:
    """Every file of a layout."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def configurations(root: Path) -> list[dict[str, Any]]:
    """The configurations of every image of a layout."""
    found = []
    for data in blobs(root).values():
        document = json.loads(data) if data.startswith(b"{") else {}
        if "rootfs" in document:
            found.append(document)
    return found


def test_labels_are_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--label` writes what files state, keeps the rest, leaves no old blob, and finds nothing to do again."""
    facts = {"name": "ocean", "prefix": "/opt/bricks/ocean", "glibc": "2.1"}
    more = {**labels("brick", facts), "org.opencontainers.image.title": "Ocean"}
    made = built(brick(), more, settings={"Env": ["A=b"]})
    write_layout(tmp_path, {("r", "1"): made})
    code, _, _ = run(["inspect", "--label", f"oci:{tmp_path}:r:1"], capsys)
    after = blobs(tmp_path)

    assert code == 0
    (configuration,) = configurations(tmp_path)
    written = configuration["config"]["Labels"]
    assert configuration["config"]["Env"] == ["A=b"]
    assert written["org.opencontainers.image.title"] == "Ocean"
    read = read_facts("bricks", ("labels", written))
    assert read.faults == ()
    assert read.stated["glibc"] == glibc(needed=True)
    assert read.stated["kernels"] == {"python3": {"language": "python", "title": "Ocean (Python 3.12)"}}
    for path, data in after.items():
        if path.startswith("blobs"):
            assert path.rpartition("/")[2] == hashlib.sha256(data).hexdigest()
    assert sum(path.startswith("blobs") for path in after) == 4  # index, manifest, configuration, layer

    code, out, _ = run(["inspect", "--label", f"oci:{tmp_path}:r:1"], capsys)

    assert (code, blobs(tmp_path)) == (0, after)
    assert "is as it was" in out
    assert said(tmp_path, {}, capsys)[:2] == (0, [])


@pytest.mark.parametrize("fact", ["name", "prefix", "subpath"])
def test_a_label_of_the_catalog_is_never_corrected(
    fact: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the catalog knows and files contradict is an error, and nothing is written."""
    facts = {**FULL, fact: "/sea" if fact != "name" else "sea"}
    write_layout(tmp_path, {("r", "1"): built(brick(), labels("brick", facts))})
    before = blobs(tmp_path)
    code, _, err = run(["inspect", "--label", f"oci:{tmp_path}:r:1"], capsys)

    assert (code, "LC669" in err, blobs(tmp_path)) == (1, True, before)


def test_a_damaged_brick_gets_no_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labels are written for what works."""
    files = {key: value for key, value in brick().items() if key != "conda-meta/history"}
    write_layout(tmp_path, {("r", "1"): built(files, labels("brick", FULL))})
    before = blobs(tmp_path)
    code, _, _ = run(["inspect", "--label", f"oci:{tmp_path}"], capsys)

    assert (code, blobs(tmp_path)) == (1, before)


def test_an_image_that_is_not_all_there_keeps_its_blobs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Labels are written beside an image whose parts were not copied; what it may refer to stays."""
    write_layout(tmp_path, {("r", "1"): built(brick(), labels("brick", BRICK_LABELS))})
    index = json.loads((tmp_path / "index.json").read_text())
    other = {"org.opencontainers.image.ref.name": "other"}
    index["manifests"].append({**index["manifests"][0], "digest": "sha256:" + "0" * 64, "annotations": other})
    (tmp_path / "index.json").write_text(json.dumps(index))
    before = blobs(tmp_path)
    code, out, err = run(["inspect", "--label", f"oci:{tmp_path}:r:1"], capsys)

    assert (code, err) == (0, "")
    assert "labels of 1 image written" in out
    assert before.keys() < blobs(tmp_path).keys()


def test_half_a_character_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    r"""A configuration may say "\ud800", which is no text that UTF-8 has."""
    monkeypatch.setattr("tests.images.oci._json", lambda value: json.dumps(value).encode())
    made = built(brick(), labels("brick", BRICK_LABELS), settings={"Cmd": ["\ud800"]})
    write_layout(tmp_path, {("r", "1"): made})
    code, _, err = run(["inspect", "--label", f"oci:{tmp_path}"], capsys)

    assert (code, err) == (0, "")
    assert configurations(tmp_path)[0]["config"]["Cmd"] == ["\ud800"]


def test_an_interruption_leaves_a_whole_layout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C right after `index.json` was replaced takes no blob away that it refers to."""
    write_layout(tmp_path, {("r", "1"): built(brick(), labels("brick", BRICK_LABELS))})
    put = relabelling._put

    def interrupted(path: str, data: bytes) -> None:
        put(path, data)
        if path.endswith("index.json"):
            raise KeyboardInterrupt

    monkeypatch.setattr(relabelling, "_put", interrupted)
    code, _, _ = run(["inspect", "--label", f"oci:{tmp_path}"], capsys)
    assert code not in (0, 1, 2)

    assert run(["inspect", f"oci:{tmp_path}"], capsys)[0] == 0


def test_attestations_are_not_made_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An attestation is about a digest: labels that change it are not written."""
    write_layout(tmp_path, {("r", "1"): built(brick(), labels("brick", BRICK_LABELS), attested=True)})
    before = blobs(tmp_path)
    code, _, err = run(["inspect", "--label", f"oci:{tmp_path}"], capsys)

    assert (code, "--provenance=false" in err, blobs(tmp_path)) == (2, True, before)


@pytest.mark.parametrize("docker", [False, True])
@pytest.mark.parametrize("index", [False, True])
def test_a_system_image_is_labelled(
    docker: bool, index: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its packages and its C library are written; each form of manifest is understood."""
    facts = {"name": "lab", "home": "/home/jovyan", "user": "1000:100", "conda": "/opt/conda"}
    made = built(system(), labels("system", facts), settings={"User": "1000:100"}, docker=docker, index=index)
    write_layout(tmp_path, {("r", "1"): made})
    code, _, err = run(["inspect", "--label", f"oci:{tmp_path}"], capsys)
    (configuration,) = configurations(tmp_path)
    read = read_facts("systems", ("labels", configuration["config"]["Labels"]))

    assert (code, err, read.faults) == (0, "", ())
    assert read.stated["provides"]["jupyterlab"] == "4.6.6"
    assert read.stated["labextensions"] == {"@jupyter-widgets/jupyterlab-manager": "5.0.16"}
    assert run(["inspect", "--strict", f"oci:{tmp_path}"], capsys)[0] == 0


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("home", "/home/ada"), ("user", "1:1"), ("conda", "/opt/other"), ("glibc", "2.1"),
        ("provides", '{"jupyterlab":"3.0"}'), ("provides", '{"octave":"9"}'),
    ],
)  # fmt: skip
def test_a_label_of_a_system_that_is_wrong_is_an_error(
    fact: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every fact of a system image is compared."""
    made = built(system(), labels("system", {fact: value}), settings={"User": "1000:100"})
    write_layout(tmp_path, {("r", "1"): made})
    code, out, _ = run(["inspect", "--output-format", "json", f"oci:{tmp_path}"], capsys)
    found = [each["message"] for each in json.loads(out)["findings"] if each["code"] == "LC669"]

    assert code == 1
    assert len(found) == 1
    assert found[0].startswith(f"its labels say {fact}")


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_a_registry_is_read_layer_by_layer(
    compression: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image of a real registry gives what the layout of it gives, in pieces that are small."""
    from lego_compile.registry import client

    monkeypatch.setattr(client, "PIECE", 10_000)
    monkeypatch.setattr(client, "LARGEST_WHOLE", 0)
    made = built(brick(), labels("brick", FULL), compression=compression)
    write_layout(tmp_path, {("r", "1"): made})
    try:
        with Registry() as registry:
            push(registry.host, "lego/ocean", "1", made)
            here = f"{registry.host}/lego/ocean"
            code, out, err = run(["inspect", "--output-format", "json", f"{here}:1"], capsys)
            assert (code, err) == (0, "")
            pinned = run(["inspect", "-q", f"{here}@{made.index_digest}"], capsys)
            assert pinned[0] == 0
            gone = run(["inspect", f"{here}:2"], capsys)
            assert (gone[0], "LC323" in gone[2]) == (2, True)
    except NoRegistry as missing:
        pytest.skip(str(missing))
    there = json.loads(out)["images"]
    local = said(tmp_path, {}, capsys)[2]["images"]
    assert [each["facts"] for each in there] == [each["facts"] for each in local]


def test_wrong_usage_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What names nothing that can be inspected is no traceback."""
    (tmp_path / "file").write_text("")
    for words, said_ in (
        (["inspect", "oci:/nowhere:x"], "there is no folder"),
        (["inspect", "nowhere"], "names no image"),
        (["inspect", str(tmp_path / "file")], "is a file"),
        (["inspect", "--label", str(tmp_path)], "--label writes into an OCI layout"),
        (["inspect", "--prefix", "x", str(tmp_path)], "--prefix is 'x'"),
        (["inspect", "--name", "X!", str(tmp_path)], "--name is 'X!'"),
        (["inspect"], "required"),
    ):
        code, _, err = run(words, capsys)
        assert (code, said_ in err) == (2, True), err
