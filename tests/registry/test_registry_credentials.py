"""Credentials are found where people have them, by the rules of Podman and Docker, and printed nowhere."""

from __future__ import annotations

import base64
import subprocess
import time
from unittest import mock

import pytest

from lego_compile.registry import auth
from lego_compile.registry import credentials as module
from lego_compile.registry.credentials import Credential, Credentials
from lego_compile.registry.model import RegistryError
from tests.registry.homes import Home, assert_hidden


def login(name: str) -> dict[str, str]:
    """An entry that one can tell from the others."""
    return {"username": name, "password": f"{name}-secret"}


def user(found: Credential | None) -> str:
    """Whose credential it is."""
    return "" if found is None else found.username


def test_files_are_read_in_their_order(home: Home) -> None:
    """Podman's file of the session, its permanent one, Docker's; a variable replaces them all."""
    places = ["run/containers/auth.json", ".config/containers/auth.json", ".docker/config.json"]
    for number, name in reversed(list(enumerate(places))):
        home.file(name, {"auths": {"a.example": login(f"user{number}")}})
        assert user(home.find("a.example/x")) == f"user{number}"
    home.file("named", {"auths": {"b.example": login("named")}})

    assert user(home.find("a.example/x", REGISTRY_AUTH_FILE=str(home.folder / "named"))) == ""
    assert user(home.find("b.example/x", REGISTRY_AUTH_FILE=str(home.folder / "named"))) == "named"


def test_variables_move_files(home: Home) -> None:
    """DOCKER_CONFIG names a folder, XDG_CONFIG_HOME another one."""
    home.file("docker/config.json", {"auths": {"a.example": login("docker")}})
    home.file("xdg/containers/auth.json", {"auths": {"a.example": login("xdg")}})

    assert user(home.find("a.example/x", DOCKER_CONFIG=str(home.folder / "docker"))) == "docker"
    assert user(home.find("a.example/x", XDG_CONFIG_HOME=str(home.folder / "xdg"))) == "xdg"
    assert home.find("a.example/x") is None


@pytest.mark.parametrize(
    ("repository", "expected"),
    [
        ("a.example/ns/repo", "repo"),
        ("a.example/ns/repo/deeper", "repo"),
        ("a.example/ns/other", "ns"),
        ("a.example/nsx/repo", "host"),
        ("a.example/x", "host"),
        ("a.example:5000/ns/repo", "port"),
        ("b.example/x", "old"),
        ("c.example/x", ""),
        ("docker.io/alpine", "hub"),
        ("docker.io/bitnami/git", "bitnami"),
        ("index.docker.io/x/y", "hub"),
    ],
)
def test_the_longest_namespace_wins(repository: str, expected: str, home: Home) -> None:
    """Whole components are compared; old keys with a scheme and a version stand for their host."""
    home.file(
        ".docker/config.json",
        {
            "auths": {
                "a.example": login("host"),
                "a.example/ns": login("ns"),
                "a.example/ns/repo": login("repo"),
                "a.example:5000": login("port"),
                "https://b.example/v1/": login("old"),
                "https://index.docker.io/v1/": login("hub"),
                "docker.io/bitnami": login("bitnami"),
                "c.example/ns": login("elsewhere"),
            }
        },
    )

    assert user(home.find(repository)) == expected


def test_forms_of_entries(home: Home) -> None:
    """Base64, plain, identity token; a password may have colons; an empty entry is none."""
    pair = base64.b64encode(b"u:p:q\0\0").decode()
    token = base64.b64encode(b"<token>:").decode()
    home.file(
        ".docker/config.json",
        {
            "auths": {
                "a.example": {"auth": pair},
                "b.example": {"auth": token, "identitytoken": "it"},
                "c.example": {},
                "d.example": None,
                "e.example": {"username": "u", "password": "p", "email": "x"},
            }
        },
    )

    assert home.find("a.example/x") == Credential("u", "p:q")
    assert home.find("b.example/x") == Credential("", "it", True)
    assert home.find("c.example/x") is None
    assert home.find("d.example/x") is None
    assert home.find("e.example/x") == Credential("u", "p")


def test_nothing_anywhere(home: Home) -> None:
    """No file is no mistake, and anonymous is anonymous."""
    assert home.find("a.example/x") is None
    assert Credentials.anonymous().find("a.example/x") is None


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"auths": 3}', '{"credHelpers": []}', "[" * 100_000, '{"auths": {"a.example": 3}}',
     '{"auths": {"a.example": {"auth": 3}}}', '{"auths": {"a.example": {"auth": "s3cr3t!"}}}',
     '{"auths": {"a.example": {"username": "u", "password": "s3cr3t\\ud800"}}}',
     '{"auths": {"a.example": {"username": "u\\ud800", "password": "s3cr3t"}}}',
     '{"auths": {"a.example": {"username": "u", "password": "s3cr3t\\n"}}}',
     '{"auths": {"a.example": {"identitytoken": "s3cr3t\\ud800"}}}',
     '{"auths": {"a.example": {"auth": "dTpzM2NyM3QK"}}}',
     '{"auths": {"a.example": {"auth": "czNjcjN0"}}}', '{"auths": {"a.example": {"auth": "//8="}}}'],
)  # fmt: skip
def test_malformed_files(content: str, home: Home) -> None:
    """The message names the file, and nothing of what is in it."""
    name = home.file(".docker/config.json", content)
    with pytest.raises(RegistryError) as failed:
        home.find("a.example/x")

    assert failed.value.kind == "credentials"
    assert f"`{name}`" in failed.value.message
    assert "a.example/x" in failed.value.message
    assert_hidden(failed.value, "s3cr3t", "czNjcjN0", "dTpzM2NyM3QK")


def test_files_that_cannot_be_read(home: Home) -> None:
    """A file that was named has to exist, and a folder is no file."""
    with pytest.raises(RegistryError, match="there is no file") as failed:
        home.find("a.example/x", REGISTRY_AUTH_FILE=str(home.folder / "none"))
    assert failed.value.kind == "credentials"
    with pytest.raises(RegistryError, match="cannot be read: is a directory") as failed:
        home.find("a.example/x", REGISTRY_AUTH_FILE=str(home.folder))
    assert failed.value.kind == "credentials"


ANSWER = 'print(json.dumps({"ServerURL": server, "Username": "u", "Secret": "helper-" + server}))'


def test_helpers_are_asked(home: Home) -> None:
    """One for a host before the one for all; Docker Hub has its own name."""
    home.helper("one", ANSWER)
    home.helper("all", ANSWER.replace('"u"', '"all"'))
    home.file(
        ".docker/config.json",
        {"credHelpers": {"a.example": "one"}, "credsStore": "all", "auths": {"b.example": {}}},
    )

    assert home.find("a.example/x") == Credential("u", "helper-a.example")
    assert home.find("b.example/x") == Credential("all", "helper-b.example")
    assert home.find("docker.io/alpine") == Credential("all", "helper-https://index.docker.io/v1/")


def test_helpers_give_identity_tokens(home: Home) -> None:
    """``<token>`` instead of a name says so."""
    home.helper("one", ANSWER.replace('"u"', '"<token>"'))
    home.file(".docker/config.json", {"credsStore": "one"})

    assert home.find("a.example/x") == Credential("", "helper-a.example", True)


def test_helpers_have_nothing(home: Home) -> None:
    """Then the file itself is asked, and that is asked once for each host."""
    log = home.folder / "log"
    home.helper(
        "one",
        f'open({str(log)!r}, "a").write("x"); print("credentials not found in native keychain"); sys.exit(1)',
    )
    home.file(".docker/config.json", {"credsStore": "one", "auths": {"a.example": login("file")}})
    found = home.credentials()

    assert [user(found.find("a.example/x")) for _ in range(3)] == ["file"] * 3
    assert found.find("b.example/x") is None
    assert log.read_text() == "xx"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print(json.dumps({'Username': 'u', 'Secret': 's3cr3t' + chr(0xd800)}))", "answers is malformed"),
        ("print(json.dumps({'Username': chr(0xd800), 'Secret': 's3cr3t'}))", "answers is malformed"),
        ("print(json.dumps({'Username': 'u', 'Secret': 's3cr3t' + chr(10)}))", "answers is malformed"),
        ("print('s3cr3t'); sys.exit(3)", "fails with exit code 3"),
        ("print('s3cr3t')", "answers something else than a credential"),
        ("print(json.dumps({'Username': 's3cr3t'}))", "answers something else than a credential"),
        ("print('s3cr3t', flush=True); time.sleep(60)", "does not answer within 3 seconds"),
    ],
)
def test_helpers_fail(code: str, words: str, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A helper that fails, babbles or hangs is named, is not asked again, and not quoted."""
    if "sleep" in code:  # the others have as long as they need
        monkeypatch.setattr(module, "HELPER_SECONDS", 3)
    asked = mock.Mock(wraps=subprocess.run)
    monkeypatch.setattr(subprocess, "run", asked)
    home.helper("one", code)
    home.file(".docker/config.json", {"credHelpers": {"a.example": "one"}})
    found = home.credentials()
    began = time.monotonic()
    for _ in range(3):
        with pytest.raises(RegistryError) as failed:
            found.find("a.example/x")
        assert failed.value.kind == "credentials"
        assert f"`docker-credential-one` {words}" in failed.value.message
        assert_hidden(failed.value, "s3cr3t")
    assert asked.call_count == 1
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("name", "words"), [("none", "is not installed"), ("../x", "is no name"), ("a b", "no name")]
)
def test_helpers_that_are_none(name: str, words: str, home: Home) -> None:
    """Missing, or a name that leads elsewhere."""
    home.file(".docker/config.json", {"credsStore": name})
    with pytest.raises(RegistryError, match=words) as failed:
        home.find("a.example/x")
    assert failed.value.kind == "credentials"


def test_secrets_have_no_repr(home: Home) -> None:
    """Neither a credential, nor what holds some, nor a token shows its secret."""
    home.file(".docker/config.json", {"auths": {"a.example": login("s3cr3t-user")}})
    found = home.credentials()
    credential = found.find("a.example/x")
    token = auth._Pass("Bearer s3cr3t", 0, ("s3cr3t",))

    assert "-secret" not in f"{credential!r}{credential}{found!r}"
    assert "s3cr3t" not in f"{token!r}{token}"
