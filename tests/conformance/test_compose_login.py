"""Who may log in to a hub on one machine: what is not the same on Kubernetes. ``test_login.py`` has the rest."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.conformance import compose_hub
from tests.conformance.hub_app import HOST, SECRETS, Browser, Hub, browser, compose, running
from tests.conformance.login_service import Service
from tests.conformance.test_login import enter
from tests.conformance.test_z2jh import require
from tests.targets.compose.samples import NATIVE, SEARCH, authenticator, compiled, ldap, options
from tests.targets.z2jh.samples import OAUTH

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning",
        "ignore::ResourceWarning",
        "ignore:The `version` property of an event schema",  # of JupyterHub 5
    ),
]
SEARCHING = authenticator(type="ldap", ldap=ldap(users=[], search=SEARCH, ca=True))
SERVICE = {
    key: OAUTH[key]
    for key in ("authorize_url", "token_url", "userdata_url", "login_service", "username_claim", "scope")
}
CLAIMING = authenticator(type="generic-oauth", oauth={**SERVICE, "groups_claim": None})


def written(folder: Path, asked: dict[str, Any]) -> Path:
    """The files of a centre with an authenticator, and all secrets, as an operator makes them."""
    compose_hub.write(folder, compiled(chosen=options(authenticator=asked)))
    folder.joinpath("secrets", "oauth_client_secret").write_text("secret\n")
    folder.joinpath("secrets", "ldap_password").write_text("password\n")
    trustme.CA().cert_pem.write_to_path(str(folder / "secrets" / "ldap_ca"))
    return folder


# ── secrets ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        ("s3cret", "s3cret"),
        ("s3cret\n", "s3cret"),
        ("s3cret\r\n", "s3cret"),
        ("correct horse\t battery é ", "correct horse\t battery é "),
    ],
)
def test_a_secret_is_its_line(
    content: str, secret: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line break that editors and `echo` leave at the end is no part of a secret; everything else is."""
    for number, (asked, file) in enumerate([(CLAIMING, "oauth_client_secret"), (SEARCHING, "ldap_password")]):
        (tmp_path / str(number)).mkdir()
        folder = written(tmp_path / str(number), asked)
        folder.joinpath("secrets", file).write_bytes(content.encode())
        c = compose_hub.load(folder, monkeypatch)
        told = {
            "oauth_client_secret": c.GenericOAuthenticator.client_secret,
            "ldap_password": c.LDAPAuthenticator.lookup_dn_search_password,
        }[file]
        assert told == secret


@pytest.mark.parametrize("wrong", ["missing", "empty", "an empty line", "a folder", "not text"])
@pytest.mark.parametrize(
    ("asked", "file"),
    [
        (CLAIMING, "oauth_client_secret"),
        (SEARCHING, "ldap_password"),
        (SEARCHING, "ldap_ca"),
    ],
    ids=["oauth_client_secret", "ldap_password", "ldap_ca"],
)
def test_a_hub_without_its_secrets_says_so(
    wrong: str,
    asked: dict[str, Any],
    file: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A secret that is not there, or not what it should be, ends the hub with the name of the file."""
    folder = written(tmp_path, asked)
    path = folder / "secrets" / file
    path.unlink()
    if wrong == "a folder":  # Docker makes one of a file that is not there
        path.mkdir()
    elif wrong != "missing":
        path.write_bytes({"empty": b"", "an empty line": b" \n", "not text": b"\xff\xfe"}[wrong])
    with pytest.raises(SystemExit) as ended:
        compose_hub.load(folder, monkeypatch)
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert f"the file secrets/{file} " in said
    assert "Traceback" not in said
    assert file in folder.joinpath("env.example").read_text()


def test_only_what_is_needed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an account of the hub's, without a CA, or with another authenticator, no secret has to be there."""
    anonymous = authenticator(type="ldap", ldap=ldap(users=[], search={**SEARCH, "user": None}))
    native = authenticator(type="native", native=NATIVE)
    for number, asked in enumerate((anonymous, authenticator(), native)):
        (tmp_path / str(number)).mkdir()
        folder = written(tmp_path / str(number), asked)
        for file in (folder / "secrets").iterdir():
            file.unlink()
        assert compose_hub.load(folder, monkeypatch).JupyterHub.authenticator_class == asked["type"]


# ── the file of its own ───────────────────────────────────────────────────────────────────────────────


def hub_ends(folder: Path, at: Path) -> tuple[int, str]:
    """Status and last words of the real program, started in another folder; it has to end by itself."""
    require("dockerspawner", "dockerspawner")
    done = subprocess.run(
        [sys.executable, "-m", "jupyterhub", "-f", str(folder / "jupyterhub_config.py")],
        cwd=at,
        env={
            **os.environ,
            **compose_hub.ENVIRONMENT,
            "LEGO_SECRETS": str(folder / "secrets"),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stderr


def test_the_program_itself_ends(tmp_path: Path) -> None:
    """JupyterHub is not started without its secret: it ends with one line that says why."""
    folder, elsewhere = tmp_path / "hub", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    written(folder, CLAIMING).joinpath("secrets", "oauth_client_secret").write_text("\n")
    status, said = hub_ends(folder, elsewhere)
    assert status == 1
    assert "the file secrets/oauth_client_secret is empty" in said
    assert "Traceback" not in said


def test_a_hub_without_its_login_does_not_start(tmp_path: Path) -> None:
    """Without login.py there would be another authenticator: the one that JupyterHub has when nobody says any."""
    folder, elsewhere = tmp_path / "hub", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    written(folder, authenticator()).joinpath("login.py").rename(elsewhere / "login.py")
    status, said = hub_ends(folder, elsewhere)
    assert status != 0
    assert re.search(r"FileNotFoundError: .*login\.py", said)


# ── whom the spec dropped ─────────────────────────────────────────────────────────────────────────────


def over(
    database: Path, monkeypatch: pytest.MonkeyPatch, use: Callable[[Hub], Awaitable[None]], **login: Any
) -> None:
    """Use a hub with an authenticator of these options, over a database that stays."""
    c = compose(monkeypatch, database.parent, SECRETS, **login)

    async def main() -> None:
        async with running(
            c,
            database.parent,
            db_url=f"sqlite:///{database}",
            spawner_class="dockerspawner.DockerSpawner",
        ) as hub:
            await use(hub)

    asyncio.run(main())


async def logged_in(visitor: Browser, name: str) -> dict[str, Any] | None:
    """Log in with a password that the dummy takes; what the hub says of the user, or None outside."""
    status, _ = await visitor.fill("/hub/login", follow=False, username=name, password="any")
    return await itself(visitor) if status == 302 else None


async def itself(visitor: Browser) -> dict[str, Any] | None:
    """What the hub says of the user of a browser, or None when there is none."""
    import json

    status, page = await visitor.get("/hub/api/user")
    return dict(json.loads(page)) if status == 200 else None


def test_who_was_dropped_is_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom the spec has no more cannot log in, nor start a session with what is left of the last login."""
    require("dockerspawner", "dockerspawner")
    database = tmp_path / "hub.sqlite"
    cookies: dict[str, Any] = {}

    async def before(hub: Hub) -> None:
        async with hub.served() as site:
            for name in ("ada", "eve"):
                async with browser(site) as visitor:
                    assert await logged_in(visitor, name)
                    assert (await visitor.get("/hub/spawn"))[0] == 200
                    cookies[name] = visitor.cookies()

    async def after(hub: Hub) -> None:
        async with hub.served() as site:
            for name, is_in in (("ada", True), ("eve", False)):
                async with browser(site) as visitor:
                    assert bool(await logged_in(visitor, name)) is is_in
                async with browser(site, cookies[name]) as visitor:
                    assert ((await itself(visitor)) or {})["name"] == name  # the cookie is still good
                    status, page = await visitor.get("/hub/spawn")
                    assert status == (200 if is_in else 403), page

    over(database, monkeypatch, before, type="dummy", allowed_users=["ada", "eve"])
    over(database, monkeypatch, after, type="dummy", allowed_users=["ada"])


def test_who_was_an_administrator_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom the spec names no more as an administrator is none after the next login; others become one."""
    require("dockerspawner", "dockerspawner")
    database = tmp_path / "hub.sqlite"

    def users(**admins: bool) -> Callable[[Hub], Awaitable[None]]:
        async def use(hub: Hub) -> None:
            async with hub.served() as site:
                for name, is_admin in admins.items():
                    async with browser(site) as visitor:
                        found = await logged_in(visitor, name)
                        assert found is not None
                        assert (found["admin"], "admin" in found["roles"]) == (is_admin, is_admin)
                        assert ((await visitor.get("/hub/admin"))[0] == 200) is is_admin

        return use

    people = {"type": "dummy", "allowed_users": ["ada", "grace"]}
    over(database, monkeypatch, users(ada=True, grace=False), **people, admin_users=["ada"])
    over(database, monkeypatch, users(ada=False, grace=True), **people, admin_users=["grace"])
    over(database, monkeypatch, users(ada=False, grace=False), **people, admin_users=[])


def test_who_left_a_group_loses_its_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the login service says at a login decides over profiles, and not what it once said."""
    require("oauthenticator.generic", "oauthenticator")
    require("dockerspawner", "dockerspawner")
    claims: dict[str, Any] = {"grace": {"preferred_username": "grace", "groups": ["staff", "m1"]}}
    service = Service(
        claims,
        client_id=OAUTH["client_id"],
        client_secret=SECRETS["jupyterhub-oauth", "client-secret"],
        scope=OAUTH["scope"],
        callback=f"https://{HOST}/hub/oauth_callback",
    )

    async def use(hub: Hub) -> None:
        async def offered() -> list[str]:
            page = await hub.app.users["grace"].spawner.get_options_form()
            return re.findall(r'name="profile"[^>]*value="([a-z]+)"', page)

        async with service.served(), hub.served() as site:
            assert await enter(site, service, "grace") == 302
            assert await offered() == ["ocean", "field", "deep"]
            service.claims["grace"]["groups"] = ["m1"]
            assert await enter(site, service, "grace") == 302
            assert await offered() == ["ocean", "deep"]
            service.claims["grace"]["groups"] = []
            assert await enter(site, service, "grace") == 302
            assert await offered() == ["ocean"]

    over(
        tmp_path / "hub.sqlite",
        monkeypatch,
        use,
        type="generic-oauth",
        oauth={**OAUTH, **service.options, "groups_claim": "groups"},
    )


def test_accounts_are_in_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts of the hub's own are there after a restart, in the database that is backed up."""
    require("nativeauthenticator", "jupyterhub-nativeauthenticator")
    require("dockerspawner", "dockerspawner")
    password = "correct horse battery"

    async def before(hub: Hub) -> None:
        hub.authenticator.create_user("ada", password)
        assert await hub.login("ada", password) == ("ada", False)

    async def after(hub: Hub) -> None:
        assert await hub.login("ada", password) == ("ada", False)
        assert await hub.login("ada", "wrong") is None

    login = {"type": "native", "native": {**NATIVE, "open_signup": True}}
    over(tmp_path / "hub.sqlite", monkeypatch, before, **login)
    over(tmp_path / "hub.sqlite", monkeypatch, after, **login)
