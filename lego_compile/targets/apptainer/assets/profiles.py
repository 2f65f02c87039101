# Compiled by lego-compile from the centre specification: edit that, not this file.
"""The profiles of the centre as those of wrapspawner, for hubs that have it. The same file for every centre.

Its list has no bricks to tick: who wants more of them starts ``lego-launch -b`` in a terminal.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import choice  # these two lie beside this file
import jobs
import traitlets
import wrapspawner

CHOICES = choice.Choices(
    [{**profile, "offers": [], "retired": {}} for profile in jobs.CENTER["profiles"]],
    jobs.CENTER["groups"],
    loaded=False,
)


class LegoProfilesSpawner(wrapspawner.ProfilesSpawner):
    """Starts sessions of the profiles, by a spawner of ours, and nothing else, whatever the request says.

    wrapspawner's own starts a process on the hub's machine for a profile that it does not know
    (jupyterhub/wrapspawner:wrapspawner/wrapspawner.py@1.0.1, ``child_class``).
    """

    user_options = traitlets.Any({})  # see jobs.Sessions
    options_form = traitlets.Union([traitlets.Unicode(), traitlets.Callable()])
    child_class = traitlets.Type(jobs.LegoSlurmSpawner, klass=jobs.Sessions, config=True)

    def _options_form_default(self) -> Any:
        return CHOICES.form

    def options_from_form(self, formdata: dict[str, list[str]]) -> dict[str, Any]:
        """The profile that the form says, unchecked."""
        return {"profile": choice.options_from_form(formdata)["profile"]}

    @traitlets.default("apply_user_options")
    def _apply_user_options_default(self) -> Any:
        """What JupyterHub 5.3 calls before a start, and warns of options without it."""
        return CHOICES.chosen

    def select_profile(self, profile: str) -> None:
        """Nothing: all profiles have one spawner, which is told at the start which of them it is."""

    def construct_child(self) -> Any:
        """The spawner of the job, of one that ran when the hub was started, too: options are read at a start."""
        return wrapspawner.WrapSpawner.construct_child(self)

    async def start(self) -> Any:
        """Start the job of the chosen profile.

        Raises:
            HTTPError: like ``jobs.Sessions.start``.
        """
        profile, _ = CHOICES.chosen(self, self.user_options)
        # Changes of a trait are handed on to the spawner of the job, which waits for one of this.
        self.port = 0
        spawner = self.construct_child()
        self.child_profile = profile["slug"]
        spawner.user_options = {"profile": profile["slug"]}
        return await spawner.start()

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """How far the job is; wrapspawner's own fails while there is none."""
        if self.child_spawner:
            async for each in self.child_spawner.progress():
                yield each
