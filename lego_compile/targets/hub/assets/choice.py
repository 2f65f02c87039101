# Compiled by lego-compile from the centre specification: edit that, not this file.
"""What users of a hub may choose, and what their options stand for. The same file for every centre and every hub.

Options come from the form, from the REST API or from the last start: nothing about them is trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import spawn_page  # it lies beside this file
from tornado import web

INCLUDE = "include"  # the key that a name without a key stands for
MANY = 1000  # more wishes than any form has; the API takes megabytes, and the hub answers nobody while it reads them


class Choices:
    """The profiles of a centre, and who may choose which.

    Args:
        profiles: of composition.json.
        groups: name → members, of composition.json; one without members has those that the login service says.
        admitted: whether a user of the hub may choose anything at all.
        loaded: whether the hub's database has the listed members, too (`load_groups`): who was taken out there is out.

    Attributes:
        listed: groups with their members, where the centre lists them.
    """

    def __init__(
        self,
        profiles: list[dict[str, Any]],
        groups: dict[str, list[str]],
        admitted: Callable[[Any], bool] = lambda _user: True,
        loaded: bool = True,
    ) -> None:
        self._profiles, self._admitted, self._loaded = profiles, admitted, loaded
        # JupyterHub's load_groups only ever adds members: whom the spec dropped is still in its database.
        self.listed = {name: users for name, users in groups.items() if users}

    def permitted(self, spawner: Any) -> list[dict[str, Any]]:
        """The profiles that a user may choose, in the order of the spawn page."""
        user = spawner.user
        if not self._admitted(user):
            return []
        mine = {group.name for group in user.groups if user.name in self.listed.get(group.name, [user.name])}
        if not self._loaded:
            mine |= {name for name, users in self.listed.items() if user.name in users}
        return [each for each in self._profiles if not each["groups"] or mine.intersection(each["groups"])]

    def chosen(self, spawner: Any, options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The profile, and the offered bricks, that options ask for.

        Raises:
            HTTPError: 403 when no profile is open to the user, 400 when the options are not what the form sends.
        """
        open_to_user = {profile["slug"]: profile for profile in self.permitted(spawner)}
        if not open_to_user:
            raise refusal(403, "no profile of this hub is open to you")
        if not isinstance(options, dict) or not options.keys() <= {"profile", "bricks"}:
            raise refusal(400, "the options are not those of the form")
        slug = options.get("profile", default(open_to_user))
        if not isinstance(slug, str) or slug not in open_to_user:
            raise refusal(400, "there is no such profile for you")
        profile = open_to_user[slug]
        return profile, ticked(profile, options.get("bricks", []))

    def nearest(self, spawner: Any, last: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """What is left of a choice that does not hold any more: its profile, with those of its bricks that are offered.

        Raises:
            HTTPError: 403 when no profile is open to the user.
        """
        slug, wishes = (last.get("profile"), last.get("bricks")) if isinstance(last, dict) else (None, None)
        profile = next((each for each in self.permitted(spawner) if each["slug"] == slug), None)
        if profile is None:
            return self.chosen(spawner, {})
        kept: dict[str, dict[str, Any]] = {}
        for wish in wishes[:MANY] if isinstance(wishes, list) else []:
            if brick := meant(profile, wish):
                kept.setdefault(brick["name"], brick)
        return profile, list(kept.values())

    def form(self, spawner: Any) -> str:
        """The choice as HTML with the last one preselected; empty when there is nothing to choose.

        Raises:
            HTTPError: 403 when no profile is open to the user.
        """
        profiles = self.permitted(spawner)
        last: Any = spawner.user_options or spawner.orm_spawner.user_options or {}
        try:
            profile, added = self.chosen(spawner, last)
        except web.HTTPError as error:
            if error.status_code == 403:
                raise
            profile, added = self.nearest(spawner, last)
            last = None
        if len(profiles) == 1 and not profile["offers"]:
            if last is None:
                # Without a form, JupyterHub starts a server with the options of the last start, and these hold no more.
                spawner.user_options = spawner.orm_spawner.user_options = {}
            return ""
        return spawn_page.page(profiles, profile["slug"], added, spelled)


def ticked(profile: dict[str, Any], wishes: Any) -> list[dict[str, Any]]:
    """The offered bricks that are asked for, one release of each at the most.

    Raises:
        HTTPError: 400 when one of them is not offered, or two are releases of one.
    """
    few = isinstance(wishes, list) and len(wishes) <= MANY
    found = [meant(profile, wish) for wish in wishes] if few else [None]
    if None in found:
        raise refusal(400, "this profile does not offer such a brick")
    bricks = [brick for brick in profile["offers"] if brick in found]
    if len({brick["name"] for brick in bricks}) < len(bricks):
        raise refusal(400, "a session has one release of a brick")
    return bricks


def meant(profile: dict[str, Any], wish: Any) -> dict[str, Any] | None:
    """The offered brick that NAME or NAME@KEY stands for, or None.

    Choices are stored: a key that is retired, or a name that comes with no release, is the first release that there is.
    """
    name, at, key = wish.partition("@") if isinstance(wish, str) else ("", "", "")
    key = key if at else INCLUDE
    releases: list[dict[str, Any]] = [brick for brick in profile["offers"] if brick["name"] == name]
    for brick in releases:
        if brick.get("choice") == key:
            return brick
    stored = [INCLUDE, *profile.get("retired", {}).get(name, [])]
    return releases[0] if releases and key in stored else None


def spelled(brick: dict[str, Any]) -> str:
    """What stands for an offered brick."""
    key = brick.get("choice", INCLUDE)
    return str(brick["name"] if key == INCLUDE else f"{brick['name']}@{key}")


def default(profiles: dict[str, dict[str, Any]]) -> str:
    """The profile that is preselected: the centre's, or the first one when that is not open to the user."""
    return next((slug for slug, profile in profiles.items() if profile["default"]), next(iter(profiles)))


def options_from_form(form: dict[str, list[str]]) -> dict[str, Any]:
    """What the form says, unchecked. Boxes of a profile that was not chosen do not count, and "no" is empty."""
    slug = (form.get("profile") or [""])[0]
    return {"profile": slug, "bricks": [wish for wish in form.get(f"bricks-{slug}", []) if wish]}


def refusal(status: int, message: str) -> Any:
    """An error that JupyterHub shows with its message, on its pages and in its REST API."""
    error: Any = web.HTTPError(status, message)
    error.jupyterhub_message = message[:1].upper() + message[1:] + "."
    return error
