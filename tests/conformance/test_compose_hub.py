"""The hub of the target ``compose``, as processes: JupyterHub 5 and 6, DockerSpawner and the proxy, users before them.

What DockerSpawner makes of each choice is looked at more closely, and without a hub, in test_compose_sessions.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from lego_compile.ir.model import Deployment
from tests.conformance.compose_attacks import ATTACKS
from tests.conformance.compose_hub import load
from tests.conformance.compose_payload import assert_is_composition
from tests.conformance.docker_engine import Ended, Process
from tests.conformance.hub_complaints import ENDS, REFUSED, unexpected
from tests.conformance.login_service import Service
from tests.conformance.running_hub import (
    INSTALLED,
    VERSIONS,
    RunningHub,
    available,
    deployed,
    logging_in,
    require,
)
from tests.conformance.spawn_page import Page
from tests.strategies import choices, example, spelled
from tests.targets.compose.samples import OAUTH, authenticator, options, projected

EVIL = '"><script>alert(1)</script>{{ 7 * 6 }}{% raw %}'
CHOICES = [(profile, ticked) for profile in projected(example()).profiles for ticked in choices(profile)]
MEMBERS = tuple(f"member{number}" for number in range(len(CHOICES)))
"""Of the group staff, one for each choice, besides ada and grace."""


def centre() -> Deployment:
    """The rich example, with members for every choice and titles that are no markup."""
    deployment = projected(example())
    *rest, deep = deployment.profiles
    bricks = tuple(replace(brick, title=EVIL) for brick in deep.bricks)
    return replace(
        deployment,
        profiles=(*rest, replace(deep, title=EVIL, description=EVIL, bricks=bricks)),
        groups=(("staff", ("ada", "grace", "leo", *MEMBERS)),),
    )


HERE = [version for version in VERSIONS if available(version)]
"""Versions that this machine can run: one line says what is missing, and not one for each test."""


@pytest.mark.parametrize("version", VERSIONS)
def test_the_version_is_here(version: str) -> None:
    """Every version that the fixed configuration is for is at hand; a skip says how to get it."""
    require(version)


@pytest.fixture(scope="module", params=HERE)
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A centre for a trial; everybody is who they say."""
    chosen = options(authenticator=authenticator(admin_users=["amelie"]))
    with deployed(tmp_path_factory.mktemp("centre"), request.param, centre(), chosen) as started:
        assert [] == unexpected(started.complaints())
        yield started
        assert [] == started.engine.unknown
        assert [] == unexpected(started.complaints(), *REFUSED)
        assert [] == [end for end in started.exceptions() if not re.match(ENDS, end)]


def stop(hub: RunningHub, visitor: Any) -> None:
    """Stop somebody's server, and see that nothing of it is left."""
    assert visitor.rest("DELETE", f"/users/{quote(visitor.name)}/server").status_code in (202, 204)
    hub.wait(lambda: not server_of(visitor), "the server has not stopped")
    assert hub.container_of(visitor.name) is None


def server_of(visitor: Any) -> dict[str, Any]:
    """What the hub says of somebody's server; empty when it does not run."""
    servers: dict[str, Any] = visitor.rest("GET", f"/users/{quote(visitor.name)}").json()["servers"]
    return dict(servers.get("", {}))


def at_work(hub: RunningHub, visitor: Any, answer: Any) -> str:
    """What somebody sees in the end who sent the spawn form, or asked the REST API for a server."""
    assert answer.status_code in (200, 201, 202), answer.text
    hub.wait(lambda: server_of(visitor).get("ready"), "the server is not ready")
    return str(visitor.get(f"/user/{quote(visitor.name, safe='@')}/lab").text)


def test_every_choice_is_its_composition(hub: RunningHub) -> None:
    """Chosen on the page, or over the REST API, or started once more without a word: the container is the composition,
    its user comes to it through the proxy, and after the stop nothing is left.
    """
    deployment = centre()

    def session(number: int) -> None:
        profile, ticked = CHOICES[number]
        (profile,) = (each for each in deployment.profiles if each.slug == profile.slug)
        wishes, user = list(map(spelled, ticked)), MEMBERS[number]
        visitor = hub.visitor(user)

        def is_composition(answer: Any) -> None:
            assert at_work(hub, visitor, answer) == f"the Lab of {user}"
            assert_is_composition(hub.container_of(user).body, deployment, profile, ticked, user)
            stop(hub, visitor)

        page = visitor.get("/hub/spawn")
        assert Page(page.text).posted()["profile"] == ["ocean"]
        is_composition(visitor.choose(profile.slug, wishes, page))
        posted = Page(visitor.get("/hub/spawn").text).posted()
        assert [profile.slug] == posted["profile"]
        assert sorted(wishes) == sorted(filter(None, posted.get(f"bricks-{profile.slug}", [])))
        said = hub.body({"profile": profile.slug, "bricks": wishes}) if number % 2 else None
        is_composition(visitor.rest("POST", f"/users/{user}/server", said))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(session, range(len(CHOICES))))


@pytest.mark.parametrize("name", ["ada.lovelace+x@example.org", "o'neil {username} 日本"])
def test_names_of_users(hub: RunningHub, name: str) -> None:
    """A user of any name has a session, and a home that is nobody else's."""
    visitor = hub.visitor(name)
    assert at_work(hub, visitor, visitor.choose("ocean")) == f"the Lab of {name}"
    container = hub.container_of(name)
    escaped = container.name.removeprefix("lego-grenoble-")
    assert_is_composition(container.body, centre(), centre().profiles[0], (), escaped)
    stop(hub, visitor)


def test_a_query_is_a_form(hub: RunningHub) -> None:
    """An address with the fields of the form starts what the form would (for JupyterHub 6 with `opt-` before each)."""
    leo, prefix = hub.visitor("leo"), "" if hub.version.startswith("5") else "opt-"
    query = f"{prefix}profile=ocean&{prefix}bricks-ocean=ml%40v2026-3&{prefix}bricks-ocean=notebook"
    assert at_work(hub, leo, leo.get(f"/hub/spawn?{query}")) == "the Lab of leo"
    profile = centre().profiles[0]
    ticked = [each for each in profile.offers if spelled(each) in ("ml@v2026-3", "notebook")]
    assert_is_composition(hub.container_of("leo").body, centre(), profile, ticked, "leo")
    stop(hub, leo)
    before = len(hub.engine.created)
    page = leo.get(f"/hub/spawn?{prefix}profile=gone")
    assert "no such profile for you" in page.text
    assert before == len(hub.engine.created)


def test_titles_are_text(hub: RunningHub) -> None:
    """Nothing in a title is obeyed, by browsers or by the hub's templates."""
    text = hub.visitor("grace").get("/hub/spawn").text
    assert "alert(1)</script>" not in text
    shown = Page(text).text
    assert EVIL in shown
    assert "Ocean <modelling> & co" in shown
    assert not any("alert" in box.value for box in Page(text).boxes)


def test_nothing_else_can_be_started(hub: RunningHub) -> None:
    """Options that the form never sends, or not to this user, are refused, and nothing is created."""
    eve, before = hub.visitor("eve"), len(hub.engine.created)
    answers = {
        name: eve.rest("POST", "/users/eve/server", hub.body(attack)).status_code
        for name, attack in ATTACKS.items()
    }
    assert dict.fromkeys(ATTACKS, 400) == answers
    many = {"profile": "ocean", "bricks": ["ml"] * 100_000}  # while the hub reads them, it answers nobody
    assert eve.rest("POST", "/users/eve/server", hub.body(many)).status_code == 400
    assert before == len(hub.engine.created)
    # What was asked for is stored all the same, and what is sound in it is preselected.
    assert Page(eve.get("/hub/spawn").text).posted() == {"profile": ["ocean"], "bricks-ocean": ["ml"]}


def test_forged_forms_are_refused(hub: RunningHub) -> None:
    """Whatever is posted instead of the form is refused with the form and a reason, and shown as text, if at all."""
    eve, before = hub.visitor("eve"), len(hub.engine.created)
    page = eve.get("/hub/spawn")
    forged: list[dict[str, Any]] = [
        {},
        {"profile": EVIL, "bricks-ocean": EVIL},
        {"profile": "deep"},
        {"profile": ""},
        {"profile": "ocean", "bricks-ocean": ["ml", "ml@v2026-3"]},
        {"profile": "ocean", "bricks-ocean": EVIL},
        {"profile": "ocean", "bricks-ocean": "x" * 100_000},
        {"profile": "ocean\0"},
    ]
    for fields in forged:
        answer = eve.send(page, fields)
        assert answer.status_code == (200 if hub.version == "5.3.0" else 400), (
            fields
        )  # 5.3 shows the form alone
        assert re.search(
            r"no such profile for you|does not offer such a brick|one release of a brick", answer.text
        )
        assert "alert(1)" not in answer.text
        assert "ocean" in Page(answer.text).values("profile")
    assert before == len(hub.engine.created)


def test_bodies_that_are_no_options(hub: RunningHub) -> None:
    """A body of another type is refused, breaks neither the user's pages nor the next start of the hub."""
    eve, before = hub.visitor("eve"), len(hub.engine.created)
    for raw in (b'["ocean"]', b'"ocean"', b"7", b"{", b'{"profile": ' + b"[" * 100_000):
        assert eve.rest("POST", "/users/eve/server", raw=raw).status_code == 400, raw[:20]
        assert eve.get("/hub/spawn").status_code == 200, raw[:20]
    assert before == len(hub.engine.created)


def test_servers_of_others(hub: RunningHub) -> None:
    """Nobody starts a server of somebody else, or a second one."""
    eve, grace, before = hub.visitor("eve"), hub.visitor("grace"), len(hub.engine.created)
    page = eve.get("/hub/spawn")
    assert eve.rest("POST", "/users/grace/server", hub.body({"profile": "ocean"})).status_code in (403, 404)
    assert eve.get("/hub/spawn/grace").status_code in (403, 404)
    url = page.url.replace("/hub/spawn", "/hub/spawn/grace")
    forged = eve.session.post(url, data={"profile": "ocean"}, params={"_xsrf": eve.session.cookies["_xsrf"]})
    assert forged.status_code in (403, 404)
    assert eve.rest("POST", "/users/eve/servers/second", hub.body({"profile": "ocean"})).status_code == 400
    assert grace.get("/hub/spawn/grace/second").status_code == 400
    assert before == len(hub.engine.created)


def test_who_left_a_group_is_out(hub: RunningHub) -> None:
    """A profile is no more open to whom an administrator took out of its group, though it was the last choice."""
    amelie, leo = hub.visitor("amelie"), hub.visitor("leo")
    start = hub.body({"profile": "field", "bricks": []})
    assert at_work(hub, leo, leo.rest("POST", "/users/leo/server", start)) == "the Lab of leo"
    stop(hub, leo)
    before = len(hub.engine.created)
    assert amelie.rest("DELETE", "/groups/staff/users", {"users": ["leo"]}).status_code == 200
    assert leo.rest("POST", "/users/leo/server", start).status_code == 400
    assert leo.rest("POST", "/users/leo/server").status_code == 400
    posted = Page(leo.get("/hub/spawn").text)
    assert posted.values("profile") == ["ocean"]
    assert before == len(hub.engine.created)
    assert at_work(hub, leo, leo.choose("ocean")) == "the Lab of leo"
    stop(hub, leo)


def test_missing_software_is_named(hub: RunningHub) -> None:
    """A brick that is not on the machine is named in a 503, on the page too, and nothing is created."""
    ada, before = hub.visitor("ada"), len(hub.engine.created)
    (ml,) = (each for each in centre().profiles[0].offers if spelled(each) == "ml")
    hub.engine.images.remove(ml.image.pinned)
    try:
        answer = ada.rest("POST", "/users/ada/server", hub.body({"profile": "ocean", "bricks": ["ml"]}))
        assert (answer.status_code, ml.image.pinned in answer.text) == (503, True)
        assert ml.image.pinned in ada.choose("ocean", ["ml"]).text
        assert before == len(hub.engine.created)
    finally:
        hub.engine.images.add(ml.image.pinned)
    assert "not on this machine" in hub.log("hub")


def test_why_a_session_ended_at_once(hub: RunningHub) -> None:
    """What the guard says is what the user reads, long before the start times out; and nothing is left."""
    ada, run = hub.visitor("ada"), hub.engine.run
    words = "lego: the brick at /opt/bricks/ml is missing from this container; please tell your administrator"

    def end(body: Any) -> Process:
        raise Ended(78, f"something else\n{words}\n")

    hub.engine.run = end
    try:
        answer = ada.rest("POST", "/users/ada/server", hub.body({"profile": "ocean", "bricks": []}))
        assert answer.status_code == 503
        assert f"ended with exit code 78: {words}" in answer.text
        assert words in ada.choose("ocean", []).text
        hub.wait(lambda: hub.container_of("ada") is None, "the container is still there")
    finally:
        hub.engine.run = run
    assert at_work(hub, ada, ada.choose("ocean", [])) == "the Lab of ada"
    stop(hub, ada)


def test_a_lost_database(hub: RunningHub) -> None:
    """A container that the hub knows nothing of, because its database was lost, is in nobody's way."""
    leo = hub.visitor("leo")
    assert at_work(hub, leo, leo.choose("ocean", ["ml"])) == "the Lab of leo"
    left = hub.container_of("leo")
    stop(hub, leo)
    hub.engine.containers.append(left)
    left.process = Process(left.body)
    assert at_work(hub, leo, leo.choose("ocean", ["notebook"])) == "the Lab of leo"
    assert left not in hub.engine.containers
    stop(hub, leo)


def test_a_dead_container_comes_back_anew(hub: RunningHub) -> None:
    """A session whose container ended is started again in a new one, with the bricks of now."""
    ada = hub.visitor("ada")
    assert at_work(hub, ada, ada.choose("ocean", ["ml"])) == "the Lab of ada"
    old = hub.container_of("ada")
    hub.engine.die(old.name, 78)
    said = hub.body({"profile": "ocean", "bricks": ["notebook"]})
    assert at_work(hub, ada, ada.rest("POST", "/users/ada/server", said)) == "the Lab of ada"
    new = hub.container_of("ada")
    assert new.id != old.id
    profile = centre().profiles[0]
    assert_is_composition(
        new.body, centre(), profile, [each for each in profile.offers if each.name == "notebook"], "ada"
    )
    stop(hub, ada)


# --- another specification, and a restart ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def updated(hub: RunningHub) -> Iterator[tuple[RunningHub, Service, Any]]:
    """The same centre with a login service, fewer bricks and impatience with idle sessions; one session runs on.

    Yields:
        The hub, its login service, and ada, who was there before.
    """
    claims = {
        name: {"preferred_username": name, "groups": groups}
        for name, groups in {"ada": ["staff"], "noa": ["staff", "m1"], "kim": ["m1"], "eve": []}.items()
    }
    service = Service(
        claims,
        client_id="hub",
        client_secret="secret",
        scope=["openid"],
        callback=f"{hub.site}/hub/oauth_callback",
    )
    oauth = {**OAUTH, **service.options, "scope": ["openid"], "groups_claim": "groups"}
    chosen = options(
        authenticator=authenticator(type="generic-oauth", oauth=oauth, admin_users=["amelie"]),
        cull={"timeout": 11, "max_age": 0},  # longer than the restart, and than it takes to see a session
    )
    first, *rest = centre().profiles
    deployment = replace(centre(), profiles=(replace(first, offers=first.offers[:-1]), *rest), groups=())
    ada, grace = hub.visitor("ada"), hub.visitor("grace")
    assert at_work(hub, grace, grace.choose("ocean", ["ml@v2026-3"])) == "the Lab of grace"
    stop(hub, grace)
    assert at_work(hub, ada, ada.choose("ocean", ["notebook"])) == "the Lab of ada"
    running = hub.container_of("ada")
    with running.process.in_use(), logging_in(service):
        hub.stop("hub")
        assert ada.get("/user/ada/lab").text == "the Lab of ada"  # the proxy needs no hub for those who work
        assert ada.get("/hub/home").status_code == 503
        hub.install(deployment, chosen)
        hub.start_hub(last_activity_interval=2)
        assert hub.container_of("ada") is running
        assert server_of(ada)["ready"]
        yield hub, service, ada


def come_in(hub: RunningHub, service: Service, name: str) -> Any:
    """Log in at the login service."""
    visitor = hub.visitor()
    sent = visitor.get("/hub/oauth_login?next=/hub/home", follow=False)
    back = service.authorize(name, sent.headers["Location"])
    visitor.name = name
    page = visitor.get(back.removeprefix(hub.site))
    assert page.url == f"{hub.site}/hub/home", page.text
    return visitor


def test_idle_servers_are_stopped(updated: tuple[RunningHub, Service, Any]) -> None:
    """The culler stops who is idle, with the scopes that it has; not who works, nor who worked through the restart."""
    hub, service, ada = updated
    kim = come_in(hub, service, "kim")
    assert at_work(hub, kim, kim.choose("ocean")) == "the Lab of kim"
    hub.wait(lambda: hub.container_of("kim") is None, "nobody stopped an idle server", 90)
    assert not server_of(kim)
    assert server_of(ada)["ready"]
    assert ada.get("/user/ada/lab").text == "the Lab of ada"
    assert "kim" in "".join(re.findall(r"IdleCuller .*Culling server .*", hub.log("hub")))


def test_a_new_proxy_learns_where_sessions_are(
    updated: tuple[RunningHub, Service, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that was started anew, and so knows nothing, leads to running sessions again in a minute at the most."""
    hub, _, ada = updated
    assert (
        load(hub.written, monkeypatch).JupyterHub.last_activity_interval <= 60
    )  # here it is less, to wait for it
    hub.stop("proxy")
    hub.start_proxy()
    hub.wait(lambda: ada.get("/user/ada/lab", follow=False).text == "the Lab of ada", "no way to the session")


def test_the_last_choice_outlives_the_hub(updated: tuple[RunningHub, Service, Any]) -> None:
    """After a restart, the page preselects what was chosen before, and forgets what the centre no longer has."""
    hub, service, ada = updated
    service.claims["grace"] = {"preferred_username": "grace", "groups": []}
    grace = come_in(hub, service, "grace")
    assert Page(grace.get("/hub/spawn").text).posted() == {
        "profile": ["ocean"],
        "bricks-ocean": ["ml@v2026-3"],
    }
    with hub.container_of("ada").process.in_use():
        assert ada.get("/hub/home").status_code == 200  # she is still logged in
        stop(hub, ada)
    posted = Page(ada.get("/hub/spawn").text).posted()
    assert (posted["profile"], posted["bricks-ocean"]) == (["ocean"], [""])
    assert at_work(hub, ada, ada.choose("ocean", ["ml"])) == "the Lab of ada"
    stop(hub, ada)


def test_groups_of_the_login_service(updated: tuple[RunningHub, Service, Any]) -> None:
    """A claim opens profiles, and closes them at the next login."""
    hub, service, _ = updated
    noa, eve = come_in(hub, service, "noa"), come_in(hub, service, "eve")
    assert Page(noa.get("/hub/spawn").text).values("profile") == ["ocean", "field", "deep"]
    assert Page(eve.get("/hub/spawn").text).values("profile") == ["ocean"]
    start = hub.body({"profile": "deep"})
    assert eve.rest("POST", "/users/eve/server", start).status_code == 400
    assert at_work(hub, noa, noa.rest("POST", "/users/noa/server", start)) == "the Lab of noa"
    assert_is_composition(hub.container_of("noa").body, centre(), centre().profiles[2], (), "noa")
    stop(hub, noa)
    service.claims["noa"] = {"preferred_username": "noa", "groups": []}
    assert at_work(hub, noa, noa.rest("POST", "/users/noa/server", start)) == "the Lab of noa"
    stop(hub, noa)
    again = come_in(hub, service, "noa")
    assert again.rest("POST", "/users/noa/server", start).status_code == 400
    assert Page(again.get("/hub/spawn").text).values("profile") == ["ocean"]


def test_a_newer_hub_keeps_what_the_older_one_knew(tmp_path: Path) -> None:
    """JupyterHub 5 is replaced by the installed one, which brings the database up to date and keeps a copy of it."""
    require("5.5.4")
    chosen = options(authenticator=authenticator(admin_users=["amelie"]))
    with deployed(tmp_path, "5.5.4", centre(), chosen) as hub:
        ada = hub.visitor("ada")
        assert at_work(hub, ada, ada.choose("ocean", ["ml"])) == "the Lab of ada"
        stop(hub, ada)
        hub.stop("hub")
        hub.becomes(INSTALLED)
        hub.start_hub()
        ada = hub.visitor("ada")
        assert Page(ada.get("/hub/spawn").text).posted()["bricks-ocean"] == ["ml"]
        assert at_work(hub, ada, ada.choose("ocean", ["ml"])) == "the Lab of ada"
        assert len(list(hub.srv.glob("jupyterhub.sqlite.*"))) == 1
