"""Deployments for property tests, and one rich example.

Every semantic field of ``ir.model`` is drawn explicitly, so that a new one cannot be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from hypothesis import strategies as st

from lego_compile.choices import key_of
from lego_compile.ir.kernels import environment_names, kernel_name
from lego_compile.ir.model import (
    INCLUDE,
    BrickMount,
    Composition,
    DataMount,
    Deployment,
    ImageRef,
    Kernel,
    Limits,
    SystemImage,
)
from lego_compile.session import program

TARGETS = ("z2jh", "compose", "apptainer")

names = st.from_regex(r"[a-z0-9]{1,6}(-[a-z0-9]{1,6}){0,2}", fullmatch=True).filter(
    lambda name: not name.startswith(("volume", "home", "files"))
)
titles = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Cn")), min_size=1, max_size=40
).filter(lambda text: text.strip() != "")
values = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Cn"), exclude_characters="{}$"), max_size=30
)
digests = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)
repositories = st.builds(
    lambda host, path: f"{host}/{path}",
    st.sampled_from(["registry.example.org", "harbor.example.org:5000", "quay.io"]),
    st.from_regex(r"[a-z0-9]{1,8}(/[a-z0-9]{1,8}(-[a-z0-9]{1,4})?){0,2}", fullmatch=True),
)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,12}", fullmatch=True)
images = st.builds(ImageRef, repository=repositories, digest=digests, tag=tags)
labels = st.from_regex(r"[0-9A-Za-z][0-9A-Za-z._-]{0,6}", fullmatch=True)


def _brick(name: str, title: str, image: ImageRef, subpath: str) -> BrickMount:
    prefix = "/srv/conda/envs/" + name if subpath != "/" else "/opt/bricks/" + name
    directory = "python3"
    environment = environment_names("/opt/conda", [prefix])[prefix]
    kernel = Kernel(directory, title, "python", kernel_name(environment, directory))
    return BrickMount(
        name, title, image, prefix, prefix if subpath != "/" else "/", guarded=True, kernels=(kernel,)
    )


@st.composite
def alternatives(draw: st.DrawFn, brick: BrickMount) -> tuple[BrickMount, ...]:
    """One offered brick: alone, or in several releases, of which one may be the one that the spec does not name."""
    if draw(st.booleans()):
        return (brick,)
    several = draw(st.lists(labels, min_size=2, max_size=3, unique_by=key_of))
    unnamed = draw(st.sampled_from([None, *several]))
    return tuple(
        replace(
            brick, image=draw(images), choice=INCLUDE if label == unnamed else key_of(label), release=label
        )
        for label in several
    )


@st.composite
def retirements(draw: st.DrawFn, offers: tuple[BrickMount, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Keys that are still good for some of the offered bricks, and that none of their releases has."""
    found = {}
    for name in sorted({brick.name for brick in offers}):
        shown = {brick.choice for brick in offers if brick.name == name}
        found[name] = draw(st.sets(labels.map(key_of), max_size=2)) - shown
    return tuple((name, tuple(sorted(keys))) for name, keys in found.items() if keys)


@st.composite
def profiles(
    draw: st.DrawFn,
    slug: str,
    default: bool,
    pool: list[BrickMount],
    data: tuple[DataMount, ...],
) -> Composition:
    """One profile over a pool of bricks and the centre's data."""
    chosen = draw(st.lists(st.sampled_from(range(len(pool))), unique=True, max_size=4))
    split = draw(st.integers(0, len(chosen)))
    fixed = sorted((pool[i] for i in chosen[:split]), key=lambda mount: mount.prefix)
    offers = tuple(sorted((pool[i] for i in chosen[split:]), key=lambda mount: mount.name))
    offers = tuple(mount for brick in offers for mount in draw(alternatives(brick)))
    gpus = draw(st.integers(0, 2))
    environment = {
        "CONDA_ENVS_DIRS": "/opt/bricks:/srv/conda/envs",
        "PYTHONNOUSERSITE": "1",
        **draw(
            st.dictionaries(
                st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True).filter(_free), values, max_size=3
            )
        ),
    }
    kernels = [kernel.name for mount in (*fixed, *offers) for kernel in mount.kernels][:1]
    return Composition(
        slug=slug,
        title=draw(titles),
        description=draw(st.one_of(st.just(""), titles)),
        default=default,
        groups=()
        if default
        else tuple(sorted(draw(st.sets(st.sampled_from(["staff", "m1", "guests"]), max_size=2)))),
        system=SystemImage(
            image=draw(images),
            home=draw(st.sampled_from(["/home/jovyan", "/home/lab"])),
            uid=draw(st.sampled_from([1000, 1001])),
            gid=draw(st.sampled_from([100, 1000])),
            environments=("/opt/bricks", "/srv/conda/envs"),
        ),
        bricks=tuple(fixed),
        offers=offers,
        retired=draw(retirements(offers)),
        environment=tuple(sorted(environment.items())),
        command=draw(st.sampled_from([static(), conda(kernels)])),
        data=data,
        limits=Limits(
            cpu=draw(st.one_of(st.none(), st.sampled_from([500, 1000, 1500, 4000]))),
            memory=draw(st.one_of(st.none(), st.integers(1, 4096).map(lambda mib: mib * 1024**2))),
            gpus=gpus,
            gpu_vendor="nvidia" if gpus else "",
        ),
    )


def conda(kernels: list[str]) -> tuple[str, ...]:
    """The command where conda finds the kernels; the first one is the default."""
    return (
        "jupyterhub-singleuser",
        "--ServerApp.kernel_spec_manager_class=nb_conda_kernels.CondaKernelSpecManager",
        "--CondaKernelSpecManager.env_filter=^/opt/conda$",
        "--CondaKernelSpecManager.name_format={display_name}",
        *(f"--MultiKernelManager.default_kernel_name={name}" for name in kernels),
    )


def static() -> tuple[str, ...]:
    """The command where a program tells Jupyter about them."""
    return ("python3", "-c", program(), "serve", "jupyterhub-singleuser")


def _free(name: str) -> bool:
    return not name.startswith(("LEGO", "CONDA", "JUPYTER", "JPY", "PYTHON", "HOME", "PATH", "USER", "SHELL"))


@st.composite
def deployments(draw: st.DrawFn) -> Deployment:
    """A centre with one to three profiles over a few bricks; legal on every target, not projected."""
    pool = [
        _brick(name, draw(titles), draw(images), draw(st.sampled_from(["/", "below"])))
        for name in draw(st.lists(names, min_size=1, max_size=5, unique=True))
    ]
    data = tuple(
        DataMount(
            name, f"/data/{name}", draw(st.booleans()), "", tuple((t, f"/export/{name}") for t in TARGETS)
        )
        for name in sorted(draw(st.lists(names, max_size=2, unique=True)))
    )
    slugs = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    default = draw(st.integers(0, len(slugs) - 1))
    return Deployment(
        center=draw(names),
        title=draw(titles),
        profiles=tuple(
            draw(profiles(slug, index == default, pool, data)) for index, slug in enumerate(slugs)
        ),
        home_size=draw(st.one_of(st.none(), st.integers(1, 500).map(lambda gib: gib * 1024**3))),
        groups=draw(st.sampled_from([(), (("staff", ("ada", "grace")),), (("m1", ("ada",)), ("staff", ()))])),
    )


def _plain_example() -> Deployment:
    """Three profiles that use nearly everything: offers, groups, a subpath, data, GPUs, another system image."""

    def image(name: str, digit: str) -> ImageRef:
        return ImageRef(f"registry.example.org/lego/{name}", f"sha256:{digit * 64}", "2026.10")

    ocean = _brick("ocean", "Ocean <modelling> & co", image("brick-ocean", "a"), "/")
    climate = _brick("climate", "Climate", image("brick-climate", "b"), "/")
    ml = _brick("ml", "Machine learning", image("brick-ml", "c"), "/")
    pangeo = _brick(
        "notebook",
        "Pangeo",
        ImageRef("quay.io/pangeo/pangeo-notebook", "sha256:" + "d" * 64, "2026.01.30"),
        "below",
    )
    lab = SystemImage(
        image("lab", "e"), "/home/jovyan", 1000, 100, "/opt/conda", ("/opt/bricks", "/srv/conda/envs")
    )
    gpu = replace(lab, image=image("lab-gpu", "f"))
    era5 = DataMount("era5", "/data/era5", False, "", tuple((target, "/export/era5") for target in TARGETS))
    scratch = DataMount(
        "scratch", "/scratch", True, "", tuple((target, "/export/scratch") for target in TARGETS)
    )

    def profile(slug: str, **changes: object) -> Composition:
        base = Composition(
            slug=slug,
            title=f"Profile {slug}",
            description="",
            default=False,
            groups=(),
            system=lab,
            bricks=(),
            offers=(),
            environment=(("CONDA_ENVS_DIRS", "/opt/bricks:/srv/conda/envs"), ("PYTHONNOUSERSITE", "1")),
            command=(
                "jupyterhub-singleuser",
                "--ServerApp.kernel_spec_manager_class=nb_conda_kernels.CondaKernelSpecManager",
                "--CondaKernelSpecManager.env_filter=^/opt/conda$",
                "--CondaKernelSpecManager.name_format={display_name}",
                "--MultiKernelManager.default_kernel_name=conda-env-ocean-py",
            ),
            data=(era5, scratch),
            limits=Limits(4000, 8 * 1024**3),
        )
        return replace(base, **changes)  # type: ignore[arg-type]

    quirky = (
        ("CONDA_ENVS_DIRS", "/opt/bricks:/srv/conda/envs"),
        ("PYTHONNOUSERSITE", "1"),
        ("SITE_NOTE", 'l\'été "à" 100 % \\ <b>'),
    )
    return Deployment(
        center="grenoble",
        title="OSUG, Grenoble",
        profiles=(
            profile(
                "ocean",
                default=True,
                description="Ocean & climate",
                bricks=(climate, ocean),
                offers=(ml, pangeo),
            ),
            profile("field", groups=("staff",), bricks=(ocean, pangeo), environment=quirky),
            profile(
                "deep",
                groups=("m1", "staff"),
                system=gpu,
                bricks=(ml,),
                limits=Limits(8500, 32 * 1024**3, 2, "nvidia"),
            ),
        ),
        home_size=20 * 1024**3,
        groups=(("staff", ("ada", "grace")),),
    )


def example() -> Deployment:
    """Three profiles that use everything: the same, and releases to choose from, be they named in the spec or not."""
    ocean, field, deep = _plain_example().profiles
    (climate, _), (ml, pangeo) = ocean.bricks, ocean.offers

    def release(brick: BrickMount, choice: str, label: str, digit: str) -> BrickMount:
        image = replace(brick.image, digest=f"sha256:{digit * 64}", tag=label)
        return replace(brick, image=image, choice=choice, release=label)

    ocean = replace(
        ocean,
        offers=(release(ml, INCLUDE, "2026.10", "c"), release(ml, "v2026-3", "2026.3", "1"), pangeo),
        retired=(("ml", ("v2025-1", "v2025-9")), ("notebook", ("v2025-7-1",))),
    )
    field = replace(
        field,
        offers=(release(climate, "v2026-3", "2026.3", "2"), release(climate, "v2026-10", "2026.10", "b")),
    )
    return replace(_plain_example(), profiles=(ocean, field, deep))


def choices(profile: Composition) -> Iterator[tuple[BrickMount, ...]]:
    """Everything that a user can add to a profile: of each offered brick one release, or nothing."""
    for chosen in product(*((None, *releases) for releases in profile.offered.values())):
        yield tuple(brick for brick in chosen if brick is not None)


def spelled(brick: BrickMount) -> str:
    """What asks a hub for an offered brick."""
    return brick.name if brick.choice in ("", INCLUDE) else f"{brick.name}@{brick.choice}"
