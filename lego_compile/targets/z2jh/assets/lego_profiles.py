# The profiles that a user may choose: those for everybody, and those of the user's groups.
# The same for every centre; which groups these are is data below `custom.lego` of the values.
from tornado import web
from z2jh import get_config as lego_value


def lego_profiles(spawner):
    """KubeSpawner asks for the page and again at every start, so a choice sent to the API is judged too."""
    reserved = lego_value("custom.lego.profileGroups", {})
    members = lego_value("custom.lego.groupMembers", {})
    in_hub = {group.name for group in spawner.user.groups}

    def belongs(group):
        return spawner.user.name in members[group] if members.get(group) else group in in_hub

    profiles = [
        profile
        for profile in lego_value("singleuser.profileList", [])
        if profile["slug"] not in reserved or any(belongs(group) for group in reserved[profile["slug"]])
    ]
    if not profiles:  # KubeSpawner would start a session without any profile
        raise web.HTTPError(403, "no profile of this hub is for you")
    return profiles


c.KubeSpawner.profile_list = lego_profiles
