"""Grammars of headers and names: what standards say, what strangers send, and whatever hypothesis thinks of."""

from __future__ import annotations

import json
from email.utils import formatdate
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lego_compile.registry import answers, documents, reference, retry
from lego_compile.registry.model import RegistryError
from lego_compile.registry.pools import origin

DOCKER = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"'


def refused(error: RegistryError, *kinds: str) -> None:
    """A refusal is of a kind, in one printable line."""
    assert error.kind in kinds
    assert error.message.isprintable()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('BASIC realm="a, b=c"', [("basic", {"realm": "a, b=c"})]),
        (DOCKER, [("bearer", {"realm": "https://auth.docker.io/token", "service": "registry.docker.io",
                              "scope": "repository:a/b:pull,push"})]),
        ('Bearer realm = "x" , Service=y , REALM="z"', [("bearer", {"realm": "x", "service": "y"})]),
        (r'Basic realm="say \"hi\" \\"', [("basic", {"realm": 'say "hi" \\'})]),
        ('Basic realm="a", Bearer realm="b",scope="c d"', [("basic", {"realm": "a"}),
                                                            ("bearer", {"realm": "b", "scope": "c d"})]),
        ('Negotiate, Basic realm="a"', [("negotiate", {}), ("basic", {"realm": "a"})]),
        ('Negotiate YWJj==, Basic realm="a"', [("negotiate", {}), ("basic", {"realm": "a"})]),
        ('Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"',
         [("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}), ("basic", {"realm": "simple"})]),
        ('Bearer realm="x" error="invalid_token"', [("bearer", {"realm": "x", "error": "invalid_token"})]),
        ('Basic realm="open', [("basic", {})]),
        (",,, Basic ,,,", [("basic", {})]),
        ('"x", Basic realm=""', [("basic", {"realm": ""})]),
        ("Bearer realm=https://x/y", [("bearer", {})]),
    ],
)  # fmt: skip
def test_challenges(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    """RFC 9110, 11.6.1 with its own examples, and what is sent instead."""
    assert [tuple(each) for each in answers.challenges(header)] == expected


TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_.", min_size=1, max_size=8)
CHALLENGES = st.lists(
    st.tuples(TOKEN, st.dictionaries(TOKEN.map(str.lower), st.text(min_size=0, max_size=20), min_size=1)),
    max_size=4,
)


@given(CHALLENGES)
def test_challenges_are_read_as_they_are_written(written: list[tuple[str, dict[str, str]]]) -> None:
    """Any values, quoted as the standard says, come back."""

    def quote(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    header = ", ".join(
        f"{scheme} " + ",".join(f"{name}={quote(value)}" for name, value in parameters.items())
        for scheme, parameters in written
    )

    assert [tuple(each) for each in answers.challenges(header)] == [
        (scheme.lower(), parameters) for scheme, parameters in written
    ]


@given(st.text(alphabet='Bearer ="\\,;<>/a\t\n\x00ü', max_size=200))
def test_headers_of_fools(text: str) -> None:
    """Whatever a header says, it is read to its end without an error."""
    answers.challenges(text)
    answers.next_link(text)
    assert 0 <= answers.retry_after(text) < 1e10


def test_long_headers_are_read_in_time() -> None:
    """No header makes a regular expression slow."""
    for part in ('"', "\\", 'a="', "a=", 'a="\\', ",", "a ", "<", '; rel="', "=" * 8):
        answers.challenges("Bearer " + part * 30_000)
        answers.next_link("<x>; " + part * 30_000)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ('</v2/a/tags/list?last=b&n=2>; rel="next"', "/v2/a/tags/list?last=b&n=2"),
        ("<x>;rel=next", "x"),
        ('<x>; rel="prev", <y>; title="a, <b>"; rel="last next"', "y"),
        ('<x>; title="<y>; rel=next"', None),
        ('<x>; rel="prev", <y>; rel="last next"', "y"),
        ('<x>; title="next"', None),
        ('< y >; REL="NEXT"', "y"),
        ('<x>; rel="nextish"', None),
        ("<x> rel=next", "x"),
    ],
)
def test_links(header: str, expected: str | None) -> None:
    """RFC 8288: what is in quotes is no target."""
    assert answers.next_link(header) == expected


def test_when_to_come_back() -> None:
    """RFC 9110, 10.2.3: seconds or a date."""
    now = 1_700_000_000.0
    assert answers.retry_after("120", now) == 120
    assert answers.retry_after(formatdate(now + 30, usegmt=True), now) == 30
    assert answers.retry_after(formatdate(now - 30, usegmt=True), now) == 0
    assert [answers.retry_after(each, now) for each in (None, "", "soon", "-1", "1.5", "٣", "9" * 40)] == [
        0
    ] * 7


@given(st.integers(1, 10_000), st.one_of(st.none(), st.text(max_size=10), st.integers().map(str)))
def test_pauses_are_bounded(number: int, after: str | None) -> None:
    """However often, and whatever a server asks for, a pause is between a third of a second and a minute."""
    assert 0.3 < retry.pause(number, after) <= 60


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("linux", "amd64"), "linux/amd64"),
        (("Linux", "x86_64"), "linux/amd64"),
        (("linux", "amd64", "v1"), "linux/amd64"),
        (("linux", "amd64", "v3"), "linux/amd64/v3"),
        (("linux", "aarch64"), "linux/arm64"),
        (("linux", "arm64", "v8"), "linux/arm64"),
        (("linux", "arm64", "8"), "linux/arm64"),
        (("linux", "arm64", "v9"), "linux/arm64/v9"),
        (("linux", "arm"), "linux/arm/v7"),
        (("linux", "arm", "7"), "linux/arm/v7"),
        (("linux", "arm", "v6"), "linux/arm/v6"),
        (("linux", "arm", "5"), "linux/arm/v5"),
        (("linux", "armhf"), "linux/arm/v7"),
        (("linux", "armel"), "linux/arm/v6"),
        (("linux", "i386"), "linux/386"),
        (("linux", "ppc64le"), "linux/ppc64le"),
        (("windows", "amd64"), "windows/amd64"),
    ],
)
def test_platforms(parts: tuple[str, ...], expected: str) -> None:
    """containerd's names, and a name is its own normal form."""
    assert documents.platform_of(*parts) == expected
    assert documents.platform_of(*expected.split("/")) == expected


@pytest.mark.parametrize(
    ("repository", "expected"),
    [
        ("docker.io/alpine", ("registry-1.docker.io", "library/alpine", "docker.io")),
        ("docker.io/a/b", ("registry-1.docker.io", "a/b", "docker.io")),
        ("index.docker.io/alpine", ("registry-1.docker.io", "library/alpine", "docker.io")),
        ("Quay.IO/a/b/c", ("quay.io", "a/b/c", "quay.io")),
        ("localhost/a", ("localhost", "a", "localhost")),
        ("host:5000/a__b/c-d.e", ("host:5000", "a__b/c-d.e", "host:5000")),
        ("[::1]:5000/a", ("[::1]:5000", "a", "[::1]:5000")),
        ("[::1]/a", ("[::1]", "a", "[::1]")),
    ],
)
def test_places(repository: str, expected: tuple[str, str, str]) -> None:
    """Docker Hub is elsewhere, and its own images are in ``library/``."""
    assert reference.place(repository)[1:] == expected


@given(st.text(max_size=40))
def test_names_of_fools(text: str) -> None:
    """A name is a place that is safe in a URL, or an error of ours whose message is one printable line."""
    try:
        where = reference.place(text)
        reference.check_reference(text, text)
    except RegistryError as error:
        refused(error, "missing", "unusable")
    else:
        assert urlsplit(f"https://{where.host}/v2/{where.path}").path == f"/v2/{where.path}"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True), ("LOCALHOST:5000", True), ("127.0.0.1", True), ("127.9.9.9:80", True), ("[::1]:80", True),
        ("[::1]", True), ("::1", True), ("localhost.example.org", False), ("127.0.0.1.example.org", False),
        ("10.0.0.1", False), ("0.0.0.0", False), ("[::]:80", False), ("2130706433", False), ("", False),
    ],
)  # fmt: skip
def test_this_machine(host: str, expected: bool) -> None:
    """Loopback is known by its written address, never by asking for a name."""
    assert reference.is_loopback(host) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://A.example/x", ("https", "a.example", 443)),
        ("http://a.example:443", ("http", "a.example", 443)),
        ("https://[::1]:5000/", ("https", "::1", 5000)),
        ("HTTPS://a", ("https", "a", 443)),
        ("https://u@a/", None),
        ("https://u:p@a/", None),
        ("https://@a/", None),
        ("https://a:0/", None),
        ("https://a:x/", None),
        ("https://[/", None),
        ("https:///x", None),
        ("//a/x", None),
        ("ftp://a/", None),
        ("https://ü.example/", None),
        ("https:/a", None),
    ],
)
def test_origins(url: str, expected: tuple[str, str, int] | None) -> None:
    """Scheme, host and port, and nothing for URLs that could be read in two ways."""
    assert origin(url) == expected


@given(st.text(max_size=2000))
def test_words_of_strangers(text: str) -> None:
    """One printable line, not long."""
    words = reference.clean(text)
    assert len(words) <= 200
    assert "\n" not in words
    assert "\x1b" not in words
    assert words.isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["schemaVersion", "mediaType", "config", "layers", "manifests", "annotations", "artifactType", "digest", "size",
     "platform", "os", "architecture", "Labels"]
)  # fmt: skip
LIKELY = st.sampled_from(
    [2, *documents.INDEXES, *documents.MANIFESTS, *documents.CONFIGS, "sha256:" + "a" * 64, "linux"]
)
VALUE = LIKELY | JSON
INNER = st.dictionaries(KEYS, VALUE)
DOCUMENT = st.dictionaries(KEYS, VALUE | INNER | st.lists(INNER, max_size=2))


@given(DOCUMENT.map(lambda document: {"schemaVersion": 2, **document}), LIKELY.map(str))
def test_documents_of_fools(document: dict[str, object], kind: str) -> None:
    """Any JSON is an image, an index, or an error of ours."""
    body = json.dumps(document).encode()
    for call in (lambda: documents.read(body, kind, "`x`"), lambda: documents.config(body, "`x`")):
        try:
            call()
        except RegistryError as error:
            refused(error, "wrong", "unusable")


@given(st.binary(max_size=200))
def test_complaints_of_fools(body: bytes) -> None:
    """An error's body, whatever it is, is words or nothing."""
    assert answers.complaint(body).isprintable()


def test_a_complaint_with_a_secret_is_none() -> None:
    """Words that repeat a secret are not repeated."""
    body = json.dumps({"errors": [{"code": "X", "message": "no hunter2 here"}]}).encode()
    assert answers.complaint(body) == " (no hunter2 here)"
    assert answers.complaint(body, ("hunter2",)) == ""
    assert answers.complaint(body, ("",)) == " (no hunter2 here)"
