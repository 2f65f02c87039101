"""The judges of a directory that checks passwords, for each target with a hub: the real LDAPAuthenticator and OpenLDAP.

It is the installed one, in the installed JupyterHub; ``test_login.py`` says how to take others.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.conformance.directory import (
    ACCOUNT,
    ACCOUNT_PASSWORD,
    ADA,
    BASE,
    EVE,
    GIL,
    GRACE,
    GROUPS,
    GUESTS,
    HEDY,
    MARY,
    PEOPLE,
    RHEA,
    ROOT,
    SEVEN,
    Directory,
    NoDirectory,
    Person,
    Tap,
)
from tests.conformance.hub_app import CA, SECRETS, TARGETS, Hub, asked
from tests.conformance.test_z2jh import require
from tests.targets.z2jh.samples import ldap

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning",
        "ignore::ResourceWarning",
        "ignore:The `version` property of an event schema",  # of JupyterHub 5
    ),
]


@pytest.fixture(params=TARGETS)
def ask(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., None]:
    """``ask(use, …)``: use a hub of a target with an authenticator of these options."""
    return partial(asked, request.param, monkeypatch, tmp_path)


# ── a directory ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def authority() -> Iterator[trustme.CA]:
    """Whom the machine of the hub trusts."""
    yield trustme.CA()
    gc.collect()  # LDAPAuthenticator leaves connections open; other tests would be blamed for them


def started(folder: Path, ca: trustme.CA | None, name: str = "localhost") -> Directory:
    """A directory that runs, with a certificate for a name, or without TLS; or a skip that says what to install."""
    tls = None
    if ca is not None:
        issued = ca.issue_cert(name)
        certificate, key, authority = (folder / each for each in ("certificate", "key", "ca"))
        certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        ca.cert_pem.write_to_path(str(authority))
        tls = str(certificate), str(key), str(authority)
    try:
        return Directory(tls).__enter__()
    except NoDirectory as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def directory(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    """The directory."""
    require("ldapauthenticator", "jupyterhub-ldapauthenticator")
    made = started(tmp_path_factory.mktemp("directory"), authority)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(autouse=True)
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What OpenSSL takes for the CAs of the system."""
    authority.cert_pem.write_to_path(str(tmp_path / "system.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))


def search(**changes: Any) -> dict[str, Any]:
    """Options of a directory where users have to be found, by an account of the hub."""
    return ldap(
        users=[],
        search={
            "base": PEOPLE,
            "attribute": "uid",
            "user": ACCOUNT,
            "password": {"name": "hub-ldap", "key": "password"},
            **changes,
        },
    )


TEMPLATE = ldap(users=[f"uid={{username}},{PEOPLE}"])
ANONYMOUS: dict[str, Any] = {"user": None, "password": None}
FORMS: dict[str, tuple[dict[str, Any], tuple[Person, ...], tuple[Person, ...]]] = {  # who is found, and who is not
    "a place": (TEMPLATE, (ADA, EVE), (GIL, MARY, RHEA)),
    "two places": (
        ldap(users=[f"uid={{username}},{PEOPLE}", f"uid={{username}},{GUESTS}"]), (ADA, GIL), (MARY, RHEA),
    ),
    "an account searches": (search(), (ADA, EVE, MARY, RHEA), (GIL,)),
    "everywhere": (search(base=BASE), (ADA, GIL, MARY, RHEA), ()),
    "nobody searches": (search(**ANONYMOUS), (ADA, EVE, MARY), (GIL, RHEA)),
}  # fmt: skip


def at(directory: Directory, chosen: dict[str, Any], tls: str = "none", **changes: Any) -> dict[str, Any]:
    """Options of the authenticator for a form of finding users in this directory."""
    port = directory.secure_port if tls == "ldaps" else directory.port
    return {
        "type": "ldap",
        "ldap": {**chosen, "server": "localhost", "port": port, "tls": tls, **changes},
    }


async def refused(hub: Hub, name: str, password: str) -> bool:
    """Whether somebody is not let in, be it because of an error."""
    errors = require("ldap3.core.exceptions", "jupyterhub-ldapauthenticator")
    try:
        return await hub.login(name, password) is None
    except errors.LDAPExceptionError:
        return True


NOBODY = (
    "*", "a*", "ad?", ")(uid=*", "*)(uid=*", "ada)(uid=*", "ada)(|(uid=*)", "(ada)", "\\", "\\2a", "\\61da", "ad\\61",
    "ada\\", "ada\\,ou=people", "ada,", f"ada,{PEOPLE}", "ada+sn=ada", "ada+sn=eve", "#616461", "#0403616461", "=ada",
    "ada=ada", "uid=ada", ADA.dn, '"ada"', "<ada>", "ada;", " ada", "ada ", "\tada", "ada\n", "ada\r\n", "ada\0",
    "\0ada", "ad\0a", "ada\u00ad", "a\u200bda", "\uff41\uff44\uff41", "\u00aada", "{username}", "{0}", "{", "%s", "",
    " ", ".", "ada/../eve", "ada/",
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_directory_checks_passwords(form: str, directory: Directory, ask: Callable[..., None]) -> None:
    """Who is found comes in with the own password and no other; everybody else does not.

    What has a meaning in a filter, in a distinguished name or in a template finds nobody. A directory may take a name
    with an empty password for nobody in particular, and say yes; this one does.
    """
    chosen, known, unknown = FORMS[form]

    async def use(hub: Hub) -> None:
        for each in known:
            assert await hub.login(each.name, each.password) == (each.name, False)
            assert await hub.login(each.name, each.password.upper()) is None
        for each in unknown:
            assert await hub.login(each.name, each.password) is None
        assert await hub.login(known[0].name, known[1].password) is None
        assert await hub.login("nobody", known[0].password) is None
        for name in NOBODY:
            assert await refused(hub, name, ADA.password), name
        for empty in ("", " ", "\t\n", "\u00a0", "\u00ad", "\u200b", "\0"):  # some are nothing to SASLprep
            assert await refused(hub, known[0].name, empty)

    ask(use, **at(directory, chosen))


@pytest.mark.parametrize("form", ["a place", "an account searches"])
def test_names_in_capitals(form: str, directory: Directory, ask: Callable[..., None]) -> None:
    """A directory does not tell them apart, and JupyterHub writes them in lower case: it is the same user."""
    chosen, _, _ = FORMS[form]

    async def use(hub: Hub) -> None:
        for name in ("Ada", "ADA"):
            assert await hub.login(name, ADA.password) == ("ada", False)
            assert await hub.login(name, EVE.password) is None
        assert await hub.login("Eve", EVE.password) is None

    ask(use, **at(directory, chosen), allowed_users=["ada"])


def test_names_that_may_be_listed(directory: Directory, ask: Callable[..., None]) -> None:
    """Every name that ``allowed_users`` takes is one that can be typed."""

    async def use(hub: Hub) -> None:
        assert await hub.login(SEVEN.name, SEVEN.password) == (SEVEN.name, False)

    ask(use, **at(directory, TEMPLATE), allowed_users=[SEVEN.name])


def test_addresses_as_names(directory: Directory, ask: Callable[..., None]) -> None:
    """What users log in with may be their address; it is also the name that they have in the hub."""

    async def use(hub: Hub) -> None:
        assert await hub.login(MARY.mail, MARY.password) == (MARY.mail, False)
        assert await hub.login(MARY.name, MARY.password) is None
        assert await hub.login(ADA.mail, MARY.password) is None

    ask(use, **at(directory, search(attribute="mail")))


def test_users_of_a_directory_are_listed(directory: Directory, ask: Callable[..., None]) -> None:
    """Of those whom the directory knows, only the listed ones come in, and administrators."""

    async def use(hub: Hub) -> None:
        assert await hub.login("ada", ADA.password) == ("ada", False)
        assert await hub.login("root", ROOT.password) == ("root", True)
        assert await hub.login("root", ADA.password) is None
        assert await hub.login("eve", EVE.password) is None

    ask(use, **at(directory, TEMPLATE), allowed_users=["ada"], admin_users=["root"])


@pytest.mark.parametrize("form", ["a place", "an account searches", "nobody searches"])
def test_groups_of_the_directory(form: str, directory: Directory, ask: Callable[..., None]) -> None:
    """Members of any of the groups come in, however the group lists them; nobody else does."""
    chosen, known, _ = FORMS[form]

    async def use(hub: Hub) -> None:
        for each in (ADA, GRACE, HEDY, *({MARY} & set(known))):
            assert await hub.login(each.name, each.password) == (each.name, False)
        assert await hub.login("ada", EVE.password) is None
        assert await hub.login("eve", EVE.password) is None

    ask(use, **at(directory, chosen, allowed_groups=list(GROUPS.values())))


def test_groups_and_users(directory: Directory, ask: Callable[..., None]) -> None:
    """Who is listed need not be in a group; a group that does not exist has no members."""

    async def use(hub: Hub) -> None:
        assert await hub.login("ada", ADA.password) == ("ada", False)
        assert await hub.login("grace", GRACE.password) == ("grace", False)
        for each in (HEDY, EVE):
            assert await hub.login(each.name, each.password) is None

    groups = [GROUPS["operators"], f"cn=none,ou=groups,{BASE}"]
    ask(use, **at(directory, TEMPLATE, allowed_groups=groups), allowed_users=["ada"])


@pytest.mark.parametrize("listed", [[], ["ada"]])
def test_administrators_need_no_group(
    listed: list[str], directory: Directory, ask: Callable[..., None]
) -> None:
    """Administrators may use the hub too, whatever groups are allowed."""

    async def use(hub: Hub) -> None:
        assert await hub.login("root", ROOT.password) == ("root", True)
        assert await hub.login("root", "wrong") is None
        assert await hub.login("eve", EVE.password) is None
        assert bool(await hub.login("ada", ADA.password)) is bool(listed)

    chosen = at(directory, TEMPLATE, allowed_groups=[GROUPS["operators"]])
    ask(use, **chosen, allowed_users=listed, admin_users=["root"])


def test_the_account_of_the_hub(directory: Directory, ask: Callable[..., None]) -> None:
    """With a wrong password for it, nobody is found; its own password is of no use to anybody."""

    async def use(hub: Hub) -> None:
        assert await hub.login("ada", ADA.password) is None
        assert await hub.login("hub", ACCOUNT_PASSWORD) is None

    ask(use, {("hub-ldap", "password"): "old"}, **at(directory, search()))


@pytest.mark.parametrize(("tls", "port"), [("starttls", 389), ("ldaps", 636), ("none", 389)])
def test_ports_that_nobody_says(tls: str, port: int, ask: Callable[..., None]) -> None:
    """As the option says."""
    require("ldapauthenticator", "jupyterhub-ldapauthenticator")

    async def use(hub: Hub) -> None:
        assert hub.authenticator.server_port == port

    ask(use, type="ldap", ldap=ldap(tls=tls))


# ── a directory, with TLS ─────────────────────────────────────────────────────────────────────────────

SAFE = ["starttls", "ldaps"]


@pytest.mark.parametrize("tls", [*SAFE, "none"])
def test_what_crosses_the_network(tls: str, directory: Directory, ask: Callable[..., None]) -> None:
    """With TLS, neither the passwords of users nor that of the hub's account; without, both."""

    async def use(hub: Hub) -> None:
        assert await hub.login("ada", ADA.password) == ("ada", False)
        assert await hub.login("ada", EVE.password) is None

    with Tap(directory.secure_port if tls == "ldaps" else directory.port) as tap:
        ask(use, **at(directory, search(), tls, port=tap.port))
        sent = tap.sent
    for secret in (ADA.password, EVE.password, ACCOUNT_PASSWORD):
        assert (secret.encode() in sent) is (tls == "none")
    assert len(sent) > 200


@pytest.mark.parametrize("tls", SAFE)
def test_a_directory_without_tls(tls: str, ask: Callable[..., None], tmp_path: Path) -> None:
    """It is not told any password, whoever took its TLS away."""
    require("ldapauthenticator", "jupyterhub-ldapauthenticator")
    plain = started(tmp_path, None)
    try:

        async def use(hub: Hub) -> None:
            assert await refused(hub, "ada", ADA.password)

        with Tap(plain.port) as tap:
            ask(use, **at(plain, TEMPLATE, tls, port=tap.port))
        assert ADA.password.encode() not in tap.sent
        assert tap.sent
    finally:
        plain.stop()


@pytest.mark.parametrize("tls", SAFE)
@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_certificate_of_somebody_else(
    wrong: str, tls: str, authority: trustme.CA, ask: Callable[..., None], tmp_path: Path
) -> None:
    """Who has no certificate of the directory's name, by a CA that is trusted, is not told any password."""
    require("ldapauthenticator", "jupyterhub-ldapauthenticator")
    other = started(
        tmp_path,
        trustme.CA() if wrong == "authority" else authority,
        "localhost" if wrong == "authority" else "other.example.org",
    )
    try:

        async def use(hub: Hub) -> None:
            assert await refused(hub, "ada", ADA.password)

        ask(use, **at(other, TEMPLATE, tls))
    finally:
        other.stop()


@pytest.mark.parametrize("tls", SAFE)
def test_an_authority_of_our_own(
    tls: str, directory: Directory, ask: Callable[..., None], tmp_path: Path
) -> None:
    """The CA that the centre names is trusted though the system does not know it, and then no other is."""
    own = trustme.CA()
    other = started(tmp_path, own)
    secrets = {**SECRETS, CA: own.cert_pem.bytes().decode()}
    try:
        for server in (other, directory):

            async def use(hub: Hub, server: Directory = server) -> None:
                assert await refused(hub, "ada", ADA.password) is (server is directory)

            ask(use, secrets, **at(server, TEMPLATE, tls, ca={"name": "directory-ca", "key": "ca.crt"}))
    finally:
        other.stop()
