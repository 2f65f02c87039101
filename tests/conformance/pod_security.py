"""Pod Security Standards, the level ``restricted``: every control of it and of ``baseline``, for a pod on Linux.

Written from the documentation alone (kubernetes/website:content/en/docs/concepts/security/pod-security-standards.md),
but for volumes of images, which it omits (kubernetes/website#55370): allowed from 1.33 (kubernetes/kubernetes#130394).
What a pod in a user namespace may do besides is not allowed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Pod = dict[str, Any]

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
}
SELINUX = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


def containers(pod: Pod) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every container, those of the start and of debuggers as well."""
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for container in pod["spec"].get(kind) or []:
            yield f"{kind} {container['name']}", container


def contexts(pod: Pod) -> Iterator[tuple[str, dict[str, Any]]]:
    """The security context of the pod and of each container."""
    yield "pod", pod["spec"].get("securityContext") or {}
    for where, container in containers(pod):
        yield where, container.get("securityContext") or {}


def host_process(pod: Pod) -> Iterator[str]:
    """No Windows container runs as a process of the host."""
    for where, context in contexts(pod):
        if (context.get("windowsOptions") or {}).get("hostProcess"):
            yield where


def host_namespaces(pod: Pod) -> Iterator[str]:
    """No namespace is the host's."""
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod["spec"].get(key):
            yield key


def privileged(pod: Pod) -> Iterator[str]:
    """No container is privileged."""
    for where, context in contexts(pod):
        if context.get("privileged"):
            yield where


def capabilities(pod: Pod) -> Iterator[str]:
    """Every container drops all capabilities, and adds at most the one to bind low ports."""
    for where, container in containers(pod):
        given = (container.get("securityContext") or {}).get("capabilities") or {}
        if "ALL" not in (given.get("drop") or []) or set(given.get("add") or []) - {"NET_BIND_SERVICE"}:
            yield where


def host_ports(pod: Pod) -> Iterator[str]:
    """No port of the host."""
    for where, container in containers(pod):
        if any(port.get("hostPort") for port in container.get("ports") or []):
            yield where


def host_probes(pod: Pod) -> Iterator[str]:
    """No probe and no hook names a host (a control since 1.34)."""
    for where, container in containers(pod):
        hooks = container.get("lifecycle") or {}
        probes = [container.get(f"{kind}Probe") for kind in ("liveness", "readiness", "startup")]
        for asked in (*probes, hooks.get("postStart"), hooks.get("preStop")):
            if any(((asked or {}).get(kind) or {}).get("host") for kind in ("httpGet", "tcpSocket")):
                yield where


def apparmor(pod: Pod) -> Iterator[str]:
    """No profile of AppArmor is switched off."""
    for where, context in contexts(pod):
        if (context.get("appArmorProfile") or {}).get("type") not in (None, "RuntimeDefault", "Localhost"):
            yield where
    for key, value in (pod["metadata"].get("annotations") or {}).items():
        if key.startswith(APPARMOR) and value != "runtime/default" and not value.startswith("localhost/"):
            yield key


def selinux(pod: Pod) -> Iterator[str]:
    """No user and no role of SELinux, and no type but those of containers."""
    for where, context in contexts(pod):
        given = context.get("seLinuxOptions") or {}
        if given.get("type", "") not in SELINUX or given.get("user") or given.get("role"):
            yield where


def proc_mount(pod: Pod) -> Iterator[str]:
    """``/proc`` is masked as usual."""
    for where, context in contexts(pod):
        if context.get("procMount") not in (None, "Default"):
            yield where


def sysctls(pod: Pod) -> Iterator[str]:
    """Only settings of the kernel that do not reach beyond the pod."""
    for setting in (pod["spec"].get("securityContext") or {}).get("sysctls") or []:
        if setting["name"] not in SYSCTLS:
            yield setting["name"]


def privilege_escalation(pod: Pod) -> Iterator[str]:
    """Every container says that it gains no privileges."""
    for where, container in containers(pod):
        if (container.get("securityContext") or {}).get("allowPrivilegeEscalation") is not False:
            yield where


def non_root(pod: Pod) -> Iterator[str]:
    """Not to run as root is required of every container, by the pod or by itself."""
    (_, of_pod), *of_containers = contexts(pod)
    if of_pod.get("runAsNonRoot") is False:
        yield "pod"
    for where, context in of_containers:
        if not context.get("runAsNonRoot", of_pod.get("runAsNonRoot")):
            yield where


def root_user(pod: Pod) -> Iterator[str]:
    """Nobody asks for the user 0."""
    for where, context in contexts(pod):
        if context.get("runAsUser") == 0:
            yield where


def seccomp(pod: Pod) -> Iterator[str]:
    """Every container is filtered, by the pod's profile or by its own."""
    (_, of_pod), *of_containers = contexts(pod)
    default = (of_pod.get("seccompProfile") or {}).get("type")
    if default not in (None, "RuntimeDefault", "Localhost"):
        yield "pod"
    for where, context in of_containers:
        if ((context.get("seccompProfile") or {}).get("type") or default) not in (
            "RuntimeDefault",
            "Localhost",
        ):
            yield where


def volume_types(pod: Pod) -> Iterator[str]:
    """No volume but of the listed types (the control ``HostPath Volumes`` of ``baseline`` is part of it)."""
    for volume in pod["spec"].get("volumes") or []:
        for kind in sorted(set(volume) - {"name"} - VOLUMES):
            yield f"{volume['name']} is {kind}"


CONTROLS: dict[str, Callable[[Pod], Iterator[str]]] = {
    "host process": host_process,
    "host namespaces": host_namespaces,
    "privileged": privileged,
    "capabilities": capabilities,
    "host ports": host_ports,
    "host probes": host_probes,
    "AppArmor": apparmor,
    "SELinux": selinux,
    "/proc": proc_mount,
    "sysctls": sysctls,
    "volume types": volume_types,
    "privilege escalation": privilege_escalation,
    "non-root": non_root,
    "root user": root_user,
    "seccomp": seccomp,
}


def violations(pod: Pod, kubernetes: str) -> set[str]:
    """What the admission of a Kubernetes refuses in a namespace that enforces ``restricted``."""
    minor = int(kubernetes.split(".")[1])
    found = {f"{name}: {where}" for name, control in CONTROLS.items() for where in control(pod)}
    if minor < 34:
        found = {each for each in found if not each.startswith("host probes: ")}
    if minor >= 33:
        found = {each for each in found if not each.endswith(" is image")}
    return found
