"""The formats for programs: each is read back, and says the same as the findings, whatever they hold."""

from __future__ import annotations

import json
import re
import string
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lego_compile import __version__
from lego_compile.diagnostic.codes import CATALOGUE
from lego_compile.diagnostic.render import FORMATS, render
from lego_compile.diagnostic.render.text import visible
from lego_compile.diagnostic.view import Finding, Place, Related

NESTED = Finding(
    "centers/grenoble.yaml",
    6,
    19,
    6,
    21,
    ((5, "    title: Océan"), (6, "    bricks: [geo, ml]"), (7, "")),
    code="LC402",
    severity="error",
    title="nested mounts",
    message="'ml' lies inside 'geo'",
    note="the inner one",
    help="build it for another prefix:\n  prefix: /opt/bricks/ml",
    related=(Related("catalog.yaml", 3, 13, 3, 28, ((3, "    prefix: /opt/bricks/geo"),), message="outer"),),
)
GATED = Finding(
    "centers/grenoble.yaml",
    9,
    code="LC503",
    severity="warning",
    title="feature behind a gate",
    message="gated",
)
MISSING = Finding(
    "out/a:b, 100%.yaml", code="LC703", severity="error", title="missing artifact", message="not there"
)
BUG = Finding("", code="LC900", severity="error", title="internal error", message="impossible")
ALL = [NESTED, GATED, MISSING, BUG]

EVIL = "a\r\nb\x00\x1b[2J\x7f\x85\u2028\u202e\ufffe\udc80]]>&<\"'%0A::{0}[x](1)\\,:"
"""What no format may be impressed by."""

texts = st.text(
    st.sampled_from(sorted({*EVIL, *string.ascii_lowercase, "/", "é", "海", "\U0001f30a", "\U000e0001"}))
)
spots = st.one_of(
    st.tuples(texts),
    st.tuples(texts, st.integers(1, 99)),
    st.tuples(texts, st.integers(1, 9), st.integers(1, 99), st.integers(10, 19), st.integers(1, 99)),
)
excerpts = st.lists(st.tuples(st.integers(1, 9), texts), max_size=2).map(tuple)


def _place(spot: tuple[Any, ...], excerpt: Any) -> dict[str, Any]:
    names = ("file", "line", "column", "end_line", "end_column")
    return {**dict(zip(names, spot, strict=False)), "excerpt": excerpt}


related = st.builds(
    lambda spot, rows, message: Related(**_place(spot, rows), message=message), spots, excerpts, texts
)
findings = st.builds(
    lambda spot, rows, code, message, note, help, more: Finding(
        **_place(spot, rows),
        code=code,
        severity=CATALOGUE[code].severity,
        title=CATALOGUE[code].title,
        message=message,
        note=note,
        help=help,
        related=more,
    ),
    spots,
    excerpts,
    st.sampled_from(sorted(CATALOGUE)),
    texts,
    texts,
    st.none() | texts,
    st.lists(related, max_size=2).map(tuple),
)
evil = Finding(
    EVIL,
    1,
    1,
    1,
    2,
    ((1, EVIL),),
    code="LC402",
    severity="error",
    title="nested mounts",
    message=EVIL,
    note=EVIL,
    help=EVIL,
    related=(Related(EVIL, 1, message=EVIL),),
)
any_findings = st.lists(findings, max_size=3)


# ── all of them ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", FORMATS)
@given(found=any_findings)
@example(found=[evil])
def test_every_format_can_be_written_and_is_harmless(name: str, found: list[Finding]) -> None:
    """Whatever the findings hold: UTF-8, no control characters, and a newline at the end."""
    drawn = render(name, found)
    drawn.encode("utf-8")
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", drawn) == []
    assert drawn == "" or drawn.endswith("\n")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_deterministic(name: str) -> None:
    """The same findings give the same bytes, and width and colour do not change a format for programs."""
    assert render(name, ALL) == render(name, list(ALL))
    if name not in ("full", "concise"):
        assert render(name, ALL, color=True, width=20) == render(name, ALL)


def test_an_unknown_format_is_refused() -> None:
    """Only the formats listed exist."""
    with pytest.raises(KeyError):
        render("yaml", [])


# ── concise ──────────────────────────────────────────────────────────────────────────────────────


def test_concise_is_one_line_each() -> None:
    """Place, severity, code, message and help in one line; what is not known is left out."""
    assert render("concise", ALL) == (
        "centers/grenoble.yaml:6:19: error[LC402] 'ml' lies inside 'geo' "
        "(help: build it for another prefix: prefix: /opt/bricks/ml)\n"
        "centers/grenoble.yaml:9: warning[LC503] gated\n"
        "out/a:b, 100%.yaml: error[LC703] not there\n"
        "error[LC900] impossible\n"
    )
    assert render("concise", []) == ""


def test_concise_in_colour() -> None:
    """Only the severity is coloured: red for errors, yellow for warnings."""
    assert render("concise", [BUG, GATED], color=True) == (
        "\x1b[1;31merror[LC900]\x1b[0m impossible\n"
        "centers/grenoble.yaml:9: \x1b[1;33mwarning[LC503]\x1b[0m gated\n"
    )


@given(any_findings)
def test_concise_has_as_many_lines_as_findings(found: list[Finding]) -> None:
    """No text can begin a line of its own."""
    assert len(render("concise", found).splitlines()) == len(found)


# ── json ─────────────────────────────────────────────────────────────────────────────────────────


def test_json_has_every_field() -> None:
    """The document has a version, and a finding has the fields of the view by name."""
    document = json.loads(render("json", [NESTED]))
    assert document == {
        "version": 1,
        "findings": [
            {
                "code": "LC402",
                "severity": "error",
                "title": "nested mounts",
                "message": "'ml' lies inside 'geo'",
                "note": "the inner one",
                "help": "build it for another prefix:\n  prefix: /opt/bricks/ml",
                "file": "centers/grenoble.yaml",
                "line": 6,
                "column": 19,
                "end_line": 6,
                "end_column": 21,
                "excerpt": [[5, "    title: Océan"], [6, "    bricks: [geo, ml]"], [7, ""]],
                "related": [
                    {
                        "message": "outer",
                        "file": "catalog.yaml",
                        "line": 3,
                        "column": 13,
                        "end_line": 3,
                        "end_column": 28,
                        "excerpt": [[3, "    prefix: /opt/bricks/geo"]],
                    }
                ],
            }
        ],
    }
    assert {*document["findings"][0]} == {*Place.__slots__, *Finding.__slots__}


@given(any_findings)
@example([evil])
def test_json_reads_back(found: list[Finding]) -> None:
    """Texts come back as they were, except for lone surrogates, which UTF-8 cannot hold."""
    document = json.loads(render("json", found).encode("utf-8"))
    surrogates = re.compile("[\ud800-\udfff]")
    assert [entry["message"] for entry in document["findings"]] == [
        surrogates.sub("\ufffd", finding.message) for finding in found
    ]
    assert [entry["file"] for entry in document["findings"]] == [
        surrogates.sub("\ufffd", finding.file) for finding in found
    ]


def test_json_without_findings_is_a_document() -> None:
    """A program gets a document to read when nothing was found."""
    assert json.loads(render("json", [])) == {"version": 1, "findings": []}


# ── github ───────────────────────────────────────────────────────────────────────────────────────


def test_github_commands() -> None:
    """Properties as far as they are known, escaped; all of the words in the message."""
    assert render("github", ALL) == (
        "::error file=centers/grenoble.yaml,line=6,col=19,endLine=6,endColumn=21,title=LC402 nested mounts::"
        "'ml' lies inside 'geo'%0Athe inner one%0Acatalog.yaml:3:13: outer"
        "%0Ahelp: build it for another prefix:%0A  prefix: /opt/bricks/ml\n"
        "::warning file=centers/grenoble.yaml,line=9,title=LC503 feature behind a gate::gated\n"
        "::error file=out/a%3Ab%2C 100%25.yaml,title=LC703 missing artifact::not there\n"
        "::error title=LC900 internal error::impossible\n"
    )


def test_github_columns_stay_within_a_line() -> None:
    """GitHub refuses columns when a span ends on another line."""
    found = Finding("f", 1, 5, 3, 2, code="LC402", severity="error", title="t", message="m")
    assert render("github", [found]) == "::error file=f,line=1,endLine=3,title=LC402 t::m\n"


@given(any_findings)
@example([evil])
def test_github_commands_cannot_be_forged(found: list[Finding]) -> None:
    """Each line is one command with our properties only, read as the runner reads it."""
    lines = render("github", found).splitlines()
    assert len(lines) == len(found)
    for line, finding in zip(lines, found, strict=True):
        # actions/runner:src/Runner.Common/ActionCommand.cs splits at the next "::", then at "," and "="
        command, message = line.removeprefix("::").split("::", 1)
        kind, properties = command.split(" ", 1)
        names = [item.split("=", 1)[0] for item in properties.split(",")]
        assert kind == finding.severity
        assert names == sorted(set(names), key=["file", "line", "col", "endLine", "endColumn", "title"].index)
        for escaped, char in (("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):  # in the runner's order
            message = message.replace(escaped, char)
        assert message.startswith(visible(finding.message))


# ── sarif ────────────────────────────────────────────────────────────────────────────────────────


def test_sarif_of_one_finding() -> None:
    """A result has its rule, level, words and places; lines and columns are those of the view."""
    run = json.loads(render("sarif", [NESTED]))["runs"][0]
    assert run["results"] == [
        {
            "ruleId": "LC402",
            "ruleIndex": list(CATALOGUE).index("LC402"),
            "level": "error",
            "message": {
                "text": "'ml' lies inside 'geo'\nthe inner one\n"
                "help: build it for another prefix:\n  prefix: /opt/bricks/ml"
            },
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": "centers/grenoble.yaml"},
                        "region": {"startLine": 6, "startColumn": 19, "endLine": 6, "endColumn": 21},
                    }
                }
            ],
            "relatedLocations": [
                {
                    "id": 1,
                    "physicalLocation": {
                        "artifactLocation": {"uri": "catalog.yaml"},
                        "region": {"startLine": 3, "startColumn": 13, "endLine": 3, "endColumn": 28},
                    },
                    "message": {"text": "outer"},
                }
            ],
        }
    ]


def test_sarif_has_the_catalogue_as_rules() -> None:
    """Rules do not depend on what was found, and are complete."""
    driver = json.loads(render("sarif", []))["runs"][0]["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("lego-compile", __version__)
    assert [rule["id"] for rule in driver["rules"]] == list(CATALOGUE)
    for rule, code in zip(driver["rules"], CATALOGUE.values(), strict=True):
        assert rule["shortDescription"] == {"text": code.title}
        assert rule["defaultConfiguration"] == {"level": code.severity}
        assert rule["help"]["text"] == code.fix


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("centers/grenoble.yaml", "centers/grenoble.yaml"),
        ("../x y.yaml", "../x%20y.yaml"),
        ("c:x#1?.yaml", "c%3Ax%231%3F.yaml"),
        ("/srv/ü.yaml", "file:///srv/%C3%BC.yaml"),
        ("100%.yaml", "100%25.yaml"),
        ("a\nb\\c.yaml", "a%0Ab%5Cc.yaml"),
        ("\udce9.yaml", "%E9.yaml"),
    ],
)
def test_sarif_names_files_by_uri(file: str, uri: str) -> None:
    """A relative path is a relative reference, an absolute one a file URI, and bytes stay what they are."""
    found = Finding(file, code="LC101", severity="error", title="t", message="m")
    result = json.loads(render("sarif", [found]))["runs"][0]["results"][0]
    assert result["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": uri}}}]


def test_sarif_messages_are_plain() -> None:
    """Braces are not placeholders, and brackets are not a link."""
    found = Finding("", code="LC101", severity="error", title="t", message="{0} [a](1) [b]")
    result = json.loads(render("sarif", [found]))["runs"][0]["results"][0]
    assert result["message"] == {"text": "{{0}} [a] (1) [b]"}


def _check_location(location: dict[str, Any], place: Place) -> None:
    physical = location["physicalLocation"]
    uri = urlsplit(physical["artifactLocation"]["uri"])
    assert re.fullmatch(r"[A-Za-z0-9._~%/-]*", uri.path)
    assert (uri.query, uri.fragment, uri.netloc) == ("", "", "")
    assert unquote_to_bytes(uri.path) == place.file.encode("utf-8", "surrogateescape")
    region = physical.get("region", {})
    assert ("startLine" in region) == (place.line is not None)
    assert all(isinstance(value, int) and value >= 1 for value in region.values())
    assert set(region) <= {"startLine", "startColumn", "endLine", "endColumn"}


@given(any_findings)
@example([evil])
def test_sarif_is_well_formed(found: list[Finding]) -> None:
    """The parts of the standard that are used have the types, names and values that it requires."""
    document = json.loads(render("sarif", found).encode("utf-8"))
    assert set(document) == {"$schema", "version", "runs"}
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    assert set(run) == {"tool", "columnKind", "results"}
    assert run["columnKind"] == "unicodeCodePoints"
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == len(found)
    for result, finding in zip(run["results"], found, strict=True):
        assert set(result) <= {"ruleId", "ruleIndex", "level", "message", "locations", "relatedLocations"}
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.code
        assert result["level"] == finding.severity
        assert result["message"]["text"] != ""
        assert ("locations" in result) == bool(finding.file)
        for location in result.get("locations", []):
            _check_location(location, finding)
        others = result.get("relatedLocations", [])
        assert [other["id"] for other in others] == list(range(1, len(finding.related) + 1))
        for other, place in zip(others, finding.related, strict=True):
            assert other.get("message", {"text": "x"})["text"] != ""
            assert ("physicalLocation" in other) == bool(place.file)
            if place.file:
                _check_location(other, place)


# ── junit ────────────────────────────────────────────────────────────────────────────────────────


def test_junit_has_a_failure_for_each_error() -> None:
    """Errors fail, a warning is a test that passes, and the counts agree."""
    suites = ElementTree.fromstring(render("junit", ALL))
    (suite,) = suites
    assert suite.attrib == {
        "name": "lego-compile",
        "tests": "4",
        "failures": "3",
        "errors": "0",
        "skipped": "0",
    }
    assert [case.attrib for case in suite] == [
        {
            "name": "LC402 centers/grenoble.yaml:6:19",
            "classname": "centers/grenoble.yaml",
            "file": "centers/grenoble.yaml",
            "line": "6",
        },
        {
            "name": "LC503 centers/grenoble.yaml:9",
            "classname": "centers/grenoble.yaml",
            "file": "centers/grenoble.yaml",
            "line": "9",
        },
        {
            "name": "LC703 out/a:b, 100%.yaml",
            "classname": "out/a:b, 100%.yaml",
            "file": "out/a:b, 100%.yaml",
        },
        {"name": "LC900", "classname": "lego-compile"},
    ]
    failure = suite[0][0]
    assert (failure.tag, failure.attrib) == (
        "failure",
        {"message": "'ml' lies inside 'geo'", "type": "LC402"},
    )
    assert failure.text == (
        "error[LC402] 'ml' lies inside 'geo'\n"
        "at centers/grenoble.yaml:6:19: the inner one\n"
        "see catalog.yaml:3:13: outer\n"
        "help: build it for another prefix:\n"
        "  prefix: /opt/bricks/ml"
    )
    assert (suite[1][0].tag, suite[1][0].text) == (
        "system-out",
        "warning[LC503] gated\nat centers/grenoble.yaml:9",
    )


def test_junit_without_findings_has_a_test_that_passed() -> None:
    """Some servers hold a report without tests to be broken."""
    (suite,) = ElementTree.fromstring(render("junit", []))
    assert suite.attrib["tests"] == "1"
    assert suite.attrib["failures"] == "0"
    assert [(case.tag, len(case)) for case in suite] == [("testcase", 0)]


@given(any_findings)
@example([evil])
def test_junit_is_xml_for_any_text(found: list[Finding]) -> None:
    """Control characters and the characters of XML do not break the report, and every finding is in it."""
    (suite,) = ElementTree.fromstring(render("junit", found).encode("utf-8"))
    cases = [case for case in suite if len(case)]
    assert [case.attrib["name"].split(" ")[0] for case in cases] == [finding.code for finding in found]
    assert [case[0].tag for case in cases] == [
        "failure" if finding.severity == "error" else "system-out" for finding in found
    ]
