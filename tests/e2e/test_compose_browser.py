"""A centre on Docker Engine before somebody's eyes: a real browser logs in, ticks bricks, and runs cells in JupyterLab.

``LEGO_SCREENSHOTS=DIR`` keeps what the windows looked like, as ``spawn-page.png`` and ``lab.png``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.browser import SIZE, Desk, Person, chromium
from tests.e2e.built import ONLY, PREFIXES, TITLES
from tests.e2e.conftest import Three, judged
from tests.e2e.docker import Docker
from tests.e2e.docker_centre import HOST, Centre
from tests.e2e.namespace import CannotRun
from tests.e2e.three import LONG

if TYPE_CHECKING:  # not everybody has it who runs no test here
    from playwright.sync_api import Locator, Page

BOXES = {"ocean": "Ocean", "hydro": "Hydrology", "pangeo": "Pangeo"}
"""Titles of the bricks themselves."""

LOOK = "import sys; print(sys.prefix)"
Show = Callable[[str], Person]


@pytest.fixture(scope="module")
def centre(three: Three) -> Iterator[Centre]:
    """A centre that runs, with images that were built."""
    with three.centre.running():
        yield three.centre


@pytest.fixture(scope="module")
def show(
    request: pytest.FixtureRequest, centre: Centre, docker: Docker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Show]:
    """Log somebody in, in a window."""
    with ExitStack() as ended:
        home = tmp_path_factory.mktemp("browser")
        try:
            browser = ended.enter_context(chromium(HOST, docker.root.namespace, centre.authority(), home))
        except CannotRun as missing:
            pytest.skip(str(missing))
        judged(request, f"Chromium {browser.version}")

        def made(name: str) -> Person:
            person = Person(browser, HOST, name)
            ended.callback(person.close)
            return person

        yield made


@pytest.fixture(scope="module")
def ada(show: Show) -> Person:
    """Somebody who has logged in, before the spawn page."""
    return show("ada")


@pytest.fixture(scope="module")
def desk(ada: Person) -> Iterator[Desk]:
    """Her JupyterLab, with one of the bricks that her profile offers."""
    page = ada.page
    ada.open("/hub/spawn")
    page.get_by_label("Oceanography").check()
    _box(page, "hydro").check()
    keep(ada, "spawn-page")
    yield ada.start()
    ada.stop()


def _box(page: Page, brick: str) -> Locator:
    """The box of a brick that the chosen profile offers; those of others are not shown, and have no role."""
    return page.get_by_role("checkbox", name=BOXES[brick], exact=True)


def keep(person: Person, name: str) -> None:
    """Keep what a window looks like, if that was asked for."""
    if folder := os.environ.get("LEGO_SCREENSHOTS"):
        person.picture(Path(folder).resolve() / f"{name}.png")


# ── the spawn page ────────────────────────────────────────────────────────────────────────────────────


def test_the_spawn_page(ada: Person) -> None:
    """The default is chosen, and only the bricks that the chosen profile offers are shown, by their titles."""
    ada.open("/hub/spawn")
    page = ada.page
    assert page.get_by_role("radio").count() == 3
    assert page.get_by_label("Oceanography").is_checked()
    boxes = page.get_by_role("checkbox")
    assert boxes.count() == 2
    assert [each.is_checked() for each in boxes.all()] == [False, False]
    page.get_by_label("Field campaign").check()
    assert boxes.count() == 0
    page.get_by_label(LONG).check()
    assert _box(page, "ocean").is_visible()


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_it_fits_into_narrow_windows(width: int, ada: Person) -> None:
    """A telephone shows all of it without being moved sideways, long titles too (WCAG 2.2, 1.4.10)."""
    ada.open("/hub/spawn")
    ada.page.get_by_label(LONG).check()
    ada.resize(width, 700)
    try:
        over = ada.page.evaluate(
            "[...document.querySelectorAll('form *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
            ".map(e => e.outerHTML.slice(0, 80))"
        )
        assert over == []
    finally:
        ada.resize(*SIZE)


def test_it_needs_no_mouse(ada: Person) -> None:
    """Arrows choose a profile, Tab comes to its bricks only, Space ticks one, and Tab to the button after them."""
    ada.open("/hub/spawn")
    page = ada.page
    where = "document.activeElement.value"
    page.get_by_label("Oceanography").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate(where) == "field"
    assert page.get_by_label("Field campaign").is_checked()
    page.keyboard.press("ArrowDown")
    assert page.evaluate(where) == "school"
    page.keyboard.press("Tab")
    assert page.evaluate(where) == "hydro"
    page.keyboard.press("Space")
    assert _box(page, "hydro").is_checked()
    page.keyboard.press("Tab")
    assert page.evaluate(where) == "ocean"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "submit"


# ── JupyterLab ────────────────────────────────────────────────────────────────────────────────────────


def test_the_launcher_shows_the_kernels(desk: Desk, ada: Person) -> None:
    """The kernel of every brick has a card, by its title, for notebooks and for consoles."""
    wanted = {TITLES["ocean"], TITLES["hydro"], "Python 3 (ipykernel)"}
    for section in ("Notebook", "Console"):
        shown = desk.cards(section)
        assert (set(shown), len(shown)) == (wanted, 3)
    assert desk.broken() == [], "logos of kernels that are not shown"
    desk.quiet()
    keep(ada, "lab")


@pytest.mark.parametrize("brick", ["ocean", "hydro"])
def test_a_cell_runs_in_a_brick(brick: str, desk: Desk) -> None:
    """A click on the card opens a notebook; what is typed there runs in the brick, and the output shows its prefix."""
    sheet = desk.notebook(TITLES[brick])
    assert sheet.kernel == TITLES[brick]
    assert sheet.run(LOOK) == PREFIXES[brick]
    assert sheet.run(f"import {ONLY[brick]}; print({ONLY[brick]}.__file__)").startswith(PREFIXES[brick])


def test_another_user_has_another_choice(desk: Desk, show: Show) -> None:
    """In another window, at the same time, somebody else starts another profile, and has that kernel only."""
    person = show("niels")
    person.open("/hub/spawn")
    person.page.get_by_label("Field campaign").check()
    other = person.start()
    try:
        assert set(other.cards()) == {TITLES["hydro"], "Python 3 (ipykernel)"}
        assert other.notebook(TITLES["hydro"]).run(LOOK) == PREFIXES["hydro"]
    finally:
        person.stop()


def test_the_choice_is_remembered(desk: Desk, ada: Person) -> None:
    """Whoever comes back to the spawn page finds what was started the last time."""
    ada.stop()
    ada.open("/hub/spawn")
    assert ada.page.get_by_label("Oceanography").is_checked()
    boxes = {each: ada.page.get_by_role("checkbox", name=BOXES[each]) for each in ("hydro", "pangeo")}
    assert [each.is_checked() for each in boxes.values()] == [True, False]
