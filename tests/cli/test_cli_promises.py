"""Small promises of the command line that operators run into."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lego_compile.cli import FINDINGS, OK, USAGE
from tests.cli.conftest import ROOT, spec
from tests.command import Call


def codes(err: str) -> list[str]:
    """Codes of a concise report."""
    return [word.split("[")[1].rstrip("]") for word in err.split() if word.startswith(("error[", "warning["))]


def test_flags_may_come_before_the_command(lego: Call, work: Path) -> None:
    """``lego-compile --strict verify DIR`` is a command with a flag, not two specs."""
    assert lego("a.yaml")[0] == OK
    assert lego("--strict", "verify", "out/a")[0] == OK
    assert lego("-q", "--out", "verify", "a.yaml")[0] == OK
    assert (work / "verify" / "a").is_dir()


def test_strict_makes_errors_in_every_format(lego: Call, work: Path) -> None:
    """What fails a run is called an error, for machines too."""
    (work / "w.yaml").write_text(spec("w", more="storage: {home: {size: 1G}}\n"))
    _, out, _ = lego("--strict", "--output-format", "json", "w.yaml")

    assert {each["severity"] for each in json.loads(out)["findings"]} == {"error"}


def test_a_target_that_no_centre_has_is_wrong_usage(lego: Call, work: Path) -> None:
    """With ``--target``, centres without it are left alone; when all are, that is said."""
    code, _, err = lego("--target", "compose", "c.yaml")

    assert (USAGE, True) == (code, "no centre here has the target 'compose'" in err)
    assert not (work / "out").exists()
    assert lego("--target", "compose", "b.yaml", "c.yaml")[0] == OK
    assert sorted(path.name for path in (work / "out").iterdir()) == ["b"]


def test_one_spec_by_two_names_is_one_spec(lego: Call, work: Path) -> None:
    """The same file by a relative and an absolute name is compiled once."""
    code, out, _ = lego("a.yaml", str(work / "a.yaml"), "base/../a.yaml")

    assert (OK, True) == (code, "1 centre compiled" in out)


def test_a_link_in_a_path_is_followed_as_the_system_does(lego: Call, work: Path) -> None:
    """``..`` after a link to a folder leads to the parent of where the link points."""
    (work / "deep" / "er").mkdir(parents=True)
    (work / "deep" / "base").symlink_to(work / "base")
    (work / "deep" / "er" / "l.yaml").write_text(spec("l").replace("base/", "../base/"))
    (work / "linked").symlink_to(work / "deep" / "er")

    assert lego("--check", "linked/l.yaml")[0] == FINDINGS  # missing outputs; the documents were found
    assert "LC101" not in lego("--check", "--output-format", "concise", "linked/l.yaml")[2]


def test_a_damaged_manifest_is_named_by_every_command(lego: Call, work: Path) -> None:
    """SHA256SUMS is tracked, so it can be damaged; it is named, and no other file is blamed."""
    assert lego("a.yaml")[0] == OK
    (work / "out" / "a" / "SHA256SUMS").write_text("nonsense\n")
    (work / "out" / "a" / "composition.json").write_text("{}")
    for words in (("a.yaml",), ("--check", "a.yaml"), ("verify", "out/a")):
        code, _, err = lego("--output-format", "concise", *words)
        assert code != OK
        assert codes(err)[0] in ("LC705", "LC806")
        assert "SHA256SUMS' is damaged" in err


def test_a_merge_conflict_is_settled_by_compiling(lego: Call, work: Path) -> None:
    """After a merge in git, compiling again makes the outputs current."""
    assert lego("a.yaml")[0] == OK
    manifest = work / "out" / "a" / "SHA256SUMS"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text(
        "".join(
            [
                "<<<<<<< ours\n",
                lines[0],
                "=======\n",
                "0" * 64 + lines[0][64:],
                ">>>>>>> theirs\n",
                *lines[1:],
            ]
        )
    )

    assert lego("a.yaml")[0] == OK
    assert lego("--check", "a.yaml")[0] == OK


@pytest.mark.parametrize("value", ["[012]", "[*a]", "[!x {a: b}]", "{a: 1_0}"])
def test_a_doubtful_value_of_the_wrong_type_is_one_finding(value: str, lego: Call, work: Path) -> None:
    """Nobody relies on the type of a value that was misread: a finding, and never a traceback."""
    (work / "d.yaml").write_text(spec("d", more=f"profiles: {{main: {{bricks: {value}}}}}\n"))
    code, _, err = lego("--output-format", "concise", "d.yaml")

    assert (FINDINGS, False) == (code, "LC900" in err)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("resources: {memory: 8}", "such as 8G"),
        ('resources: {cpu: "4"}', "write 4, without quotes"),
        ("resources: {cpu: 500m}", "write 0.5, without quotes"),
        ('default: "yes"', "write `true`, without quotes"),
        ('bricks: "ocean, climate"', "write [ocean, climate], a list"),
        ("resources: {cpu: 3.99999}", "write 4"),
    ],
)
def test_help_can_be_typed(written: str, instead: str, lego: Call, work: Path) -> None:
    """What a message tells one to type is accepted, and not the next mistake."""
    (work / "h.yaml").write_text(spec("h", more=f"profiles:\n  main:\n    {written}\n"))

    assert instead in lego("h.yaml")[2]


@pytest.mark.parametrize("name", ["OAUTH_TOKEN_URL", "HF_TOKEN_PATH", "MAX_TOKENS"])
def test_a_name_about_secrets_may_hold_something_else(name: str, lego: Call, work: Path) -> None:
    """Addresses, paths and numbers are no secrets, whatever the variable is called."""
    (work / "s.yaml").write_text(spec("s", more=f"profiles: {{main: {{environment: {{{name}: x}}}}}}\n"))

    assert lego("--output-format", "concise", "s.yaml")[0] == OK


def test_an_image_needs_a_registry(lego: Call, work: Path) -> None:
    """Without a dot or a port in its first part, every engine would ask Docker Hub."""
    (work / "m.yaml").write_text(spec("m", more="mirrors: {registry.example.org: harbor}\n"))

    assert "LC204" in lego("--output-format", "concise", "m.yaml")[2]


def test_a_digest_stands_for_one_repository(lego: Call, work: Path) -> None:
    """A lock in which a brick has the digest of another is refused: the wrong bytes would be mounted."""
    lock = work / "base" / "lock.yaml"
    text = lock.read_text()
    digests = [line.split("digest: ")[1] for line in text.splitlines() if line.startswith("    digest: ")]
    lock.write_text(text.replace(digests[1], digests[0]))

    assert "LC304" in lego("--output-format", "concise", "a.yaml")[2]


@pytest.mark.parametrize("home", ["/usr", "/opt", "/opt/conda", "/opt/bricks"])
def test_a_home_hides_nothing(home: str, lego: Call, work: Path) -> None:
    """The home is mounted over the image: one that would hide conda, bricks or the system is refused."""
    catalog = work / "base" / "catalog.yaml"
    catalog.write_text(
        catalog.read_text().replace("    title: Lab\n", f"    title: Lab\n    home: {home}\n", 1)
    )

    assert "LC403" in lego("--output-format", "concise", "a.yaml")[2]


def test_versions_are_compared_as_numbers(lego: Call, work: Path) -> None:
    """2.34.0 is 2.34."""
    lock = work / "base" / "lock.yaml"
    lock.write_text(
        lock.read_text().replace("  ocean@2026.3:", '    facts: {glibc: "2.34.0"}\n  ocean@2026.3:', 1)
    )

    assert lego("a.yaml")[0] == OK
    lock.write_text(lock.read_text().replace("2.34.0", "2.34.1"))
    assert lego("a.yaml")[0] == FINDINGS


def test_schemas_that_cannot_be_written_are_no_bug(lego: Call, work: Path) -> None:
    """A file in the place of the folder is said in a line."""
    (work / "file").write_text("")
    code, _, err = lego("schema", "--out", "file")

    assert (USAGE, True) == (code, "cannot be written" in err)


@pytest.mark.parametrize("stream", [">&-", "2>&-", ">/dev/full"])
def test_closed_and_full_outputs_are_no_bug(stream: str, work: Path) -> None:
    """A caller that closes or fills our output gets an exit code, and no traceback."""
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m lego_compile a.yaml {stream}'],
        cwd=work,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
    )

    assert done.returncode in (OK, USAGE)
    assert b"Traceback" not in done.stderr
