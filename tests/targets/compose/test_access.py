"""Who may log in: what is refused, what is said about it, and that every damage to it is noticed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from lego_compile.diagnostic.model import Report
from lego_compile.emit import yaml as printer
from lego_compile.targets.compose import TARGET
from lego_compile.targets.compose.files import CONFIG_LABEL, HUB_READS, config_digest
from lego_compile.targets.compose.options_access import Authenticator
from tests.strategies import example
from tests.targets.compose.samples import (
    NATIVE,
    OAUTH,
    SEARCH,
    authenticator,
    compiled,
    ldap,
    options,
    projected,
)
from tests.targets.compose.test_check import groups_listed
from tests.targets.damages import CHANGES, places

ASKED: dict[str, dict[str, Any]] = {
    "dummy": authenticator(),
    "generic-oauth": authenticator(
        type="generic-oauth", oauth={**OAUTH, "groups_claim": "roles"}, allowed_groups=["staff"]
    ),
    "ldap": authenticator(
        type="ldap", ldap=ldap(port=3269, ca=True, allowed_groups=["cn=researchers,dc=org"])
    ),
    "ldap, searching": authenticator(type="ldap", ldap=ldap(users=[], search=SEARCH), allowed_users=["ada"]),
    "ldap, searching as nobody": authenticator(
        type="ldap", ldap=ldap(tls="none", users=[], search={**SEARCH, "user": None})
    ),
    "native": authenticator(type="native", native=NATIVE),
}
SECRETS = {
    "dummy": [],
    "generic-oauth": ["oauth_client_secret"],
    "ldap": ["ldap_ca"],
    "ldap, searching": ["ldap_password"],
    "ldap, searching as nobody": [],
    "native": [],
}
"""Of each of them: files below ``secrets/``."""


# --- what is written ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ASKED)
def test_the_hub_gets_the_secrets_of_its_authenticator(name: str) -> None:
    """It gets these files and no other, and the id of the client only where there is a client."""
    compose = yaml.safe_load(compiled(chosen=options(authenticator=ASKED[name]))["compose.yaml"])
    hub = compose["services"]["hub"]
    assert hub.get("secrets", []) == SECRETS[name]
    assert compose.get("secrets", {}) == {each: {"file": f"./secrets/{each}"} for each in SECRETS[name]}
    assert ("OAUTH_CLIENT_ID" in hub["environment"]) is (name == "generic-oauth")


@pytest.mark.parametrize("name", ASKED)
def test_every_option_has_a_place(name: str) -> None:
    """A difference in any of them can be pointed at."""
    lifted = TARGET.lift(compiled(chosen=options(authenticator=ASKED[name])))
    assert lifted.complaints == ()
    leaves = {at for at in places(ASKED[name]) if isinstance(at[-1], str)}
    assert {("authenticator", *at) for at in leaves} <= set(lifted.places)
    for at in leaves:
        assert lifted.places["authenticator", *at] == ("composition.json", "authenticator", *at)


# --- damages --------------------------------------------------------------------------------------------------


def noticed(name: str, files: dict[str, bytes]) -> bool:
    """Whether reading the files back gives something else than went in."""
    lifted = TARGET.lift(files)
    chosen = options(authenticator=ASKED[name])
    return bool(lifted.complaints) or lifted.deployment != projected(example()) or lifted.options != chosen


def rewritten(files: dict[str, bytes], composition: Any, compose: Any) -> dict[str, bytes]:
    """Files with other trees, and a label that agrees with them, as a forger would."""
    files = {**files, "composition.json": json.dumps(composition).encode()}
    compose["services"]["hub"]["labels"] = {CONFIG_LABEL: config_digest(files, HUB_READS)}
    return {**files, "compose.yaml": printer.dump(compose).encode()}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("name", ASKED)
def test_every_node_of_the_authenticator_matters(name: str, change: Callable[[Any, Any], None]) -> None:
    """To change, drop or empty anything of it is noticed, in the one file and in the other."""
    golden = compiled(chosen=options(authenticator=ASKED[name]))
    assert not noticed(name, golden)
    composition, compose = json.loads(golden["composition.json"]), yaml.safe_load(golden["compose.yaml"])
    assert not noticed(name, rewritten(golden, composition, copy.deepcopy(compose)))
    survivors = []
    for at in places(composition["authenticator"]):
        tree = copy.deepcopy(composition)
        node = tree["authenticator"]
        for key in at[:-1]:
            node = node[key]
        change(node, at[-1])
        if not noticed(name, rewritten(golden, tree, copy.deepcopy(compose))):
            survivors.append(at)
    for at in (("secrets",), ("services", "hub", "secrets"), ("services", "hub", "environment")):
        tree = copy.deepcopy(compose)
        node = tree
        for key in at[:-1]:
            node = node[key]
        if at[-1] in node:
            change(node, at[-1])
            if not noticed(name, rewritten(golden, composition, tree)):
                survivors.append(at)
    assert survivors == []


@pytest.mark.parametrize("one", ASKED)
@pytest.mark.parametrize("other", ASKED)
def test_both_files_speak_of_one_authenticator(one: str, other: str) -> None:
    """The services of one centre with the composition of another agree only where the hub needs the same secrets."""
    mine, theirs = (compiled(chosen=options(authenticator=ASKED[name])) for name in (one, other))
    files = rewritten(mine, json.loads(theirs["composition.json"]), yaml.safe_load(mine["compose.yaml"]))
    assert noticed(other, files) is (SECRETS[one] != SECRETS[other])


@pytest.mark.parametrize(
    "damage", [lambda data: data + b"\n", lambda _: b"", None], ids=["more", "empty", "gone"]
)
def test_the_fixed_file_is_ours(damage: Callable[[bytes], bytes] | None) -> None:
    """Another login.py is a complaint: it decides who comes in."""
    golden = compiled()
    files = {path: data for path, data in golden.items() if path != "login.py"}
    if damage:
        files["login.py"] = damage(golden["login.py"])
    codes = {each.code for each in TARGET.lift(files).complaints if each.place == ("login.py",)}
    assert codes == ({"LC704"} if damage else {"LC703"})


# --- what is said ---------------------------------------------------------------------------------------------


def said(**changes: Any) -> list[tuple[str, tuple[Any, ...], str]]:
    """Code, end of the place, and message of everything about an authenticator."""
    report = Report()
    TARGET.check(groups_listed(), options(authenticator=authenticator(**changes)), report)
    return [(each.code, each.primary[-2:], each.message) for each in report]


QUIET: dict[str, Any] = {"admin_users": []}


@pytest.mark.parametrize(
    ("changes", "code", "place", "words"),
    [
        ({"type": "ldap"}, "LC601", ("compose", "authenticator"), "needs `ldap`"),
        ({"type": "native"}, "LC601", ("compose", "authenticator"), "needs `native`"),
        ({"type": "generic-oauth"}, "LC601", ("compose", "authenticator"), "needs `oauth`"),
        ({"type": "native", "native": NATIVE, "ldap": ldap()}, "LC601", ("authenticator", "ldap"), "type: ldap"),
        ({"type": "ldap", "ldap": ldap(), "native": NATIVE}, "LC601", ("authenticator", "native"), "type: native"),
        ({"type": "ldap", "ldap": ldap(users=[])}, "LC601", ("authenticator", "ldap"), "one of them"),
        ({"type": "ldap", "ldap": ldap(search=SEARCH)}, "LC601", ("ldap", "search"), "not both"),
        ({"type": "ldap", "ldap": ldap(), "allowed_groups": ["a"]}, "LC601", ("authenticator", "allowed_groups"),
         "groups_claim"),
        ({"type": "ldap", "ldap": ldap(tls="none")}, "LC603", ("ldap", "tls"), "in the clear"),
        ({"type": "native", "native": {**NATIVE, "open_signup": True}}, "LC603", ("native", "open_signup"), "anybody"),
        ({"type": "native", "native": NATIVE, "allowed_users": ["ada"]}, "LC603", ("authenticator", "allowed_users"),
         "signs up first"),
        ({"type": "native", "native": NATIVE, "admin_users": ["ada"]}, "LC603", ("authenticator", "admin_users"),
         "signs up first"),
    ],
)  # fmt: skip
def test_what_is_said(changes: dict[str, Any], code: str, place: tuple[Any, ...], words: str) -> None:
    """Each contradiction is an error, and each open door a warning, at its place and alone."""
    ((found, at, message),) = said(**{**QUIET, **changes})
    assert (found, at) == (code, place)
    assert words in message


def test_no_certificate_without_tls() -> None:
    """An authority for a directory without TLS is a contradiction, beside the warning."""
    found = said(type="ldap", ldap=ldap(tls="none", ca=True), **QUIET)
    assert [(code, place) for code, place, _ in found] == [
        ("LC601", ("ldap", "ca")),
        ("LC603", ("ldap", "tls")),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "ldap", "ldap": ldap(ca=True), "admin_users": ["ada"]},
        {"type": "ldap", "ldap": ldap(users=[], search=SEARCH)},
        {"type": "ldap", "ldap": ldap(users=[], search={**SEARCH, "user": None})},
        {"type": "native", "native": NATIVE, "admin_users": []},
    ],
)
def test_nothing_is_said_of_what_is_right(changes: dict[str, Any]) -> None:
    """A directory with or without an account of the hub's, and accounts of the hub."""
    assert said(**changes) == []


# --- the grammar ----------------------------------------------------------------------------------------------

DIRECTORY = {"server": "ldap.example.org", "users": ["uid={username},ou=people,dc=org"]}


def read(**block: Any) -> dict[str, Any]:
    """The block as it reaches ``lower``: plain data with defaults."""
    return dict(json.loads(Authenticator.model_validate_json(json.dumps(block)).model_dump_json()))


def test_defaults() -> None:
    """What need not be said."""
    assert read(type="ldap", ldap=DIRECTORY)["ldap"] == ldap(users=DIRECTORY["users"])
    assert read(type="ldap", ldap={"server": "a.org", "search": {"base": "dc=org"}})["ldap"]["search"] == {
        "base": "dc=org",
        "attribute": "uid",
        "user": None,
    }
    assert read(type="native", native={})["native"] == {**NATIVE, "failed_logins": 5}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "pam"},
        {"type": "ldap", "ldap": {**DIRECTORY, "users": ["uid=ada,dc=org"]}},
        {"type": "ldap", "ldap": {**DIRECTORY, "users": ["uid={user},dc=org"]}},
        {"type": "ldap", "ldap": {**DIRECTORY, "ca": {"name": "directory-ca"}}},
        {"type": "ldap", "ldap": {**DIRECTORY, "tls": "maybe"}},
        {"type": "ldap", "ldap": {**DIRECTORY, "port": 0}},
        {"type": "ldap", "ldap": {**DIRECTORY, "server": "ldaps://ldap.example.org"}},
        {"type": "ldap", "ldap": {**DIRECTORY, "allowed_groups": ["researchers"]}},
        {"type": "ldap", "ldap": {**DIRECTORY, "search": {"base": "dc=org", "password": "secret"}}},
        {"type": "native", "native": {"minimum_password_length": 4}},
        {"type": "native", "native": {"failed_logins": -1}},
        {"type": "generic-oauth", "oauth": {"client_secret": "x"}},
    ],
    ids=str,
)
def test_what_is_refused(block: dict[str, Any]) -> None:
    """Other kinds, places without a name in them, what belongs to Kubernetes, and every literal secret."""
    with pytest.raises(ValidationError):
        read(**block)
