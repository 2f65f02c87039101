"""The judges of who may log in, for each target with a hub: the real authenticators in a real JupyterHub, and a login
service.

JupyterHub is the installed one. What a chart carries may be another: a folder of
``pip install --no-deps --target FOLDER jupyterhub==5.5.0`` in PYTHONPATH makes it the judge. Directories have a file
of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import yaml

from tests.conformance import z2jh_chart as chart
from tests.conformance.hub_app import (
    HOST,
    SECRETS,
    TARGETS,
    Browser,
    Hub,
    asked,
    browser,
    configured,
    running,
)
from tests.conformance.login_service import Service
from tests.conformance.test_z2jh import merged, require
from tests.targets.z2jh.samples import OAUTH, SEARCH, compiled, ldap, options

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


# ── what each of them is told ─────────────────────────────────────────────────────────────────────────

NATIVE = {"open_signup": False, "minimum_password_length": 12, "failed_logins": 3}
CLASSES: dict[str, tuple[str, str, dict[str, Any]]] = {  # package, class, and options with every key
    "dummy": ("jupyterhub.auth", "DummyAuthenticator", {}),
    "generic-oauth": (
        "oauthenticator.generic",
        "GenericOAuthenticator",
        {"oauth": {**OAUTH, "groups_claim": "realm.roles"}, "allowed_groups": ["staff"]},
    ),
    "ldap": (
        "ldapauthenticator",
        "LDAPAuthenticator",
        {
            "ldap": ldap(
                port=3389,
                users=[],
                search=SEARCH,
                allowed_groups=["cn=researchers,ou=groups,dc=example,dc=org"],
            )
        },
    ),
    "native": ("nativeauthenticator", "NativeAuthenticator", {"native": NATIVE}),
}  # fmt: skip
OF_THEIR_OWN = {  # what the class warns about whatever its configuration is
    "dummy": ["Using testing authenticator DummyAuthenticator!"],
    "native": ["The shared database session at Authenticator.db is deprecated"],
}


@pytest.fixture(params=TARGETS)
def told(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Any]:
    """``told(kind, listed)``: the configuration of a target for an authenticator, with all of its options."""

    def configuration(kind: str, listed: bool) -> Any:
        people = {"allowed_users": ["ada"]} if listed else {}
        login = {"type": kind, "admin_users": ["root"], **people, **CLASSES[kind][2]}
        return TARGETS[request.param](monkeypatch, tmp_path, SECRETS, **login)

    return configuration


def noticed(c: Any, folder: Path) -> tuple[Any, list[str]]:
    """The authenticator that a hub makes of it, and what the hub warns about meanwhile."""

    async def main() -> tuple[Any, list[str]]:
        async with running(c, folder) as hub:
            return hub.authenticator, hub.warnings

    return asyncio.run(main())


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("kind", CLASSES)
def test_nothing_is_warned_about(kind: str, listed: bool, told: Callable[..., Any], tmp_path: Path) -> None:
    """Our name is that of the class; no trait of ours is unknown or deprecated, and somebody may come in."""
    module, name, _ = CLASSES[kind]
    judge = require(module, module.partition(".")[0])
    c = told(kind, listed)
    made, warnings = noticed(c, tmp_path)

    assert type(made) is getattr(judge, name)
    assert [each for each in warnings if not each.strip().startswith(tuple(OF_THEIR_OWN.get(kind, ())))] == []


def test_warnings_are_noticed(told: Callable[..., Any], tmp_path: Path) -> None:
    """A trait that no class has is one."""
    require("ldapauthenticator", "jupyterhub-ldapauthenticator")
    c = told("ldap", True)
    c.LDAPAuthenticator.no_such_trait = True
    _, warnings = noticed(c, tmp_path)
    assert any("`no_such_trait` not recognized" in each for each in warnings)


def test_the_authenticator_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """OAuthenticator takes every key of ours, and its secret from the variable that the Secret fills."""
    hub = require("jupyterhub.app", "jupyterhub")
    generic = require("oauthenticator.generic", "oauthenticator")
    values = merged("all options")
    c = configured(values, SECRETS, monkeypatch)
    app = hub.JupyterHub()
    app.authenticator_class = values["hub"]["config"]["JupyterHub"]["authenticator_class"]
    made = app.authenticator_class(config=c)

    assert type(made) is generic.GenericOAuthenticator
    assert made.client_secret == "from the Secret"
    for section in ("Authenticator", "GenericOAuthenticator"):
        for trait, value in values["hub"]["config"][section].items():
            assert made.has_trait(trait), trait
            found = getattr(made, trait)
            assert (sorted(found) if isinstance(found, set) else found) == value
    groups = made.get_user_groups({"oauth_user": {"realm": {"roles": ["staff"]}}})
    assert asyncio.run(groups) == {"staff"}


# ── dummy ─────────────────────────────────────────────────────────────────────────────────────────────


@cache
def everybody(allowed: tuple[str, ...]) -> bool:
    """Whether JupyterHub's dummy lets in somebody who is not listed."""
    from traitlets.config import Config

    judge = require("jupyterhub.auth", "jupyterhub")
    chosen = options()
    chosen["authenticator"] = {**chosen["authenticator"], "allowed_users": list(allowed)}
    values = yaml.safe_load(compiled(chosen=chosen)["values.yaml"])
    made = judge.DummyAuthenticator(config=Config(values["hub"]["config"]))
    made.add_user(chart.User())  # the hub knows somebody from before
    return bool(made.check_allowed("eve", None)) or bool(made.check_allowed(chart.User.name, None))


def test_who_is_not_listed_stays_outside() -> None:
    """A list of users is all there is to it, even for those who were let in before."""
    assert everybody(())
    assert not everybody(("ada",))


def test_a_list_of_users(ask: Callable[..., None]) -> None:
    """Those who are listed come in, in capitals too, and administrators, who need not be listed."""
    require("jupyterhub", "jupyterhub")

    async def use(hub: Hub) -> None:
        assert await hub.login("ada", "any") == ("ada", False)
        assert await hub.login("Ada", "any") == ("ada", False)
        assert await hub.login("root", "any") == ("root", True)
        assert await hub.login("eve", "any") is None

    ask(use, type="dummy", allowed_users=["ada"], admin_users=["root"])


# ── accounts of the hub ───────────────────────────────────────────────────────────────────────────────

PASSWORD = "correct horse battery"


def jupyterhub() -> int:
    """The installed one; 0 for none."""
    try:
        return int(version("jupyterhub").partition(".")[0])
    except PackageNotFoundError:
        return 0


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    """NativeAuthenticator, for a hub that is not the first one of its process, and with quick hashes."""
    handlers = require("nativeauthenticator.handlers", "jupyterhub-nativeauthenticator")
    import bcrypt

    monkeypatch.setattr(handlers.LocalBase, "_template_dir_registered", False)
    # What a hub of the target compose adds is gone after the test.
    monkeypatch.setattr(handlers.LoginHandler, "statsd", None, raising=False)
    monkeypatch.delattr(handlers.LoginHandler, "statsd")
    monkeypatch.setattr(bcrypt, "gensalt", partial(bcrypt.gensalt, 4))


@pytest.fixture
def statsd(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a login is timed: JupyterHub 6 has it no more, and NativeAuthenticator 1.3.0 still asks for it.

    The target compose brings something of its own in its place.
    """
    if request.node.callspec.params["ask"] == "compose":
        return
    handler = require("jupyterhub.handlers", "jupyterhub").BaseHandler
    if not hasattr(handler, "statsd"):
        monkeypatch.setattr(handler, "statsd", Mock(), raising=False)


async def sign_up(visitor: Browser, name: str, password: str = PASSWORD) -> str:
    """Fill in the page; what it says then."""
    status, page = await visitor.fill(
        "/hub/signup", username=name, signup_password=password, signup_password_confirmation=password
    )
    assert status == 200
    return page


async def log_in(visitor: Browser, name: str, password: str = PASSWORD) -> str | None:
    """Fill in the page; what it says then, and nothing when one is in."""
    status, page = await visitor.fill("/hub/login", follow=False, username=name, password=password)
    assert status in (200, 302, 403)
    return None if status == 302 else page


@pytest.mark.usefixtures("native", "statsd")
def test_an_administrator_lets_people_in(ask: Callable[..., None]) -> None:
    """People sign up and wait, until an administrator says that they may come in; nobody else can say so."""

    async def use(hub: Hub) -> None:
        async with hub.served() as site, browser(site) as ada, browser(site) as root, browser(site) as eve:
            _, page = await ada.get("/hub/login")
            assert 'href="/hub/signup"' in page
            assert "sent to the admin" in await sign_up(ada, "ada")
            assert "not been authorized" in str(await log_in(ada, "ada"))
            assert "Invalid username or password" in str(await log_in(ada, "ada", "wrong horse battery"))

            await sign_up(root, "root")
            assert await log_in(root, "root") is None
            assert await root.get("/hub/authorize/ada", follow=False) == (302, "/hub/authorize#ada")
            assert await log_in(ada, "ada") is None

            assert (await ada.get("/hub/authorize"))[0] in (403, 404)
            assert (await ada.get("/hub/authorize/eve"))[0] in (403, 404)
            assert (await eve.get("/hub/home", follow=False))[0] == 302
            assert "username is already in use" in await sign_up(eve, "Ada", "another password")
            assert await log_in(eve, "ada", "another password")

    ask(use, type="native", native=NATIVE, admin_users=["root"])


@pytest.mark.usefixtures("native", "statsd")
def test_administrators_find_the_page(ask: Callable[..., None]) -> None:
    """Where people are let in is linked from the pages of an administrator, and of nobody else."""

    async def use(hub: Hub) -> None:
        async with hub.served() as site, browser(site) as root, browser(site) as ada:
            for name, visitor in (("root", root), ("ada", ada)):
                await sign_up(visitor, name)
                assert await log_in(visitor, name) is None
                _, page = await visitor.get("/hub/home")
                assert ('href="/hub/authorize"' in page) is (name == "root")
                assert 'href="/hub/change-password"' in page

    ask(use, type="native", native={**NATIVE, "open_signup": True}, admin_users=["root"])


@pytest.mark.usefixtures("native", "statsd")
def test_passwords_are_changed(ask: Callable[..., None]) -> None:
    """People change their own password, who know it; administrators set it, and discard who is not in yet."""
    new, newer = "another horse battery", "the third horse battery"

    async def use(hub: Hub) -> None:
        async with hub.served() as site, browser(site) as ada, browser(site) as root, browser(site) as eve:
            for name, visitor in (("ada", ada), ("root", root), ("eve", eve)):
                await sign_up(visitor, name)
            assert await log_in(root, "root") is None
            await root.get("/hub/authorize/ada")
            assert await log_in(ada, "ada") is None

            fields = {"old_password": "wrong", "new_password": new, "new_password_confirmation": new}
            assert "incorrect" in (await ada.fill("/hub/change-password", **fields))[1]
            fields["old_password"] = PASSWORD
            assert "successfully" in (await ada.fill("/hub/change-password", **fields))[1]
            assert await hub.login("ada", PASSWORD) is None
            assert await hub.login("ada", new) == ("ada", False)

            fields = {"new_password": newer, "new_password_confirmation": newer}
            assert (await ada.get("/hub/change-password/root"))[0] in (403, 404)
            assert "successfully" in (await root.fill("/hub/change-password/ada", **fields))[1]
            assert await hub.login("ada", newer) == ("ada", False)

            assert hub.authenticator.get_user("eve") is not None
            await root.get("/hub/discard/eve")
            assert hub.authenticator.get_user("eve") is None

    ask(use, type="native", native=NATIVE, admin_users=["root"])


NOT_FOR_6 = pytest.mark.xfail(
    jupyterhub() >= 6,
    reason="NativeAuthenticator 1.3.0 is not for JupyterHub 6, which has no BaseHandler.statsd",
)


@pytest.mark.parametrize("target", [pytest.param("z2jh", marks=NOT_FOR_6), "compose"])
@pytest.mark.usefixtures("native")
def test_native_is_for_this_jupyterhub(target: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The page takes a password, as it is: without anything of these tests' own."""

    async def use(hub: Hub) -> None:
        async with hub.served() as site, browser(site) as ada:
            await sign_up(ada, "ada")
            assert await log_in(ada, "ada") is None

    asked(target, monkeypatch, tmp_path, use, type="native", native={**NATIVE, "open_signup": True})


@pytest.mark.usefixtures("native")
def test_passwords_of_accounts(ask: Callable[..., None]) -> None:
    """Short ones and common ones make no account."""

    async def use(hub: Hub) -> None:
        create = hub.authenticator.create_user
        for password in ("", "elevenchars", "123qweasdzxc", "Mailcreated5240"):
            assert create("ada", password) is None
            assert await hub.login("ada", password) is None
        assert create("ada", "twelve chars").username == "ada"
        assert not hub.authenticator.change_password("ada", "elevenchars")
        for name in ("a,b", "a b", "a/b", ""):
            assert create(name, PASSWORD) is None

    ask(use, type="native", native=NATIVE)


@pytest.mark.usefixtures("native")
def test_open_signup(ask: Callable[..., None]) -> None:
    """Who signs up is in, with that password only; names are in lower case."""

    async def use(hub: Hub) -> None:
        hub.authenticator.create_user("Ada", PASSWORD)
        assert await hub.login("ada", PASSWORD) == ("ada", False)
        assert await hub.login("ADA", PASSWORD) == ("ada", False)
        assert hub.authenticator.create_user("ADA", "another password") is None
        for wrong in ("", PASSWORD.upper(), "another password"):
            assert await hub.login("ada", wrong) is None
        assert await hub.login("eve", PASSWORD) is None

    ask(use, type="native", native={**NATIVE, "open_signup": True, "failed_logins": 0})


@pytest.mark.parametrize("failures", [0, 3])
@pytest.mark.usefixtures("native")
def test_accounts_are_closed(failures: int, ask: Callable[..., None]) -> None:
    """After so many wrong passwords, and for ten minutes; another account is not."""

    async def use(hub: Hub) -> None:
        for name in ("ada", "eve"):
            hub.authenticator.create_user(name, PASSWORD)
        for _ in range((failures or 20) - 1):
            assert await hub.login("ada", "wrong") is None
        assert await hub.login("ada", PASSWORD) == ("ada", False)  # which starts the count anew

        for _ in range(failures or 20):
            assert await hub.login("ada", "wrong") is None
        assert await hub.login("Ada", PASSWORD) == (None if failures else ("ada", False))
        assert await hub.login("eve", PASSWORD) == ("eve", False)
        if failures:
            attempts = hub.authenticator.login_attempts["ada"]
            attempts["time"] -= timedelta(seconds=590)
            assert await hub.login("ada", PASSWORD) is None
            attempts["time"] -= timedelta(seconds=20)
            assert await hub.login("ada", PASSWORD) == ("ada", False)

    ask(use, type="native", native={**NATIVE, "open_signup": True, "failed_logins": failures})


@pytest.mark.parametrize("open_signup", [False, True])
@pytest.mark.usefixtures("native")
def test_accounts_that_are_listed(open_signup: bool, ask: Callable[..., None]) -> None:
    """Who is listed, or an administrator, signs up and is in; others stay outside, even when they are approved."""

    async def use(hub: Hub) -> None:
        for name in ("ada", "root", "eve"):
            hub.authenticator.create_user(name, PASSWORD)
        hub.authenticator.get_user("eve").is_authorized = True
        assert await hub.login("ada", PASSWORD) == ("ada", False)
        assert await hub.login("root", PASSWORD) == ("root", True)
        assert await hub.login("eve", PASSWORD) is None

    chosen = {**NATIVE, "open_signup": open_signup}
    ask(use, type="native", native=chosen, allowed_users=["ada"], admin_users=["root"])


# ── a login service ───────────────────────────────────────────────────────────────────────────────────

CLAIMS: dict[str, dict[str, Any]] = {
    "ada": {"preferred_username": "Ada", "realm": {"roles": []}},
    "grace": {"preferred_username": "grace", "realm": {"roles": ["m1", "staff"]}},
    "hedy": {"preferred_username": "hedy", "realm": {"roles": ["STAFF", "staff2", "sta"]}},
    "eve": {"preferred_username": "eve", "groups": ["staff"], "roles": ["staff"]},
    "root": {"preferred_username": "root", "realm": {}},
}
"""Of users who are listed, in a group that is allowed, in other ones, in none by this claim, and an administrator."""


async def enter(site: str, service: Service, user: str) -> int:
    """Log in with the button, in a browser; the status in the end, 302 for being in."""
    async with browser(site) as visitor:
        _, page = await visitor.get("/hub/login")
        assert OAUTH["login_service"] in page
        status, away = await visitor.get("/hub/oauth_login?next=", follow=False)
        assert status == 302
        back = service.authorize(user, away)
        status, _ = await visitor.get(back.removeprefix(f"https://{HOST}"), follow=False)
        assert ((await visitor.get("/hub/api/user"))[0] == 200) is (status == 302)
        return status


def test_groups_of_a_login_service(ask: Callable[..., None]) -> None:
    """Who is listed, in an allowed group by our claim, or an administrator comes in, and has the claim's groups.

    Who is in the group no more does not come in again, though the hub knows the user.
    """
    require("oauthenticator.generic", "oauthenticator")
    service = Service(
        CLAIMS,
        client_id=OAUTH["client_id"],
        client_secret=SECRETS["jupyterhub-oauth", "client-secret"],
        scope=OAUTH["scope"],
        callback=f"https://{HOST}/hub/oauth_callback",
    )

    async def use(hub: Hub) -> None:
        async with service.served(), hub.served() as site:
            found = {user: await enter(site, service, user) for user in CLAIMS}
            assert found == {"ada": 302, "grace": 302, "hedy": 403, "eve": 403, "root": 302}
            assert hub.groups("grace") == {"m1", "staff"}
            assert hub.groups("ada") == hub.groups("root") == set()

            service.claims["grace"] = {"preferred_username": "grace", "realm": {"roles": ["m1"]}}
            assert await enter(site, service, "grace") == 403

    ask(
        use,
        type="generic-oauth",
        oauth={**OAUTH, **service.options, "groups_claim": "realm.roles"},
        allowed_users=["ada"],
        allowed_groups=["staff"],
        admin_users=["root"],
    )
