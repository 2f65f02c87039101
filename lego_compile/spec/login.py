"""Who may log in, in the words that targets with a JupyterHub of their own share."""

from typing import Annotated, Literal

from pydantic import Field

from lego_compile.spec.types import Block, GroupName, HostName, Text, Url, UserName, text

Claim = Annotated[
    str, text(r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", 100, "the name of a claim, such as preferred_username")
]
Scope = Annotated[str, text(r"^[A-Za-z0-9._:/-]+$", 200, "an OAuth scope, such as openid")]
Attribute = Annotated[
    str, text(r"^[A-Za-z][A-Za-z0-9;-]*$", 80, "the name of an LDAP attribute, such as uid")
]
_DN = r"[A-Za-z0-9][A-Za-z0-9.-]*=[^,{}\u0000-\u001f\u007f]+(,[A-Za-z0-9][A-Za-z0-9.-]*=[^,{}\u0000-\u001f\u007f]+)*"
Dn = Annotated[str, text(rf"^{_DN}$", 400, "a distinguished name, such as ou=people,dc=example,dc=org")]
UserDn = Annotated[
    str,
    text(
        rf"^[A-Za-z][A-Za-z0-9-]*=\{{username\}}(,{_DN})?$",
        400,
        "where users are, such as uid={username},ou=people,dc=example,dc=org",
    ),
]


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


class Search(Block):
    """How a user is found whose place in the directory does not follow from the name."""

    base: Dn = Field(description="Below which users are.", examples=["ou=people,dc=example,dc=org"])
    attribute: Attribute = Field("uid", description="What users log in with.")
    user: Dn | None = Field(
        None, description="Who asks; anonymously when unsaid.", examples=["cn=hub,dc=example,dc=org"]
    )


class Directory(Block):
    """A directory that checks passwords; say `users` or `search`."""

    server: HostName = Field(description="Its host.", examples=["ldap.example.org"])
    port: int | None = Field(
        None, ge=1, le=65535, description="Its port; 636 with `tls: ldaps`, and 389 else, when unsaid."
    )
    tls: Literal["starttls", "ldaps", "none"] = Field(
        "starttls", description="How it is spoken to; with TLS, its certificate is checked."
    )
    users: tuple[UserDn, ...] = Field(
        (), description="Where users are.", examples=[["uid={username},ou=people,dc=example,dc=org"]]
    )
    allowed_groups: tuple[Dn, ...] = Field(
        (),
        description="Groups of the directory whose members may use the hub.",
        examples=[["cn=researchers,ou=groups,dc=example,dc=org"]],
    )


class Native(Block):
    """Accounts of the hub itself: people sign up, and an administrator lets them in."""

    open_signup: bool = Field(False, description="Whether whoever signs up is in at once.")
    minimum_password_length: int = Field(
        12, ge=8, le=64, description="In characters; bcrypt takes no password of more than 72 bytes."
    )
    failed_logins: int = Field(
        5, ge=0, le=100, description="After so many an account is closed for ten minutes; 0 for never."
    )


class Access(Block):
    """Who may log in, and how."""

    type: Literal["generic-oauth", "ldap", "native", "dummy"] = Field(
        description="generic-oauth: a login service, described by `oauth:`; ldap: a directory, described by `ldap:`; "
        "native: accounts of the hub's own; dummy: any name with any password, for tests on a closed network."
    )
    native: Native | None = Field(None, description="The accounts; only with native.")
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
