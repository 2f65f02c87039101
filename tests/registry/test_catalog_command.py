"""``lego-compile catalog`` against a real registry: what is written, what is refused, what differs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from lego_compile.cataloguing.adding import _ORDER
from lego_compile.cli import main
from lego_compile.spec.catalog import Brick, System
from tests.images.contents import build
from tests.images.oci import image
from tests.images.registry import Registry, push
from tests.imaging.catalogs import small
from tests.registry.catalogs import LAB, OCEAN, TEXT, R, newer
from tests.registry.faults import Proxy, status

NUMBERS = count()
Call = Callable[..., tuple[int, str, str]]
Publish = Callable[..., None]


@pytest.fixture
def space(registry: Registry) -> str:
    """A part of the registry that no other test uses."""
    return f"catalog-{next(NUMBERS)}"


@pytest.fixture
def publish(registry: Registry, space: str) -> Publish:
    """Push the images of a catalog's entries."""

    def call(*, systems: dict[str, Any] | None = None, **bricks: Any) -> None:
        for (repository, tag), built in build({"systems": systems or {}, "bricks": bricks}).items():
            if "/lego/" in repository and repository.rpartition("/")[2] in {*bricks, *(systems or ())}:
                push(registry.host, f"{space}/{repository}", tag, built)

    call(systems={"lab": LAB}, ocean=OCEAN)
    return call


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the catalog of ``TEXT``."""
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "tests.yaml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    for name in ("LEGO_OUTPUT_FORMAT", "NO_COLOR", "FORCE_COLOR", "REGISTRY_AUTH_FILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def lego(
    registry: Registry, space: str, publish: Publish, folder: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Call]:
    """Run a command; registries are asked on this machine."""
    del publish

    def call(*words: str, asks: bool = True) -> tuple[int, str, str]:
        via = ["--via", f"registry.example.org={registry.host}/{space}/registry.example.org"]
        try:
            code = main([*words, *(via if asks else [])])
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_from_nothing_to_a_compile(lego: Call, folder: Path) -> None:
    """Two images make a catalog that the registries agree with, that can be locked, and that compiles."""
    code, out, err = lego(
        "catalog", "add", f"{R}/ocean:2026.10", f"{R}/lab:2026.10", "--catalog", "catalog/new.yaml"
    )

    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "+ system image lab 2026.10",
        "+ brick ocean 2026.10",
        "wrote catalog/new.yaml",
    ]
    code, out, err = lego("catalog", "check", "--catalog", "catalog/new.yaml")
    assert (code, err, out) == (0, "", "2 images compared, 0 differ\n")
    (folder / "a.yaml").write_text(
        "lego: 1\ncenter: a\ntitle: A\ncatalog: catalog/new.yaml\nsystem: lab\n"
        "profiles: {p: {title: P, default: true, bricks: [ocean], resources: {cpu: 1, memory: 1G}}}\n"
        "targets: {z2jh: {versions: {kubernetes: '1.35', containerd: '2.2', chart: '4.4.0'}, "
        "host: jupyter.example.org, authenticator: {type: dummy}}}\n"
    )
    code, _out, err = lego("lock", "a.yaml")
    assert (code, err) == (0, "")
    code, _out, err = lego("a.yaml", asks=False)
    assert code == 0, err
    assert (folder / "out" / "a" / "z2jh" / "values.yaml").exists()


def test_a_release_more(lego: Call, publish: Publish, folder: Path) -> None:
    """The only catalog is meant; one line is new, and titles stay; then the registries agree."""
    publish(ocean=newer())

    code, out, err = lego("catalog", "check")
    assert (code, err) == (0, "")
    assert out == "brick ocean: 2026.11 is published and not listed\n3 images compared, 0 differ\n"
    code, out, err = lego("catalog", "add", f"{R}/ocean:2026.11")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "+ brick ocean 2026.11",
        "centres that are locked take it with: lego-compile lock -P ocean SPEC...",
        "wrote catalog/tests.yaml",
    ]
    assert (folder / "catalog" / "tests.yaml").read_text() == f'{TEXT}      "2026.11": {{}}\n'
    assert lego("catalog", "check")[:2] == (0, "4 images compared, 0 differ\n")
    code, out, err = lego("catalog", "add", f"{R}/ocean:2026.11")
    assert (code, err) == (0, "")
    assert out == "= brick ocean 2026.11 is listed already\ncatalog/tests.yaml is as it was\n"


def test_facts_that_changed(lego: Call, publish: Publish, folder: Path) -> None:
    """A kernel that is called otherwise is told by ``check``, and corrected by ``add``."""
    text = TEXT.replace("Ocean (Python 3.12)", "Ocean (Python 3.11)").replace("2.28", "2.17")
    (folder / "catalog" / "tests.yaml").write_text(text.replace('      "2026.3": {}\n', ""))

    code, out, err = lego("catalog", "check", "--output-format", "concise")
    assert code == 1
    assert out == "2 images compared, 1 differ\n"
    assert err.count("catalog/tests.yaml:19:18: error[LC304]") == 2
    assert "kernel 'python3' of 'ocean' is 'Ocean (Python 3.12)' (python) in the image" in err
    assert "the image of 'ocean' needs glibc 2.28, and the catalog says 2.17" in err
    code, out, err = lego("catalog", "add", f"{R}/ocean:2026.10")
    assert (code, err) == (0, "")
    assert "~ brick ocean: kernels Ocean (Python 3.11) → Ocean (Python 3.12)" in out
    assert (folder / "catalog" / "tests.yaml").read_text() == TEXT.replace('      "2026.3": {}\n', "")


@pytest.mark.parametrize("model", [Brick, System])
def test_every_key_of_an_entry_has_its_place(model: type[Brick | System]) -> None:
    """That of the schema, which people see; a key without one could not be written."""
    assert [each for each in _ORDER if each in model.model_fields] == [*model.model_fields]


def test_the_first_release_of_what_a_pipeline_builds(lego: Call, folder: Path) -> None:
    """An entry with a ``build:`` section gets what it says nothing of yet, before that section."""
    needs = '    requires: {system: {glibc: "2.28"}}\n'
    build = "    shell: true\n    build: {packages: [python=3.12, ipykernel]}\n"
    text = TEXT.partition("    releases:\n      ")[0].replace(needs, build) + "    releases: {}\n"
    assert build in text
    (folder / "catalog" / "tests.yaml").write_text(text + yaml.safe_dump({"build": small()["build"]}))

    code, out, err = lego("catalog", "add", f"{R}/ocean:2026.10")
    assert (code, err) == (0, "")
    assert "+ brick ocean 2026.10" in out
    entry = yaml.safe_load((folder / "catalog" / "tests.yaml").read_text())["bricks"]["ocean"]
    assert entry["requires"] == {"system": {"glibc": "2.28"}}
    assert [*entry][-4:] == ["shell", "requires", "build", "releases"]


def test_what_is_not_there(lego: Call, folder: Path) -> None:
    """A release whose tag is missing, a platform that is not built, two releases that are one image."""
    text = TEXT.replace('"2026.3": {}', '"2026.2": {}').replace(
        "    requires:", "    platforms: [linux/arm64]\n    requires:"
    )
    (folder / "catalog" / "tests.yaml").write_text(f'{text}      "9": {{tag: "2026.10"}}\n')

    code, out, err = lego("catalog", "check", "--output-format", "concise")

    assert code == 1
    assert out == ("brick ocean: 9 is built for linux/amd64 too\n3 images compared, 1 differ, 1 not read\n")
    lines = err.splitlines()
    assert [line.partition("[")[2][:5] for line in lines if "[LC" in line] == ["LC323", "LC304", "LC304"]
    assert "brick 'ocean@2026.2'" in lines[0]
    assert "'ocean@2026.10' and 'ocean@9' are one image in the registry" in err
    assert "the image of 'ocean' is not built for linux/arm64, and the catalog says that it is" in err


def test_images_of_others_need_only_be_there(
    lego: Call, registry: Registry, space: str, folder: Path
) -> None:
    """They state nothing, so there is nothing to compare, and nothing to add."""
    push(registry.host, f"{space}/{R}/theirs", "1.0", image({"linux/amd64": {}}, {}, {}))
    text = TEXT + "\n" + TEXT[TEXT.index("  ocean:") :].replace("ocean", "theirs")
    text = text.replace("prefix: /opt/bricks/theirs\n", "prefix: /srv/conda\n", 1)
    at = text.index("  theirs:")
    text = text[:at] + text[at:].replace('      "2026.3": {}\n      "2026.10": {}\n', '      "1.0": {}\n')
    (folder / "catalog" / "tests.yaml").write_text(text)

    assert lego("catalog", "check") == (0, "4 images compared, 0 differ\n", "")
    code, out, err = lego("catalog", "add", f"{R}/theirs:1.0", f"{R}/ocean:2026.10")
    assert (code, out) == (1, "catalog/tests.yaml is as it was\n")
    assert "error[LC331]: the image registry.example.org/lego/theirs:1.0 has no label" in err
    assert (folder / "catalog" / "tests.yaml").read_text() == text


def test_an_image_of_the_other_kind(lego: Call, folder: Path) -> None:
    """A brick is no system image, wherever it is listed."""
    text = TEXT.replace(
        "  lab:\n    title: Lab\n    image: registry.example.org/lego/lab",
        "  lab:\n    title: Lab\n    image: registry.example.org/lego/ocean",
    )
    (folder / "catalog" / "tests.yaml").write_text(text)

    code, _out, err = lego("catalog", "check", "--output-format", "concise")

    assert code == 1
    assert "the image of 'lab@2026.10' has labels of another kind" in err


def test_all_or_nothing(lego: Call, publish: Publish, folder: Path) -> None:
    """One image that cannot be added, and no other one is."""
    publish(ocean=newer(prefix="/opt/sea"), sea={**newer(), "image": f"{R}/sea", "prefix": "/opt/bricks/sea"})

    code, out, err = lego("catalog", "add", f"{R}/sea:2026.11", f"{R}/ocean:2026.11", f"{R}/sea:3")

    assert (code, out) == (1, "catalog/tests.yaml is as it was\n")
    assert "states prefix '/opt/sea', and the catalog says '/opt/bricks/ocean'" in err
    assert "LC323" in err
    assert (folder / "catalog" / "tests.yaml").read_text() == TEXT
    assert [*os.listdir(folder / "catalog")] == ["tests.yaml"]


def test_labels_that_cannot_be_used(lego: Call, registry: Registry, space: str, folder: Path) -> None:
    """They are errors; a label that is passed over is a warning, and one with ``--strict``."""
    label = "org.gaia-data.lego.brick."
    good = {
        f"{label}name": "sea",
        f"{label}prefix": "/opt/bricks/sea",
        f"{label}kernels": '[{"dir":"python3","display_name":"Sea"}]',
    }
    for tag, more in (("1", {f"{label}requires": "[]"}), ("2", {f"{label}prefx": "/x"})):
        push(registry.host, f"{space}/{R}/sea", tag, image({"linux/amd64": {}}, {**good, **more}, {}))

    code, _out, err = lego("catalog", "add", f"{R}/sea:1")
    assert code == 1
    assert "LC326" in err
    code, _out, err = lego("catalog", "add", f"{R}/sea:2", "--strict")
    assert code == 1
    assert "error[LC327]" in err
    assert (folder / "catalog" / "tests.yaml").read_text() == TEXT
    code, _out, err = lego("catalog", "add", f"{R}/sea:2")
    assert code == 0
    assert "warning[LC327]" in err
    assert (folder / "catalog" / "tests.yaml").read_text().endswith('  sea:\n' + "\n".join(
        ["    title: sea", f"    image: {R}/sea", "    prefix: /opt/bricks/sea", "    kernels:",
         "      - {title: Sea}", "    releases:", '      "2": {}', ""]))  # fmt: skip


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (
            {"org.opencontainers.image.title": "ghp_" + 36 * "s"},
            "LC207]: brick 'sea': `title` holds what looks like",
        ),
        (
            {"org.opencontainers.image.description": "ftp://a:sssssss@b.example"},
            "LC207]: brick 'sea': `description`",
        ),
        ({"org.gaia-data.lego.brick.kernels": '[{"dir":"python3","display_name":"\\ud800"}]'}, "LC326"),
    ],
)
def test_what_no_command_would_read_is_not_written(
    more: dict[str, str], says: str, lego: Call, registry: Registry, space: str, folder: Path
) -> None:
    """A label in the shape of a secret is refused, and not shown; half a character as well."""
    good = {"name": "sea", "prefix": "/opt/bricks/sea", "kernels": '[{"dir":"python3","display_name":"Sea"}]'}
    stated = {f"org.gaia-data.lego.brick.{fact}": value for fact, value in good.items()}
    push(registry.host, f"{space}/{R}/sea", "1", image({"linux/amd64": {}}, {**stated, **more}, {}))

    code, out, err = lego("catalog", "add", f"{R}/sea:1")

    assert (code, out) == (1, "catalog/tests.yaml is as it was\n")
    assert says in err
    assert "sssssss" not in err
    assert (folder / "catalog" / "tests.yaml").read_text() == TEXT


def test_an_entry_that_locks_do_not_know_yet(lego: Call, publish: Publish, folder: Path) -> None:
    """Locks of releases that were there are out of date when their entry says something else; a mark stays."""
    publish(ocean=newer(kernels=[{"title": "Sea"}]))
    (folder / "catalog" / "tests.yaml").write_text(f"\ufeff{TEXT}")

    code, out, _err = lego("catalog", "add", f"{R}/ocean:2026.11")

    assert code == 0
    assert "with: lego-compile lock -P ocean SPEC..." in out
    assert "centres that use ocean have to be locked again: lego-compile lock SPEC..." in out
    assert (folder / "catalog" / "tests.yaml").read_bytes().startswith(b"\xef\xbb\xbflego: 1\n")
    (folder / "catalog" / "tests.yaml").write_text(TEXT.replace("2.28", "2.17"))
    assert "centres that use ocean have" in lego("catalog", "add", f"{R}/ocean:2026.10")[1]


def test_a_catalog_that_is_read_only(
    lego: Call, publish: Publish, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays as it is."""
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everything
    publish(ocean=newer())
    (folder / "catalog" / "tests.yaml").chmod(0o444)

    code, _out, err = lego("catalog", "add", f"{R}/ocean:2026.11")

    assert code == 2
    assert "LC805" in err
    assert (folder / "catalog" / "tests.yaml").read_text() == TEXT


def test_a_catalog_behind_a_link(lego: Call, publish: Publish, folder: Path) -> None:
    """The file is written, the link stays one."""
    publish(ocean=newer())
    (folder / "catalog" / "tests.yaml").rename(folder / "real.yaml")
    (folder / "real.yaml").chmod(0o640)
    (folder / "catalog" / "tests.yaml").symlink_to("../real.yaml")

    assert lego("catalog", "add", f"{R}/ocean:2026.11")[0] == 0
    assert (folder / "catalog" / "tests.yaml").is_symlink()
    assert "2026.11" in yaml.safe_load((folder / "real.yaml").read_text())["bricks"]["ocean"]["releases"]
    assert (folder / "real.yaml").stat().st_mode & 0o777 == 0o640


def test_a_catalog_with_mistakes_is_not_touched(lego: Call, folder: Path) -> None:
    """Its mistakes are told, and nobody is asked."""
    (folder / "catalog" / "tests.yaml").write_text(TEXT.replace("title: Lab", "titel: Lab"))

    for words in (["add", f"{R}/ocean:2026.10"], ["check"]):
        code, _out, err = lego("catalog", *words)
        assert code == 1
        assert "LC202" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["add"], "name an image to add, such as registry.example.org/lego/brick-ocean:2026.10"),
        (["check", "x"], "`catalog check` compares the whole catalog: leave out 'x'"),
        (["check", "--name", "x"], "`--name` is for `catalog add`: leave it out"),
        (["add", f"{R}/a:1", "--catalog", "a.json"], "a.json is JSON: write the catalog as YAML"),
        (["add", "ocean"], "'ocean' has no tag: name the release that is meant"),
        (["add", f"{R}/a:1", "--name", "A b"], "--name is 'A b'; expected lower-case letters and digits"),
        (["check", "--via", "mirror"], "a catalog has no mirrors: write `--via PREFIX=PREFIX`"),
        (["add", f"{R}/ocean:2026.10", "--catalog", "new.yaml"],
         "there is no catalog new.yaml; a new one needs a system image too: name both"),
    ],
)  # fmt: skip
def test_wrong_usage(lego: Call, words: list[str], message: str) -> None:
    """Exit code 2, and what to type instead."""
    code, out, err = lego("catalog", *words)

    assert (code, out) == (2, "")
    assert err.startswith(f"lego-compile: {message}")


def test_which_catalog_is_meant(lego: Call, folder: Path) -> None:
    """The only one; otherwise it has to be named."""
    (folder / "catalog" / "notes.txt").write_text("")
    (folder / "catalog" / "other.yml").write_text(TEXT)
    code, _out, err = lego("catalog", "check")
    assert code == 2
    assert "catalog/ has other.yml, tests.yaml: name one, such as `--catalog catalog/other.yml`" in err

    for name in ("other.yml", "tests.yaml"):
        (folder / "catalog" / name).unlink()
    code, _out, err = lego("catalog", "check")
    assert code == 2
    assert "there is no YAML file in catalog/: name the catalog with `--catalog FILE`" in err
    assert lego("catalog", "check", "--catalog", "no.yaml")[0] == 2


def test_registries_that_do_not_tell(lego: Call, space: str, proxy: Proxy) -> None:
    """Tags that a registry does not list are no finding; an image that it does not show is one."""
    proxy.fault("tags/list", status(403))
    via = f"registry.example.org={proxy.host}/{space}/registry.example.org"

    code, out, err = lego("catalog", "check", "--via", via, asks=False)
    assert (code, err) == (0, "")
    assert out == "3 images compared, 0 differ, the tags of 2 of 2 repositories not listed\n"

    proxy.fault("manifests/2026.3", status(403))
    code, out, err = lego("catalog", "check", "--via", via, asks=False)
    assert code == 1
    assert out == "2 images compared, 0 differ, 1 not read, the tags of 2 of 2 repositories not listed\n"
    assert "error[LC322]: brick 'ocean@2026.3'" in err
