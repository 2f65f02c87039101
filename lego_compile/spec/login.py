"""Who may log in, in the words that targets with a JupyterHub of their own share."""

from typing import Annotated, Literal

from pydantic import Field

from lego_compile.spec.types import Block, GroupName, Text, Url, UserName, text

Claim = Annotated[
    str, text(r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", 100, "the name of a claim, such as preferred_username")
]
Scope = Annotated[str, text(r"^[A-Za-z0-9._:/-]+$", 200, "an OAuth scope, such as openid")]


class LoginService(Block):
    """A login service that speaks OAuth 2 (Keycloak, Indigo IAM, …)."""

    authorize_url: Url = Field(
        description="Where users log in.",
        examples=["https://sso.example.org/realms/gaia/protocol/openid-connect/auth"],
    )
    token_url: Url = Field(description="Where the hub gets its token.")
    userdata_url: Url = Field(description="Where the hub asks who it is.")
    login_service: Text = Field(
        default="single sign-on", description="Name on the login button.", examples=["Gaia Data"]
    )
    username_claim: Claim = Field(default="preferred_username", description="The claim that names the user.")
    scope: tuple[Scope, ...] = Field(default=("openid",), min_length=1, description="What the hub asks for.")
    groups_claim: Claim | None = Field(
        default=None,
        description="The claim that lists the user's groups, whose members are then not listed under "
        "`groups:` of the centre.",
        examples=["groups"],
    )


class Access(Block):
    """Who may log in, and how."""

    type: Literal["generic-oauth", "dummy"] = Field(
        description="generic-oauth: a login service, described by `oauth:`; dummy: any name with any "
        "password, for tests on a closed network."
    )
    allowed_users: tuple[UserName, ...] = Field(
        default=(),
        description="Who may use the hub; with `allowed_groups` empty too, everybody who can log in.",
    )
    allowed_groups: tuple[GroupName, ...] = Field(
        default=(), description="Groups whose members may use the hub; needs `groups_claim`."
    )
    admin_users: tuple[UserName, ...] = Field(
        default=(), description="Administrators of the hub; they may use it too."
    )
