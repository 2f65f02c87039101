"""``composition.json`` → the deployment that ``jupyterhub_config.py`` would make of it."""

from __future__ import annotations

from lego_compile.ir.model import (
    BrickMount,
    Composition,
    DataMount,
    Deployment,
    ImageRef,
    Limits,
    SystemImage,
)
from lego_compile.targets.compose.lift_bricks import Bricks, Layer, reference
from lego_compile.targets.compose.lift_leaves import leaf, optional, texts, unless_absent
from lego_compile.targets.reading import Reading

MOUNTS = ("image", "baked", "volume")
"""Ways to mount bricks that the hub knows."""


class Hub:
    """The composition on its way into the model: what every step needs, kept together."""

    def __init__(self, reading: Reading, software: Bricks, guarded: bool) -> None:
        self.reading, self.software, self.guarded = reading, software, guarded
        self.mounts = reading.text("mounts")
        if self.mounts not in MOUNTS:
            reading.complain(f"{self.mounts!r} is no way to mount a brick that the hub knows", "mounts")

    def deployment(self) -> Deployment:
        """The whole of it."""
        reading = self.reading
        names = reading.keys("groups")
        profiles = tuple(self.profile("profiles", index) for index in reading.indices("profiles"))
        slugs = [profile.slug for profile in profiles]
        for index, slug in enumerate(slugs):
            if slug in slugs[:index]:
                reading.complain(
                    f"there are two profiles {slug!r}, and the last one wins", "profiles", index, "slug"
                )
        return Deployment(
            center=reading.text("center"),
            title="",
            profiles=profiles,
            groups=tuple((name, tuple(texts(reading, "groups", name))) for name in names),
        )

    def profile(self, *at: str | int) -> Composition:
        """One profile."""
        reading = self.reading
        image, layers = self.system(*at)
        system = SystemImage(
            image=image,
            home=reading.text(*at, "home"),
            uid=leaf(reading, int, 0, *at, "uid"),
            gid=leaf(reading, int, 0, *at, "gid"),
        )
        return Composition(
            slug=reading.text(*at, "slug"),
            title=reading.text(*at, "title"),
            description=reading.text(*at, "description"),
            default=leaf(reading, bool, False, *at, "default"),
            groups=tuple(texts(reading, *at, "groups")),
            system=system,
            bricks=tuple(
                self.brick(layers, *at, "bricks", index) for index in reading.indices(*at, "bricks")
            ),
            offers=tuple(
                self.brick(layers, *at, "offers", index) for index in reading.indices(*at, "offers")
            ),
            environment=tuple(
                (name, reading.text(*at, "environment", name)) for name in reading.keys(*at, "environment")
            ),
            command=tuple(texts(reading, *at, "command")),
            data=tuple(self.data(*at, "data", index) for index in reading.indices(*at, "data")),
            limits=self.limits(*at),
            retired=self.retired(*at),
            origin=reading.place(*at),
        )

    def image(self, *at: str | int) -> ImageRef:
        """A reference; its tag stands in compose.yaml only, which pulls the same image by the same digest."""
        image = reference(self.reading.text(*at))
        if image is None:
            self.reading.complain("an image that is not pinned as REPOSITORY@sha256:DIGEST", *at)
            return ImageRef("", "")
        tag, _ = self.software.pulled.get(image, (image.tag, ()))
        return ImageRef(image.repository, image.digest, tag)

    def system(self, *at: str | int) -> tuple[ImageRef, dict[str, Layer]]:
        """The system image of a profile, and the bricks that are in the session's image, by prefix."""
        if self.mounts != "baked":
            return self.image(*at, "image"), {}
        name = self.reading.text(*at, "image")
        recipe = self.software.built.get(name)
        if recipe is None:
            self.reading.complain(f"no service builds {name!r}", *at, "image")
            return ImageRef("", ""), {}
        here = [
            str(self.reading.peek(*at, "bricks", index, "prefix"))
            for index in self.reading.indices(*at, "bricks")
        ]
        if sorted(here) != sorted(layer.prefix for layer in recipe.layers):
            self.reading.complain(f"{name!r} is built of other bricks", *at, "bricks")
        return recipe.system, {layer.prefix: layer for layer in recipe.layers}

    def brick(self, layers: dict[str, Layer], *at: str | int) -> BrickMount:
        """A brick, as what brings it into the session says; a complaint when the hub says otherwise."""
        reading = self.reading
        prefix = reading.text(*at, "prefix")
        said: tuple[ImageRef, str] = (self.image(*at, "image"), reading.text(*at, "subpath"))
        comes: tuple[ImageRef, str] | None = said
        if self.mounts == "baked":
            layer = layers.get(prefix)
            comes = layer and (layer.image, layer.subpath)
        elif self.mounts == "volume":
            seed = self.software.seeded.get(reading.text(*at, "volume"))
            comes = seed and (seed.image, seed.subpath)
        if comes is None:
            reading.complain("nothing brings this brick into the session", *at)
        elif comes != said:
            reading.complain(
                f"{comes[0].pinned!r} at {comes[1]!r} is what comes into the session", *at, "image"
            )
        return BrickMount(
            name=reading.text(*at, "name"),
            title=reading.text(*at, "title"),
            image=comes[0] if comes else ImageRef("", ""),
            prefix=prefix,
            subpath=comes[1] if comes else "",
            choice=unless_absent(reading, *at, "choice"),
            release=unless_absent(reading, *at, "release"),
            guarded=self.guarded,  # the hub guards what it mounts, each and every time
            origin=reading.place(*at),
        )

    def retired(self, *at: str | int) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Choices that were offered once."""
        reading, at = self.reading, (*at, "retired")
        names = reading.keys(*at) if reading.has(*at) else ()
        return tuple((name, tuple(texts(reading, *at, name))) for name in names)

    def data(self, *at: str | int) -> DataMount:
        """A directory of the centre."""
        reading = self.reading
        return DataMount(
            name=reading.text(*at, "name"),
            path=reading.text(*at, "path"),
            writable=leaf(reading, bool, False, *at, "writable"),
            source=reading.text(*at, "source"),
            origin=reading.place(*at),
        )

    def limits(self, *at: str | int) -> Limits:
        """What a session may use."""
        reading = self.reading
        cpu, memory = optional(reading, int, 0, *at, "cpu"), optional(reading, int, 0, *at, "memory")
        if reading.has(*at, "gpus") and reading.peek(*at, "gpus") is None:
            reading.take(*at, "gpus")
            return Limits(cpu, memory)
        reading.expect("nvidia", *at, "gpus", "vendor")  # the hub refuses to start a session otherwise
        return Limits(cpu, memory, leaf(reading, int, 0, *at, "gpus", "count"), "nvidia")
