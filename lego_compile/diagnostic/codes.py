"""The catalogue of codes: what each finding means, why it is wrong, and what to do.

One file, because entries read better side by side. It is data, and only ``dataclasses`` is imported, so that
asking for a severity costs nothing. ``docs/codes.md`` is ``markdown()``, and a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding.

    Attributes:
        id: stable identifier, never used again for something else (``LC402``).
        severity: ``"error"`` stops a compile, ``"warning"`` does not.
        title: short noun phrase that names the fault.
        what: what it means; Markdown, lines of at most 100 columns.
        why: why it is wrong, with the reason that the platform gives.
        fix: what to do, with an example where one helps.
    """

    id: str
    severity: str
    title: str
    what: str
    why: str
    fix: str


GROUPS: tuple[tuple[str | tuple[str, ...], str], ...] = (
    ("LC1", "Reading the text"),
    ("LC2", "The shape of a document"),
    ("LC3", "Names, and what they stand for"),
    ("LC4", "The composition"),
    ("LC5", "What a target can do"),
    ("LC60", "Options of a target"),
    (("LC65", "LC66", "LC67"), "Images, read from their files"),
    ("LC7", "Reading the artifacts back"),
    ("LC8", "The output folder"),
    ("LC9", "lego-compile itself"),
)

CATALOGUE: dict[str, Code] = {}


def _text(indented: str) -> str:
    """Take away the indentation that a text has in this file (not textwrap: that imports re and compiles)."""
    return "\n".join(line.removeprefix("    ") for line in indented.strip().split("\n"))


def _code(name: str, title: str, what: str, why: str, fix: str, severity: str = "error") -> None:
    CATALOGUE[name] = Code(name, severity, title, _text(what), _text(why), _text(fix))


# ── LC1: reading the text ─────────────────────────────────────────────────────────────────────────

_code(
    "LC101",
    "file cannot be read",
    """
    A file that was named on the command line, or by another document, is not there or cannot be opened:
    it is missing, a folder, a device, larger than a spec can sensibly be, or closed to you.
    """,
    """
    Nothing can be compiled from half of its inputs. A guess at another file would compile a centre that
    nobody asked for.
    """,
    """
    Look at the path in the message. A path inside a document (`catalog:`, `extends:`) is relative to the
    folder of that document, not to the folder that you are in.

        catalog: ../catalog/gaia-data.yaml
    """,
)

_code(
    "LC102",
    "text that is not UTF-8",
    """
    The bytes of the file are not UTF-8 text, or hold NUL bytes. The message names the first bad byte.
    """,
    """
    Every platform that reads the output expects UTF-8. In another encoding the same bytes are other
    letters, so an accented title would reach the users garbled.
    """,
    """
    Save the file as UTF-8 in your editor, or convert it:

        iconv -f ISO-8859-1 -t UTF-8 old.yaml > new.yaml
    """,
)

_code(
    "LC103",
    "YAML syntax error",
    """
    The text is not YAML: a bracket or a quote is not closed, a line is indented with a tab, a colon is
    missing, or lines of one block do not begin in the same column.
    """,
    """
    From this point on, the parser can only guess what belongs to what. It stops at the first such
    mistake of a file; there may be others after it.
    """,
    """
    Look at the marked line and the one before it. YAML is indented with spaces only, and a text that
    holds `: ` or ` #`, or begins with one of `@ % & * ! | > [ { "`, needs quotes:

        title: "Ocean: the deep parts"
    """,
)

_code(
    "LC104",
    "duplicate key",
    """
    The same key stands twice in one mapping.
    """,
    """
    The YAML specification forbids it, and readers disagree about it: some take the last value, some the
    first, some refuse the file. One of the two values would be dropped in silence.
    """,
    """
    Keep one of them. To give a profile more bricks, put them into one list:

        bricks: [ocean, climate]
    """,
)

_code(
    "LC105",
    "anchor, alias or merge key",
    """
    The document uses `&name`, `*name` or `<<:`.
    """,
    """
    An alias puts one place's value at another, so a finding could not point at one place. Merge keys were
    dropped from YAML 1.2. A few nested aliases also expand to gigabytes.
    """,
    """
    Write the value out, or put what several centres share into a document of its own and extend it:

        extends: common.yaml
    """,
)

_code(
    "LC106",
    "explicit tag or directive",
    """
    The document uses a tag (`!!str`, `!include`) or a directive (`%YAML`, `%TAG`).
    """,
    """
    A tag asks the reader to build something other than the text says, and every reader knows other tags.
    The documents of lego-compile need none: the kind of every value is fixed by its key.
    """,
    """
    Delete the tag. To say that a value is text, quote it:

        kubernetes: "1.35"
    """,
)

_code(
    "LC107",
    "several documents in one file",
    """
    The file holds more than one YAML document, separated by `---`.
    """,
    """
    A file is one centre, one catalog or one lock. Many readers take the first document and ignore the
    rest in silence.
    """,
    """
    Put each document into a file of its own, and name all of them on the command line:

        lego-compile centers/*.yaml
    """,
)

_code(
    "LC108",
    "empty document",
    """
    The file holds nothing but white space and comments.
    """,
    """
    An empty file is what an interrupted copy or a redirection leaves behind; it is never a centre.
    """,
    """
    Restore the file, or begin a new one with `lego-compile init`.
    """,
)

_code(
    "LC109",
    "ambiguous scalar",
    """
    A value without quotes means one thing in YAML 1.1 and another in YAML 1.2: `no`, `on`, `010`, `1:30`,
    `1_000`, `1e3`, a date.
    """,
    """
    The programs around a centre read different versions of YAML: PyYAML and the readers of Helm follow
    1.1 in part, editors and JSON Schema checkers follow 1.2. `no` is false for one and a text for the
    other; `1:30` is 90 for one.
    """,
    """
    Say which one you mean: quotes for a text, the plain word or number otherwise.

        default: false
        country: "no"
        wall_time: "1:30"
    """,
)

_code(
    "LC110",
    "key that is not text",
    """
    A mapping key without quotes is read as a number, a truth value or nothing, or is itself a list or a
    mapping.
    """,
    """
    Keys are names. `2026.10` as a key is the number 2026.1, and the release `2026.10` would never be
    found. JSON, which the platforms use inside, has text keys only.
    """,
    """
    Put the key into quotes:

        releases:
          "2026.10": {image: registry.example.org/lego/lab}
    """,
)

_code(
    "LC111",
    "nesting too deep",
    """
    Lists and mappings lie within each other deeper than any document of lego-compile needs.
    """,
    """
    Such a file comes from a mistake in a generator, or is meant to exhaust the memory of the programs
    that read it.
    """,
    """
    Look at the marked place for brackets that are opened again and again without being closed.
    """,
)

_code(
    "LC112",
    "circle of `extends`",
    """
    A document extends itself, directly or by way of others.
    """,
    """
    The inherited values would have no beginning: there is no order in which the documents can be read.
    """,
    """
    Move what the documents share into one that extends nothing, and let the others extend that one.
    """,
)

# ── LC2: the shape of a document ──────────────────────────────────────────────────────────────────

_code(
    "LC201",
    "wrong type",
    """
    A value is of another kind than its key takes: a text where a list belongs, a number where a text
    belongs.
    """,
    """
    lego-compile never converts in silence. Versions show why: without quotes, `1.30` is the number 1.3,
    which is another release of Kubernetes.
    """,
    """
    Write the kind of value that the message asks for.

        bricks: [ocean]                    # a list, even for one
        versions: {kubernetes: "1.30"}     # a version is text
    """,
)

_code(
    "LC202",
    "unknown key",
    """
    The key means nothing at this place. The message lists near matches, or the keys that belong here.
    """,
    """
    A key that is read by nobody is a wish that is dropped in silence: `brick:` instead of `bricks:` would
    compile a profile without them.
    """,
    """
    Correct the spelling or the indentation, or delete the key. With the first line below, an editor that
    knows YAML schemas marks such keys while you type.

        # yaml-language-server: $schema=../schemas/center.schema.json
    """,
)

_code(
    "LC203",
    "missing key",
    """
    A key that this block cannot do without is absent.
    """,
    """
    The value decides something that has no sensible default, such as which catalog the names of the
    bricks come from.
    """,
    """
    Add the key; `lego-compile init` gives a complete document to compare with.

        lego: 1
        center: grenoble
        catalog: ../catalog/gaia-data.yaml
    """,
)

_code(
    "LC204",
    "value that is not allowed",
    """
    The value is of the right kind, but outside of what its key takes: it does not match the pattern, is
    not one of the choices, or is out of range.
    """,
    """
    Names become names of Kubernetes volumes, Compose services and folders, whose patterns are narrow (a
    volume name is at most 63 characters of `a-z`, `0-9` and `-`). Sizes are passed on to programs that
    refuse other spellings only when a user starts a server: KubeSpawner takes `8G` and fails on `8Gi`
    (jupyterhub/jupyterhub:jupyterhub/traitlets.py, ByteSpecification).
    """,
    """
    Use a value of the form that the message gives.

        resources: {cpu: 4, memory: 8G}
    """,
)

_code(
    "LC205",
    "unknown format version",
    """
    `lego:` names a version of the document format that this lego-compile does not know.
    """,
    """
    A later format may give a key another meaning. Reading it with the rules of this version could compile
    something that the author did not write.
    """,
    """
    Update lego-compile, or write the version that it knows:

        lego: 1
    """,
)

_code(
    "LC206",
    "document of another kind",
    """
    The file is a document of lego-compile, but not of the kind that belongs here: a catalog where a
    centre is expected, a lock where a catalog is. Or it is none at all.
    """,
    """
    Read as the wrong kind, every key of the file would be reported as unknown, which hides the one
    mistake there is. What is none of ours is not shown: anybody may read the log of a CI, and not every
    file that a specification can name.
    """,
    """
    Give the file that is meant: a centre on the command line, a catalog after `catalog:`.
    """,
)

_code(
    "LC207",
    "literal secret",
    """
    A value looks like a password, a token or a private key, written into the document itself.
    """,
    """
    The spec and all that is compiled from it are kept in Git and read by reviewers; a secret that was
    committed once has to be changed. Helm keeps the values of every release in the cluster as well.
    """,
    """
    Name the place where the platform keeps the secret (a Kubernetes Secret, a file, an environment
    variable) instead of the secret. If it was committed, change it.
    """,
)

_code(
    "LC208",
    "characters that a platform would interpret",
    """
    A text holds braces or control characters in a place that a platform does not take as it is.
    """,
    """
    KubeSpawner formats the strings of volumes, mounts, labels and environment with Python's `str.format`
    (jupyterhub/kubespawner:kubespawner/spawner.py), so that `{x}` fails when a user starts a server.
    Compose replaces `$NAME`. Control characters can hide text in terminals and logs.
    """,
    """
    Write the text without them, in words if need be.

        title: Ocean (all depths)
    """,
)

# ── LC3: names, and what they stand for ───────────────────────────────────────────────────────────

_code(
    "LC301",
    "unknown brick or system",
    """
    A name that the spec uses is not in the catalog.
    """,
    """
    The catalog says where a brick's image is, which prefix it was built for and which kernels it holds.
    Without that, there is nothing to mount.
    """,
    """
    Correct the name (the message gives near ones), or add the brick to the catalog:

        bricks:
          ocean:
            prefix: /opt/bricks/ocean
    """,
)

_code(
    "LC302",
    "unknown release",
    """
    The catalog has the brick or the system, but not the release after the `@`, or no release at all yet.
    """,
    """
    Releases are exact names: `2026.1` and `2026.10` are two of them. The nearest release would be a
    different set of packages.
    """,
    """
    Name a release that the catalog lists, or leave the release out to take the default one:

        bricks: [ocean, climate@2026.3]
    """,
)

_code(
    "LC303",
    "entry missing from the lock",
    """
    The spec uses an image that the lock has no digest for.
    """,
    """
    A tag can be moved: two centres, or two nodes of one centre, would run different bytes under one name.
    So only digests are written to the output, and compiling never asks a registry for one.
    """,
    """
    Write the lock. This is the one command that uses the network; commit what it writes.

        lego-compile lock centers/grenoble.yaml
    """,
)

_code(
    "LC304",
    "image, lock and catalog that disagree",
    """
    An image states facts (its prefix, its kernels, its user) that are not what the catalog says; or the lock
    holds a reference that the catalog no longer has, contradicts itself, or is that of another centre.
    """,
    """
    One of the two is out of date. A brick that is mounted at a prefix it was not built for shows its kernel
    in the launcher, and the kernel dies when it is started.
    """,
    """
    If the catalog is right, write the lock again; if the image is right, correct the catalog.

        lego-compile lock centers/grenoble.yaml
    """,
)

_code(
    "LC305",
    "no default profile",
    """
    The centre has several profiles, and none of them is the default.
    """,
    """
    Without a default, each platform takes another one: the first of the list, or none. A server started
    through the API, where nobody sees the spawn page, would differ from centre to centre.
    """,
    """
    Mark one:

        profiles:
          ocean:
            default: true
    """,
)

_code(
    "LC306",
    "two default profiles",
    """
    More than one profile says `default: true`.
    """,
    """
    One page can have one profile ticked. The platforms would take the first or the last one, and not the
    same one.
    """,
    """
    Leave `default: true` in one profile and delete it from the others.
    """,
)

_code(
    "LC307",
    "offered brick that is already fixed",
    """
    A profile lists one brick both under `bricks:` (always there) and under `offer:` (the user may tick it).
    """,
    """
    The tick would do nothing. With two releases of one brick it would mount two images at one prefix.
    """,
    """
    Keep the brick in one of the two lists:

        bricks: [ocean]
        offer: [ml]
    """,
)

_code(
    "LC308",
    "undefined group",
    """
    `groups:` names a group that the centre does not define.
    """,
    """
    A profile that is reserved for a group which nobody is in is shown to nobody, without any message.
    """,
    """
    Correct the name, or define the group.
    """,
)

_code(
    "LC309",
    "mirror that hides a registry",
    """
    The rules under `mirrors:` give one name to two different images, or rewrite what another rule has
    written.
    """,
    """
    A reference that is rewritten must still lead to the same image. When two registries are mapped to one
    folder, `a/ocean` and `b/ocean` become one name; when rules chain, the result depends on their order.
    """,
    """
    Give every registry a folder of its own, and write for every registry where it finally goes:

        mirrors:
          registry.example.org: harbor.grenoble.example.org/gaia
          images.example.org: harbor.grenoble.example.org/images
    """,
)

_code(
    "LC310",
    "entry listed twice",
    """
    A list holds the same brick, group or other entry twice.
    """,
    """
    The second mention adds nothing, so it stands for something else that was meant. Of two mounts
    at one path Compose takes the last one, and Kubernetes refuses the pod.
    """,
    """
    Delete one of them, or correct the one that was meant to be something else.
    """,
)

_code(
    "LC311",
    "mirror that is never used",
    """
    A rule under `mirrors:` matches none of the references that this centre uses.
    """,
    """
    This is a warning: nothing is wrong in the output. But a rule with a misspelt host looks like this too,
    and then the images are pulled from the place that was to be avoided.
    """,
    """
    Correct the host, which must be exactly the one in the catalog, or delete the rule.
    """,
    severity="warning",
)

_code(
    "LC312",
    "reserved environment variable",
    """
    The spec sets an environment variable that lego-compile sets itself.
    """,
    """
    These variables make conda list the bricks and keep a user's own packages out of them. conda stops when
    both `CONDA_ENVS_DIRS` and `CONDA_ENVS_PATH` are set (conda/conda:conda/common/configuration.py,
    MultipleKeysError), and then no brick is listed. Without `PYTHONNOUSERSITE`, what is in `~/.local` is
    imported by every brick with the same version of Python.
    """,
    """
    Delete the variable from the spec. To add kernels, add bricks.
    """,
)

_code(
    "LC313",
    "no source for a data mount",
    """
    A data mount has no source on a target that the centre has enabled.
    """,
    """
    What a data set is called differs from place to place: a path on the Docker host and on the cluster's
    nodes, a claim in Kubernetes. Without a source, users would find an empty folder, or none.
    """,
    """
    Give a source for the target that the message names, or take the target out of `targets:`.
    """,
)

_code(
    "LC314",
    "no target enabled",
    """
    The centre has no target to compile for.
    """,
    """
    There would be no output, and a check of nothing would always succeed.
    """,
    """
    Name at least one of the platforms that the centre runs:

        targets:
          compose:
            versions: {engine: "29.7", compose: "5.6"}
            host: vre.grenoble.example.org
    """,
)

_code(
    "LC315",
    "lock made from another catalog entry",
    """
    The catalog's entry of an image was changed after the image was pinned, in something that its pin was made
    from or checked against: where it is published, its prefix, its kernels, what it needs.
    """,
    """
    The facts in the lock were compared with the entry as it was. Nobody has compared the image with what the
    entry says now.
    """,
    """
    Write the lock again. The pinned digest stays; the image's facts are read again and compared.

        lego-compile lock centers/grenoble.yaml
    """,
)

_code(
    "LC316",
    "pin that nothing uses",
    """
    The lock of a centre pins an image that the centre does not use any more.
    """,
    """
    The lock is the list of what a centre runs: mirrors are filled and images are scanned by it. A brick that
    comes back later would come back with its old digest, unseen by a reviewer.
    """,
    """
    Write the lock again, which removes the pin. A lock whose file the centre names (`lock:`) may be shared,
    and pin what other centres use.

        lego-compile lock centers/grenoble.yaml
    """,
)

_code(
    "LC317",
    "lock that is not current",
    """
    With `--locked` or `--check`: writing the lock again would change it. The message says what.
    """,
    """
    What was reviewed is not what `lego-compile lock` would pin for this specification and this catalog.
    """,
    """
    Write the lock, read its diff, and commit it. Where the image itself says something else than the lock,
    `--refresh` reads it again by its digest.

        lego-compile lock centers/grenoble.yaml
    """,
)

_code(
    "LC318",
    "retired release that is not retired",
    """
    `retired:` of a profile names a brick that the profile does not offer, or a release that it still offers.
    """,
    """
    JupyterHub stores what a user chose, and starts the next session with it. A release that is no longer
    offered stays good under its old key, and means the first release that is; that is all `retired:` does.
    """,
    """
    Remove the entry, or take the release out of `offer:`.

        offer: [climate, climate@2026.3]
        retired: {climate: ["2025.1"]}
    """,
)

_code(
    "LC321",
    "registry that cannot be reached",
    """
    A registry did not answer, or not to the end: its name is unknown, the connection was refused or broke
    off, its certificate is not trusted, it took too long, or it went on saying that it is busy.
    """,
    """
    A pin is the digest of bytes that were received whole. What could be tried again was; the old lock is as
    it was.
    """,
    """
    Try again, or correct what the message names. A private certificate authority is given with `--ca FILE`
    (or in `/etc/docker/certs.d/HOST/ca.crt`), a registry without TLS with `--insecure-registry HOST`, and a
    mirror is asked with `--via mirror`.
    """,
)

_code(
    "LC322",
    "registry that refuses access",
    """
    A registry does not let this user read an image: nobody is logged in, the password is wrong, or the
    account has no right to it.
    """,
    """
    Many registries say the same of an image that does not exist, so that nobody can guess names.
    """,
    """
    Log in as for Docker or Podman, and look at the name of the image in the catalog:

        docker login registry.example.org

    Credentials are read from `$REGISTRY_AUTH_FILE`, `containers/auth.json` and `~/.docker/config.json`,
    their helpers included, and never written anywhere.
    """,
)

_code(
    "LC323",
    "image that the registry does not have",
    """
    The registry knows no such image, or no such tag or digest of it.
    """,
    """
    There is nothing to pin. A digest that was there once may have been removed by the registry's clean-up:
    then nodes that do not have the image yet cannot pull it either.
    """,
    """
    Correct the image or the release in the catalog, publish it, or pin another one:

        lego-compile lock --upgrade-package ocean centers/grenoble.yaml
    """,
)

_code(
    "LC324",
    "registry that cannot be believed",
    """
    What a registry sent is not what it says it is: bytes with another digest or size, JSON that is none, an
    answer that is too large, or a redirection to where credentials and trust must not follow.
    """,
    """
    Digests are computed from the bytes received. A lock that was filled from such an answer would pin
    something that nobody published.
    """,
    """
    Look whether a proxy or a cache stands in between, and tell the registry's operator. `--via` asks
    another place.
    """,
)

_code(
    "LC325",
    "image that cannot be used",
    """
    The reference leads to something that no platform can mount or run: an artifact that is no image, an image
    in Docker's first format, or one without any Linux platform.
    """,
    """
    Engines refuse it too, on the day that it is needed.
    """,
    """
    Publish the image anew with a current tool (buildah, BuildKit, skopeo), or correct the reference.
    """,
)

_code(
    "LC326",
    "label that cannot be used",
    """
    An image says something of itself (in a label or annotation `org.gaia-data.lego.…`) that has not the
    form it should have, or says two things of one fact.
    """,
    """
    Facts decide where a brick is mounted and what its kernels are called. A guess would show a kernel that
    dies.
    """,
    """
    Build the image with correct labels:

        LABEL org.gaia-data.lego.brick.spec=1 org.gaia-data.lego.brick.prefix=/opt/bricks/ocean
    """,
)

_code(
    "LC327",
    "label that is not read",
    """
    An image has a label that looks like one of ours and is none, such as `….brick.prefx`.
    """,
    """
    This is a warning: the label is passed over, and the fact that it should state stays unstated.
    """,
    """
    Correct the label where the image is built.
    """,
    severity="warning",
)

_code(
    "LC328",
    "credentials that cannot be used",
    """
    A file with credentials, or the helper that it names, cannot be used.
    """,
    """
    Asking without credentials would end in a refusal, or in another user's view of the registry.
    """,
    """
    Correct the file that the message names, or log in anew. `docker-credential-NAME get` must print JSON.
    """,
)

_code(
    "LC329",
    "registry needed while offline",
    """
    With `--offline`: the lock cannot be written without asking a registry.
    """,
    """
    A digest cannot be guessed. Nothing was written.
    """,
    """
    Run it where the registry can be reached, and commit the lock; compiling needs the lock alone.
    """,
)

_code(
    "LC330",
    "tag that was moved",
    """
    In the registry, the tag of a pinned release stands for other bytes than when it was pinned.
    """,
    """
    This is a warning: the centre goes on with the digest that is pinned. But somebody published a release
    twice, and centres that lock today get something else under the same name.
    """,
    """
    Find out why it was moved. To take the newest release, as its tag stands now:

        lego-compile lock --upgrade-package ocean centers/grenoble.yaml
    """,
    severity="warning",
)

_code(
    "LC331",
    "image that does not say what it is",
    """
    `catalog add` was asked for an image whose labels do not say what a catalog needs to know.
    """,
    """
    The prefix of a brick cannot be seen from outside of it, and a wrong one gives kernels that die.
    """,
    """
    Build the image with the labels (`lego-compile explain LC326`), or write its entry into the catalog by
    hand, as for somebody else's image.
    """,
)

_code(
    "LC332",
    "newer release than the pinned one",
    """
    `outdated` found that the catalog lists a newer release than the lock pins, that the registry has a newer
    tag than the catalog lists, or that a tag was moved.
    """,
    """
    This is a warning: an older release goes on working. It tells programs (`--output-format`) what the table
    of `outdated` tells people.
    """,
    """
    Take the newest release of the catalog; add what only the registry has to the catalog before.

        lego-compile lock --upgrade-package ocean centers/grenoble.yaml
        lego-compile catalog add registry.example.org/lego/brick-ocean:2026.11
    """,
    severity="warning",
)

_code(
    "LC341",
    "builds without what they share",
    """
    `lego-compile images` was asked for a catalog without a `build:` of its own.
    """,
    """
    The images that builds start from, the repository of the pipelines and the place of the catalog are the
    same for all bricks, and none of them has a default: a version in a program grows old unseen.
    """,
    """
    Write it once for the catalog, beside `systems:` and `bricks:` (docs/images.md has a whole one):

        build:
          source: https://gitlab.example.org/gaia-data/images
    """,
)

_code(
    "LC342",
    "build of an environment below a subpath",
    """
    A brick has a `build:`, and its environment lies below a directory of its image.
    """,
    """
    What is built here is the environment and nothing else, since every platform can mount a whole image.
    A subpath is for somebody else's image.
    """,
    """
    Leave out `subpath:`, or leave out `build:`.
    """,
)

_code(
    "LC343",
    "kernel that no package is known to bring",
    """
    A brick lists a kernel, and none of the packages that it names is known to make that kernelspec.
    """,
    """
    This is a warning: another package may bring it along. A build that ends without the kernel is an error.
    """,
    """
    Name the package of the kernel, such as `ipykernel` or `r-irkernel`:

        bricks:
          ocean:
            build: {packages: [python=3.12, ipykernel]}
    """,
    severity="warning",
)

_code(
    "LC344",
    "promise that no package keeps",
    """
    A system image provides something that no package is known to bring, or a brick requires something that no
    system image which is built here provides.
    """,
    """
    Centres are checked against what a system image provides, and a widget that no Lab can draw stays empty.
    Only the server's own prefix is searched for lab extensions, so that a brick cannot bring its own.
    """,
    """
    Name the package, when it is called like what it provides; else correct `provides:` or `requires:`.

        systems:
          lab:
            provides: {"@jupyter-widgets/jupyterlab-manager": "5.0.16"}
    """,
)

_code(
    "LC345",
    "package that is named twice",
    """
    Two entries of `packages:` are of one package, or one is installed for `provides:` already.
    """,
    """
    Whichever is corrected later, the other one stays, and the solver says that it cannot have both.
    """,
    """
    Write all bounds in one entry; leave out of `packages:` what the image provides.

        systems:
          lab:
            provides: {jupyterlab: "4.6.6"}
            build: {packages: [python=3.12]}
    """,
)

_code(
    "LC346",
    "system image without a necessary part",
    """
    A system image is built, and lacks JupyterLab, JupyterHub, or the conda that nb_conda_kernels needs.
    """,
    """
    The hub starts `jupyterhub-singleuser` in it. nb_conda_kernels asks a real conda for the bricks; with
    micromamba in its place the server does not start.
    """,
    """
    State each with its version; without nb_conda_kernels (`kernels: static` of a centre) no conda is needed.

        systems:
          lab:
            provides: {jupyterlab: "4.6.6", jupyterhub: "6.1.1"}
    """,
)

_code(
    "LC347",
    "platform that cannot be built for",
    """
    An image is to be built for a platform that conda has no packages for, or a brick names the processor of a
    platform that it is not built for.
    """,
    """
    There would be nothing to install.
    """,
    """
    Take it out of `platforms:` or `cpu:`.

        bricks:
          ocean: {platforms: [linux/amd64, linux/arm64]}
    """,
)

_code(
    "LC348",
    "brick for GPUs that is solved without CUDA",
    """
    A brick requires a GPU of NVIDIA, and its `build:` does not say which CUDA the driver has at least.
    """,
    """
    This is a warning: the machine that solves has no GPU, so that conda chooses builds for processors, and
    nothing says so.
    """,
    """
    Name the lowest that all centres have:

        bricks:
          ml:
            build: {cuda: "12.6"}
    """,
    severity="warning",
)

# ── LC4: the composition ──────────────────────────────────────────────────────────────────────────

_code(
    "LC401",
    "two bricks with one prefix",
    """
    Two bricks that can be mounted at the same time were built for the same path.
    """,
    """
    A brick works only at the prefix that it was built for, because conda writes that path into scripts,
    kernels and libraries. Two of them cannot share one path, and moving one leaves a kernel that is listed
    and dies. All repo2docker images use `/srv/conda/envs/notebook`, so they collide with each other.
    """,
    """
    Put them into different profiles, or build one of them for a prefix of its own:

        bricks:
          ocean: {prefix: /opt/bricks/ocean}
    """,
)

_code(
    "LC402",
    "nested mounts",
    """
    One mount lies inside another.
    """,
    """
    The outer image is read-only and has no folder for the inner one, so that the container cannot start.
    Where such a folder exists, the inner image hides what was there, and the order of the mounts decides
    which one is seen.
    """,
    """
    Use bricks whose prefixes lie beside each other; a brick's prefix is fixed when it is built.

        bricks:
          geo: {prefix: /opt/bricks/geo}
          ml: {prefix: /opt/bricks/ml}
    """,
)

_code(
    "LC403",
    "mount that hides a system path",
    """
    A mount lies over a folder that the system image needs, such as `/usr`, `/etc` or the folder of conda.
    """,
    """
    What a mount covers is gone: without `/usr` there is no shell, and without the system's conda no brick
    is listed and no kernel can be activated. The platforms mount it without a word.
    """,
    """
    Use a brick that was built for a folder of its own (`/opt/bricks/NAME`), or mount data somewhere else:

        data: [{name: era5, source: /data/era5, mount: /data/era5}]
    """,
)

_code(
    "LC404",
    "mount that touches the home or a data mount",
    """
    A brick's prefix, the home folder and the data mounts overlap: one of them contains another.
    """,
    """
    To mount something inside the home, the platform creates a folder in the user's own storage, where it
    stays for good. To mount something over the home hides the user's files, which looks like a loss of
    data.
    """,
    """
    Keep the three apart:

        /home/jovyan          the home
        /data/NAME            data
        /opt/bricks/NAME      bricks
    """,
)

_code(
    "LC405",
    "prefix that the system does not search",
    """
    A brick's prefix is not directly inside one of the folders in which the system looks for environments.
    """,
    """
    conda lists the direct children of each of its `envs_dirs` and nothing below them
    (conda/conda:conda/core/envs_manager.py). The brick would be mounted, and its kernels would not appear.
    """,
    """
    Choose a brick with a prefix in one of the folders that the message lists, or let the catalog's system
    name the folder as well, if the image is set up for it.
    """,
)

_code(
    "LC406",
    "colliding kernel or environment names",
    """
    Two bricks that can be mounted at the same time give the same name to an environment or to a kernel.
    """,
    """
    nb_conda_kernels numbers environments with the same name in the order of their paths, and of two
    kernels with the same name one replaces the other in silence
    (anaconda/nb_conda_kernels:nb_conda_kernels/manager.py). Notebooks store the name of
    their kernel, so adding a brick would open them in another environment.
    """,
    """
    Put the bricks into different profiles, or build one of them for a prefix whose last part differs:

        bricks:
          climate: {prefix: /opt/bricks/climate}
          climate-next: {prefix: /opt/bricks/climate-next}
    """,
)

_code(
    "LC407",
    "platform not available",
    """
    An image does not exist for an architecture that the composition has to run on.
    """,
    """
    The files of a brick are executed by the system image, so that both must be of one architecture, which
    must be that of the nodes. A container with the wrong one ends with `exec format error`.
    """,
    """
    Publish the image for the platform that the message names, or choose a release that has it. After that,
    write the lock anew.
    """,
)

_code(
    "LC408",
    "requirement that is not met",
    """
    A brick needs something that the system image or the profile does not provide: a later glibc, a package,
    a GPU. Or sessions are started with something that the system image does not have, as far as is known:
    JupyterHub's single-user server, or conda and nb_conda_kernels, which `kernels: conda` finds kernels with.
    """,
    """
    A mounted brick brings no C library and no driver: its programs are loaded by the system image. With a
    glibc that is too old they end with `version GLIBC_2.xx not found`; without the Jupyter extension that a
    brick's widgets belong to, the widgets stay empty. A server whose kernel manager is not installed ends
    before it answers.
    """,
    """
    Choose a system or a release of the brick that fits. For a GPU, ask for one in the profile. If the image
    has what is missing, say so in `provides:` of its entry; `kernels: static` takes neither conda nor
    nb_conda_kernels.
    """,
)

_code(
    "LC409",
    "lab extension that does not fit",
    """
    A brick's packages talk to an extension of JupyterLab that the system image lacks, or has in a version
    that does not understand them.
    """,
    """
    This is a warning: kernels run, but what the extension should draw or offer is missing. Only the
    extensions of the system image are loaded, never those that lie in a brick. Of the extension that draws
    all widgets it is the error LC408.
    """,
    """
    Choose a release of the system image or of the brick whose versions fit.
    """,
    severity="warning",
)

_code(
    "LC410",
    "budget that is exceeded",
    """
    A profile, or the centre as a whole, pulls more than `budget:` of the centre allows.
    """,
    """
    Unpacking images is most of the time of a first login on a new node, and their sum has to fit on the
    node's disk. Layers that several images share count once.
    """,
    """
    Take bricks out, or raise the budget. `lego-compile show SPEC` shows what each image adds.

        budget: {profile: 12G, center: 60G}
    """,
)

_code(
    "LC411",
    "image with known vulnerabilities",
    """
    The scan reports of an image name vulnerabilities as severe as `refuse:` of `scans:`, or more, and no
    exception holds for them. They are named with the package that has each, and the version that no longer
    does.
    """,
    """
    What is mounted is run by every user of the profile. Severities are the scanner's own; in SARIF, the
    worse of its word and the CVSS score. What nobody has rated yet (`UNKNOWN`, `Negligible`) is below
    `low`.

    A report without findings proves less than it seems to: Trivy has no vulnerability data for conda
    packages, so that a green scan of a brick says nothing about them, only about Python wheels and the
    like inside. A report shows nothing of what the scanner was told to leave out (`--severity`,
    `--ignore-unfixed`, `.trivyignore`).
    """,
    """
    Use a release that has the fixed version. What cannot be fixed yet and does no harm here is let pass,
    for a while and with a reason:

        scans:
          reports: ../scans
          refuse: high
          exceptions:
            - {id: CVE-2026-1234, image: ocean, until: "2027-01-31", reason: no network service}
    """,
)

_code(
    "LC412",
    "image without a scan report",
    """
    The folder that `scans: reports:` names has no report on an image, on a platform of `platforms:`.
    """,
    """
    Of an image that nobody has scanned nothing is known. A report is found by the digest of the image for
    the platform, else by the digest of its index: `sha256-HEX.json`, `sha256-HEX.sarif`,
    `sha256-HEX.sarif.json` or `HEX.json`. A report on an index is on the one platform that the scanner
    took, so that it does not count for the others when it says which. A new digest in the lock needs a new
    report: the old one is about other files.
    """,
    """
    Scan the image by its digest, as the help of the message says. `missing: warning` under `scans:` makes
    this the warning LC416, `missing: ignore` says nothing.
    """,
)

_code(
    "LC413",
    "scan report that cannot be used",
    """
    A scan report cannot be read, is in no format that lego-compile knows, was not made of an image, or
    states the digest of another image; or the folder of reports does not exist.
    """,
    """
    A report that is half understood, or about something else, proves nothing, and is never taken for a
    clean one. Known are the JSON of `trivy image`, the JSON of `grype`, and SARIF 2.1.0 of Trivy, Grype and
    Snyk Container, in UTF-8 and up to 64 MiB. A list of packages (CycloneDX, SPDX, Syft) names no
    vulnerabilities, and a scan of a folder, or of source code, names no image.
    """,
    """
    Scan the image again, by its digest and with the name that the message gives:

        trivy image --format json --output scans/sha256-0123.json registry.example.org/lab@sha256:0123

    A scanner that reads an image from a local engine may state digests of its own making: let it ask the
    registry.
    """,
)

_code(
    "LC414",
    "exception that has expired",
    """
    The last day of an exception under `scans:` is over, and an image still has the vulnerability.
    """,
    """
    An exception is a judgement of its time: whether a fix is out, and whether the flaw can be reached. The
    day is compared with today in UTC, or with the day of `SOURCE_DATE_EPOCH` where that is set. Outputs do
    not depend on it, only whether they are written.
    """,
    """
    Use a release that has the fixed version; or judge it again, and set a later day.
    """,
)

_code(
    "LC415",
    "exception that excuses nothing",
    """
    No image that the centre uses has the vulnerability of an exception, or none that the exception is for,
    or not as severe as `refuse:`.
    """,
    """
    It would let the vulnerability pass if it came back, which nobody has judged. Often the name is
    misspelt.
    """,
    """
    Remove the exception, or correct its `id:` or `image:`.
    """,
    severity="warning",
)

_code(
    "LC416",
    "image whose vulnerabilities are not known",
    """
    An image has no scan report, and `missing: warning` under `scans:` lets that pass.
    """,
    """
    Of an image that nobody has scanned nothing is known. See LC412 for how reports are found.
    """,
    """
    Scan the image by its digest, as the help of the message says.
    """,
    severity="warning",
)

# ── LC5: what a target can do ─────────────────────────────────────────────────────────────────────

_code(
    "LC501",
    "feature that is absent at these versions",
    """
    The composition uses something that the platform cannot do at the versions given under `targets:`.
    """,
    """
    Most platforms do not refuse what they do not know. Kubernetes before 1.31 drops the field, and the
    brick's path is an empty folder; containerd 2.1 ignores `subPath` and mounts the whole image.
    """,
    """
    Run the version that the message names and declare it, or leave the feature out on this target:

        targets:
          z2jh:
            versions: {kubernetes: "1.35", containerd: "2.2", chart: "4.4.0"}
    """,
)

_code(
    "LC502",
    "version that is needed and not declared",
    """
    Whether the composition works depends on the version of a component that the spec does not state.
    """,
    """
    lego-compile does not guess, and it does not look at your machines. The version of one component proves
    nothing about another: a node of Kubernetes 1.35 may still run containerd 1.7, which has no image
    volumes.
    """,
    """
    Write down what the centre runs; `kubectl get nodes -o wide`, `docker version` and
    `apptainer --version` say it.

        versions: {kubernetes: "1.35", containerd: "2.2", chart: "4.4.0"}
    """,
)

_code(
    "LC503",
    "feature behind a gate",
    """
    At the versions declared, the feature exists but is switched off until an administrator switches it on.
    """,
    """
    This is a warning, since the spec cannot show whether the switch is on. When it is off, the failure is
    silent: Kubernetes 1.31 to 1.34 without the gate `ImageVolume` removes the volumes of the bricks, and the
    pod starts without them; a Docker Engine that was upgraded to 29 keeps its old image store, with which
    sessions do not come back after a restart.
    """,
    """
    Switch the gate on everywhere (for `ImageVolume`: kube-apiserver and every kubelet), or run a version
    that needs no gate. Where `gates:` knows its name, say there that it is on.
    """,
    severity="warning",
)

_code(
    "LC504",
    "emulated feature",
    """
    The platform has no such feature at these versions; the output does the same by other means.
    """,
    """
    This is a warning: users see no difference, but the price is paid elsewhere, in start-up time, in disk
    space, or in a program that the platform has to run. The message says how it is done.
    """,
    """
    Nothing has to be done. A version that has the feature itself is named in the message, if there is one.
    """,
    severity="warning",
)

_code(
    "LC505",
    "two alternatives declared",
    """
    Two components under `versions:` are alternatives, such as two container runtimes; both have a version.
    """,
    """
    What the platform can do is looked up by the version of the one that runs sessions. With two of them the
    answer depends on which one is asked, and a guess is how a silent failure begins.
    """,
    """
    Keep the version of the component that runs sessions.

        versions: {kubernetes: "1.35", containerd: "2.2", chart: "4.4.0"}
    """,
)

# ── LC6: options of a target ──────────────────────────────────────────────────────────────────────

_code(
    "LC601",
    "target options that conflict",
    """
    Two options of one target contradict each other.
    """,
    """
    Only one of them can be obeyed. Which one it would be is decided by the platform's order of reading, not
    by the order in your spec.
    """,
    """
    Keep the one that you mean and delete the other; both places are shown.
    """,
)

_code(
    "LC602",
    "composition that the target cannot express",
    """
    The spec asks for something that this platform has no way to say, at any version.
    """,
    """
    Leaving it out in silence would give the users of this centre another environment than the spec says,
    and the targets would no longer agree.
    """,
    """
    Do as the message says, or take the target out of `targets:`.
    """,
)

_code(
    "LC603",
    "surprising target option",
    """
    An option is valid, and does something that few people expect.
    """,
    """
    This is a warning. The platform obeys the option, and the effect shows much later: users wait, data
    stays behind, or a clean-up removes an image that is in use.
    """,
    """
    Read the message. If the effect is wanted, leave the option as it is.
    """,
    severity="warning",
)

# ── LC65 to LC67: images, read from their files ────────────────────────────────────────────────────

_code(
    "LC651",
    "image that cannot be inspected",
    """
    A folder, an image layout or an image cannot be read, or is not what it says that it is: a file
    is missing, a digest is another one, a layer is cut short, leaves the image or unpacks to far
    too much.
    """,
    """
    What cannot be read whole proves nothing. Engines refuse most such images when a session starts.
    """,
    """
    Build or copy the image again. Nothing of it was unpacked to your disk.
    """,
)

_code(
    "LC652",
    "environment that conda does not list",
    """
    An environment has no file `conda-meta/history`, or an image has several environments.
    """,
    """
    conda lists a directory as an environment only when that file is there (it may be empty), and
    `nb_conda_kernels` asks conda. Without it the kernel is never shown, and nobody says why.
    """,
    """
    Make the environment with conda, mamba or micromamba, and do not delete `conda-meta`. Of several
    environments, name the one that is meant with `--prefix`.
    """,
)

_code(
    "LC653",
    "brick without a kernel",
    """
    An environment has no `share/jupyter/kernels/*/kernel.json`.
    """,
    """
    Such a brick is mounted, takes its time to be pulled, and shows nothing.
    """,
    """
    Add `ipykernel` to the environment, or the kernel of its language (`r-irkernel`, `xeus-cling`).
    """,
)

_code(
    "LC654",
    "kernel.json that cannot be used",
    """
    A kernelspec is no JSON, or lacks `display_name`, `language` or `argv`.
    """,
    """
    Without `display_name`, `nb_conda_kernels` raises an error while the server starts: one such
    brick stops the Lab of everybody who mounts it. Other faults hide the kernel.
    """,
    """
    Correct the file where the brick is built. It holds at least:

        {"argv": ["/opt/bricks/ocean/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
         "display_name": "Ocean (Python 3.12)", "language": "python"}
    """,
)

_code(
    "LC655",
    "kernel whose program is not there",
    """
    The first word of the `argv` of a kernelspec is a program that is not in the brick, or that
    nobody may run.
    """,
    """
    The kernel is listed, and dies when it is started. The user waits for a minute and sees no
    reason.
    """,
    """
    Install the kernel into the environment itself, and build the brick at the prefix at which it is
    mounted.
    """,
)

_code(
    "LC656",
    "prefix that files disagree about",
    """
    Kernels and scripts were written for another prefix than the one that is expected, or for
    several.
    """,
    """
    conda writes the prefix into scripts and libraries, so a brick works only where it was built.
    Moved, it half works, which is worse.
    """,
    """
    Build the brick again with the right `-p PREFIX`, or say the right prefix in the catalog and in
    the labels.
    """,
)

_code(
    "LC657",
    "script with an interpreter elsewhere",
    """
    A program in `bin` begins with `#!` and a path that is neither in the brick nor in every system.
    """,
    """
    This is a warning: the kernels run, and that program fails with 'No such file or directory'.
    """,
    """
    Install the package again, or delete the program.
    """,
    severity="warning",
)

_code(
    "LC658",
    "programs of another architecture",
    """
    The programs of an image are for another machine than its manifest says, or for two of them.
    """,
    """
    The engine chooses an image by its manifest. A kernel then dies with 'Exec format error'.
    """,
    """
    Lock and build each platform on its own, and give each manifest its own platform.
    """,
)

_code(
    "LC659",
    "musl in the place of glibc",
    """
    Programs of a brick are linked with musl, or musl is the C library of a system image.
    """,
    """
    A brick brings no C library and uses that of the system image, and the packages of conda are
    made for glibc. A program for the other one does not start.
    """,
    """
    Build system images from Debian, Ubuntu or Rocky Linux, and bricks from the packages of
    conda-forge.
    """,
)

_code(
    "LC660",
    "files that not everybody may read",
    """
    Files or directories of a brick are not readable for everybody.
    """,
    """
    Sessions run as an ordinary user who owns nothing in a brick. Some tools write records with mode
    0600; then kernels run, and `conda list` ends with an error.
    """,
    """
    End the build with `chmod -R a+rX PREFIX`.
    """,
)

_code(
    "LC661",
    "set-user-ID programs or devices in a brick",
    """
    A brick has programs that run as their owner, or devices or pipes.
    """,
    """
    This is a warning: engines take that power away from mounted images or do not, and no
    environment needs it.
    """,
    """
    Remove them where the brick is built.
    """,
    severity="warning",
)

_code(
    "LC662",
    "links out of a brick",
    """
    Symbolic links of a brick lead to paths outside its prefix.
    """,
    """
    This is a warning: in a session they lead to what the system image has there, or to nothing.
    """,
    """
    Copy what they lead to into the environment.
    """,
    severity="warning",
)

_code(
    "LC663",
    "packages installed in place",
    """
    A Python package of a brick lies elsewhere (`pip install --editable`, or a path in a `.pth`
    file).
    """,
    """
    Its source stayed on the machine on which the brick was built, so its import fails in every
    session.
    """,
    """
    Install it without `--editable`.
    """,
)

_code(
    "LC664",
    "stale compiled Python",
    """
    Compiled files (`.pyc`) do not agree with the time or the size of their source.
    """,
    """
    This is a warning: Python ignores them and compiles again. On a read-only brick it does so at
    every start of a kernel, which then takes four times as long. Tools that set all times to one do
    that.
    """,
    """
    End the build with `python -m compileall -q -f -j0 --invalidation-mode unchecked-hash
    PREFIX/lib`: such files are independent of times.
    """,
    severity="warning",
)

_code(
    "LC665",
    "Python that is not compiled",
    """
    Many Python files of a brick have no compiled file (`.pyc`).
    """,
    """
    This is a warning: on a read-only brick they are compiled at every start of a kernel.
    """,
    """
    End the build with `python -m compileall -q -f -j0 --invalidation-mode unchecked-hash
    PREFIX/lib`.
    """,
    severity="warning",
)

_code(
    "LC666",
    "widgets of two generations",
    """
    A brick has `ipywidgets` and a lab extension for widgets that do not speak to each other.
    """,
    """
    `ipywidgets` 7 speaks to version 3 of `@jupyter-widgets/jupyterlab-manager`, and 8 to version 5.
    What the brick needs of the system image would be stated wrong.
    """,
    """
    Install `ipywidgets` and `jupyterlab_widgets` of one generation.
    """,
)

_code(
    "LC667",
    "server-side package in a brick",
    """
    A brick has packages that work in the Jupyter server.
    """,
    """
    This is a warning: the server runs in the system image and never looks into a brick, so they
    have no effect.
    """,
    """
    Put them into the system image.
    """,
    severity="warning",
)

_code(
    "LC668",
    "system image without what sessions need",
    """
    A system image lacks JupyterLab, `jupyterhub-singleuser` or `bash`.
    """,
    """
    Sessions are started with `jupyterhub-singleuser`, and kernels by `bash`.
    """,
    """
    Install them where the image is built.
    """,
)

_code(
    "LC669",
    "label that the files contradict",
    """
    A label of an image says something else than its files, or than is expected.
    """,
    """
    Labels decide where a brick is mounted and what its kernels are called. A wrong one shows a
    kernel that dies.
    """,
    """
    Correct the label. `lego-compile inspect --label oci:DIR` writes those that only the files know;
    the name, the prefix and what else the catalog says has to be corrected where the image is
    built.
    """,
)

_code(
    "LC670",
    "label that is missing",
    """
    The files of an image state a fact, and no label does.
    """,
    """
    This is a warning: what is not stated is not compared when a centre is compiled, such as a C
    library that is too old.
    """,
    """
    Add the label that is shown, or run `lego-compile inspect --label oci:DIR`.
    """,
    severity="warning",
)

_code(
    "LC671",
    "system image whose user is root",
    """
    The configuration of a system image names no user, root, or somebody who is not in its
    `/etc/passwd`.
    """,
    """
    This is a warning: targets say which user a session is, and whoever runs the image by hand is
    root.
    """,
    """
    End its Containerfile with `USER 1000:100`.
    """,
    severity="warning",
)

_code(
    "LC672",
    "variables that reach every kernel",
    """
    A system image exports variables that mean files of one environment, such as `PROJ_DATA`,
    `LD_LIBRARY_PATH` or `PYTHONPATH`.
    """,
    """
    This is a warning: kernels inherit them, whatever their brick. Then a library of one reads the
    data of another, of another version.
    """,
    """
    Set them in a script in `etc/conda/activate.d` of the environment that they are of.
    """,
    severity="warning",
)

_code(
    "LC673",
    "conda that nb_conda_kernels cannot use",
    """
    A system image has `nb_conda_kernels` and no conda, or exports both variables for the
    directories of environments.
    """,
    """
    `micromamba` answers `info --json` without what `nb_conda_kernels` reads, and the server does not
    start. With both `CONDA_ENVS_DIRS` and `CONDA_ENVS_PATH` set, conda refuses to list anything.
    """,
    """
    Install conda itself beside JupyterLab, and export one of the two variables at most.
    """,
)

# ── LC7: reading the artifacts back ───────────────────────────────────────────────────────────────

_code(
    "LC701",
    "artifact that reads back differently",
    """
    Read as the platform reads it, an artifact expresses another composition than the spec, or than another
    target. The message names the first difference.
    """,
    """
    This is the promise of lego-compile: all targets give the user the same mounts, variables and kernels.
    Here it does not hold.
    """,
    """
    If the file was edited by hand, compile again; what you wanted to change belongs into the spec. If it was
    not edited, this is a bug of lego-compile: please report it with the spec.

        lego-compile centers/grenoble.yaml
    """,
)

_code(
    "LC702",
    "part of an artifact that nobody reads",
    """
    An artifact holds a value that neither the platform's reader nor lego-compile obeys.
    """,
    """
    A value that nobody reads is a wish without effect, such as a misspelt key in Helm values; most platforms
    accept it without a word.
    """,
    """
    Delete it. A change that is meant belongs into the spec, or into a file of your own beside the output.
    """,
)

_code(
    "LC703",
    "missing artifact",
    """
    A file that the target consists of is not in the output folder.
    """,
    """
    Without it the platform refuses to start, or starts with its own defaults, and then no brick is mounted.
    """,
    """
    Compile again, and commit all of the files:

        lego-compile centers/grenoble.yaml
    """,
)

_code(
    "LC704",
    "changed fixed file",
    """
    A file that is the same for every centre (a program that lego-compile ships with the output) is not what
    this version ships.
    """,
    """
    These files decide how the data beside them is obeyed. They are tested as they are; with a change in
    them, what is read back proves nothing.
    """,
    """
    Compile again to restore it. To change what the program does, change it in lego-compile, for every
    centre.
    """,
)

_code(
    "LC705",
    "artifact that cannot be read",
    """
    A file in the output folder is not in the format that the platform expects there: broken YAML or JSON,
    or another kind of document.
    """,
    """
    The platform could not read it either.
    """,
    """
    Compile again. If the file was merged by Git, look for `<<<<<<<` in it; the output of two branches is
    merged by merging the specs and compiling.
    """,
)

_code(
    "LC706",
    "overlay that destroys the composition",
    """
    With `verify --with`: laid over the compiled values as Helm does it, a values file of yours changes what
    users get. A list or a null takes the place of a map, a profile or a brick is gone or another one, the
    home or a data directory is not mounted, the guard is off, or the result cannot be read back any more.
    """,
    """
    Helm merges maps key by key, and everything else replaces what was there; a key without a value is a null,
    which removes (helm/helm:pkg/cli/values/options.go, pkg/chartutil/coalesce.go). Neither Helm nor the hub
    says a word, and the first to notice is a user whose work is lost.
    """,
    """
    Say it in the centre's specification and compile, so that it is proven on every target. Where the values
    file only means to add, write a map keyed by name.
    """,
)

_code(
    "LC707",
    "overlay that changes or adds something",
    """
    With `verify --with`: a values file of yours changes something that the specification says under
    `targets: z2jh:`, such as the host, who may log in, or when idle servers are stopped; or it adds
    something to sessions, such as data or a variable.
    """,
    """
    This is a warning: the platform obeys the file, and users keep their environments. Who reads the
    specification believes something else.
    """,
    """
    Write it into the specification, compile, and remove it from the file.

        targets:
          z2jh:
            cull: {timeout: 7200}
    """,
    severity="warning",
)

_code(
    "LC708",
    "overlay that Helm refuses",
    """
    With `verify --with`: a values file of yours has a key that the chart does not know at this place, or a
    value that Helm cannot read.
    """,
    """
    The schema of the chart lists the keys of nearly every place
    (jupyterhub/zero-to-jupyterhub-k8s:jupyterhub/values.schema.yaml), and `helm upgrade` ends with an error
    at any other. Most of them are misspelt, or a level too high or too low.
    """,
    """
    Correct the spelling or the indentation. What only your own programs read belongs below `custom:`.

        singleuser:
          storage:
            extraVolumes: {}
    """,
)

_code(
    "LC709",
    "overlay that decides over sessions",
    """
    With `verify --with`: a values file of yours sets something that reaches into sessions, or decides who
    gets one, and that lego-compile does not read back: Python of the hub, settings of the spawner, files and
    containers of sessions.
    """,
    """
    This is a warning: it may do just what you want, and it may undo everything that was proven. A line of
    `hub.extraConfig` is run after all else and can replace any setting.
    """,
    """
    Keep it short, and look at it whenever the centre or the chart changes. What the specification can say
    (data directories, variables, limits) is better said there.
    """,
    severity="warning",
)

# ── LC8: the output folder ────────────────────────────────────────────────────────────────────────

_code(
    "LC710",
    "file of the site that is obeyed",
    """
    With `verify`: a file stands beside ours that the site is asked to write, such as
    `jupyterhub_config.d/site.py` of a hub on a cluster.
    """,
    """
    This is a warning: the platform obeys the file, and what it says is not proven. It may log people in, or
    replace what starts their sessions.
    """,
    """
    Have it reviewed like the specification. What the specification can say belongs there.
    """,
    severity="warning",
)

_code(
    "LC801",
    "stale output",
    """
    With `--check`: a file in the output folder is not what the spec, the catalog and the lock compile to
    now.
    """,
    """
    What is deployed from the folder is not what the reviewers of the spec have read.
    """,
    """
    Compile and commit the result; `--diff` shows beforehand what changes.

        lego-compile centers/grenoble.yaml
    """,
)

_code(
    "LC802",
    "missing output",
    """
    With `--check`: a file that the spec compiles to is not in the output folder.
    """,
    """
    The deployment that is made from the folder is not complete.
    """,
    """
    Compile and commit the result. If the file was there yesterday, look whether `.gitignore` covers it.

        lego-compile centers/grenoble.yaml
    """,
)

_code(
    "LC803",
    "output edited by hand",
    """
    A file that lego-compile wrote was changed by somebody else since.
    """,
    """
    The next compile overwrites the change. Until then, this target is not what the spec says, and nobody
    who reads the spec can know it.
    """,
    """
    Put the change into the spec and compile. What the spec cannot say belongs into a file of your own (a
    second Helm values file, a Compose override), which lego-compile does not touch.
    """,
)

_code(
    "LC804",
    "left-over output",
    """
    A file in the output folder was written by an earlier compile and is not part of the output any more.
    """,
    """
    A platform that reads a whole folder would still obey it, for example a target that was disabled or a
    profile that was deleted.
    """,
    """
    Compile again, which removes it. A left-over file that was edited by hand is kept: delete it yourself
    when you do not need it.
    """,
)

_code(
    "LC805",
    "output that cannot be written",
    """
    The operating system refused to write a file or to create a folder. The message gives its reason.
    """,
    """
    All files are prepared before the first one is replaced, so the output folder is as it was before.
    """,
    """
    Make room, or correct the owner and the permissions of the folder, or choose another one:

        lego-compile --out DIR centers/grenoble.yaml
    """,
)

_code(
    "LC806",
    "foreign file in the way",
    """
    At a path that lego-compile has to write there is a file that it has not written.
    """,
    """
    It may be somebody's work. The files of lego-compile are those in `SHA256SUMS` in the output folder; no
    other file is ever replaced or removed.
    """,
    """
    Move the file away or delete it, then compile again. If `SHA256SUMS` was lost, restore it from Git.
    """,
)

_code(
    "LC807",
    "two specs that write to one folder",
    """
    Two of the specs given would write to the same output folder, because they have the same `center:`.
    """,
    """
    The second would overwrite the first, and with several jobs the two would be mixed.
    """,
    """
    Give each centre a name of its own:

        center: grenoble
    """,
)

# ── LC9: lego-compile itself ──────────────────────────────────────────────────────────────────────

_code(
    "LC900",
    "internal error",
    """
    lego-compile met a state that it holds to be impossible. The spec may be right or wrong; this is our bug.
    """,
    """
    No mistake in a spec should show this. Nothing was written: the output folder is as it was before.
    """,
    """
    Please report it, with the trace and the spec if you may share it. The message says where it happened;
    leaving out the part of the spec that was changed last often helps until it is repaired.
    """,
)


def is_error(name: str) -> bool:
    """Whether a finding with this code stops a compile.

    Raises:
        KeyError: there is no such code.
    """
    return CATALOGUE[name].severity == "error"


def explain(name: str) -> str:
    """All that is known about a code, as plain text ending with a newline.

    Raises:
        KeyError: there is no such code.
    """
    code = CATALOGUE[name]
    parts = [f"{code.id} ({code.severity}): {code.title}"]
    for heading, text in (("What it means", code.what), ("Why", code.why), ("What to do", code.fix)):
        lines = [f"  {line}".rstrip() for line in text.split("\n")]
        parts.append("\n".join([heading, *lines]))
    return "\n\n".join(parts) + "\n"


def markdown() -> str:
    """The whole catalogue as one Markdown page: the bytes of ``docs/codes.md``."""
    out = [
        "<!-- Written from lego_compile/diagnostic/codes.py; a test compares the two. Change it there. -->",
        "",
        "# Codes",
        "",
        "Every finding has a code. An *error* stops the compile and nothing is written; a *warning* does",
        "so only with `--strict`. `lego-compile explain LC402` prints the entry of a code.",
    ]
    for prefix, heading in GROUPS:
        members = [code for code in CATALOGUE.values() if code.id.startswith(prefix)]
        out += ["", f"## {heading}", "", "| code | severity | title |", "| --- | --- | --- |"]
        out += [f"| [{code.id}](#{code.id.lower()}) | {code.severity} | {code.title} |" for code in members]
        for code in members:
            # The heading is the bare code, so that the link to it outlives every change of a title.
            out += ["", f"### {code.id}", "", f"**{_sentence(code.title)}** ({code.severity})", "", code.what]
            out += ["", "*Why:*", code.why, "", "*What to do:*", code.fix]
    return "\n".join(out) + "\n"


def _sentence(title: str) -> str:
    return title[0].upper() + title[1:]
