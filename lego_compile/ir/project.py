"""What one platform can say of a deployment.

Some facts have another value, or none, on one platform: the source of a data directory, the home on an HPC
cluster. A target declares which (``Target.brings_own_home``, ``Target.limits_home``), and a deployment is
projected before it is lowered, so that what is lifted can be compared with ``==``.
"""

from __future__ import annotations

from dataclasses import replace

from lego_compile.ir.model import OWN_HOME, Composition, Deployment


def project(deployment: Deployment, target: str, *, own_home: bool, limits_home: bool) -> Deployment:
    """The deployment as one platform can express it.

    Args:
        deployment: of the centre, with a source for each target in every data mount.
        target: name of the target whose data sources are chosen.
        own_home: the platform brings the user's own home and user id (HPC).
        limits_home: the platform can bound the size of a home.
    """

    def one(profile: Composition) -> Composition:
        system = profile.system
        if own_home:
            system = replace(system, home=OWN_HOME, uid=None, gid=None)
        data = tuple(
            replace(mount, source=dict(mount.sources).get(target, mount.source)) for mount in profile.data
        )
        return replace(profile, system=system, data=data)

    return replace(
        deployment,
        profiles=tuple(one(profile) for profile in deployment.profiles),
        home_size=deployment.home_size if limits_home else None,
    )
