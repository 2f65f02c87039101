"""The passes in order; the only file that knows the order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from lego_compile.diagnostic.model import CompileFailed, Report
from lego_compile.emit import json as emit_json
from lego_compile.emit.tree import File
from lego_compile.ir.check import check
from lego_compile.ir.features import needs
from lego_compile.ir.project import project
from lego_compile.mirrors import Mirrors
from lego_compile.resolve import resolve
from lego_compile.sizes import check_budget
from lego_compile.spec.load import Inputs, Read, Sources, load
from lego_compile.targets import Options, Target, capability
from lego_compile.targets import load as load_target
from lego_compile.verify import COMPOSITION, composition_tree, verify_target

if TYPE_CHECKING:
    from lego_compile.diagnostic.view import Finding
    from lego_compile.ir.model import Deployment
    from lego_compile.source.document import Tree


class Outcome(NamedTuple):
    """What became of one centre.

    Attributes:
        spec: file name of its specification.
        center: its name; empty when not even that could be read.
        files: path below ``out/CENTER`` → file; empty when the compile failed.
        findings: what there is to tell, in order.
        failed: whether nothing may be written.
        unreadable: whether an input could not be read at all.
    """

    spec: str
    center: str
    files: dict[str, File]
    findings: tuple[Finding, ...]
    failed: bool
    unreadable: bool = False


def compile_center(spec: str, read: Read, *, strict: bool = False, find: Read | None = None) -> Outcome:
    """Compile one centre for all of its targets, in memory, and prove the result.

    Args:
        spec: file name of the centre spec.
        read: reads a file.
        strict: treat warnings as errors.
        find: reads a scan report, which may be missing: no text and no problem then; ``read_if_there`` when unsaid.
    """
    report, sources = Report(), Sources()
    files: dict[str, File] = {}
    name = ""
    try:
        inputs = load(spec, read, sources, report)
        name = inputs.center.center
        files = _compile(inputs, sources, report, find, strict=strict)
        failed = False
    except CompileFailed:
        failed = True
    findings = _findings(report, sources)
    return Outcome(
        spec,
        name or _name(sources.trees),
        {} if failed else files,
        tuple(findings),
        failed,
        unreadable=any(each.code in ("LC101", "LC102") for each in report),
    )


def _findings(report: Report, sources: Sources) -> list[Finding]:
    if not report.diagnostics:
        return []
    from lego_compile.diagnostic.view import order, view

    return order([view(each, sources.trees, sources.texts) for each in report])


def _compile(
    inputs: Inputs, sources: Sources, report: Report, find: Read | None, *, strict: bool
) -> dict[str, File]:
    mirrors = Mirrors(inputs.center.mirrors)
    targets = [load_target(name) for name in inputs.options]
    options = {
        target.name: target.settle(mirrors.options(inputs.options[target.name], target.name))
        for target in targets
    }
    deployment = resolve(inputs.center, inputs.catalog, inputs.lock, mirrors, inputs.options, report)
    if inputs.center.scans is not None:
        _check_scans(inputs, sources, report, find)
    if deployment is None:
        report.stop_if_errors()
        raise CompileFailed
    check(deployment, report)
    check_budget(inputs.center, inputs.lock, report)
    for target in targets:
        _check_target(target, deployment, inputs.options[target.name], options[target.name], report)
    report.stop_if_errors(strict=strict)
    files = {COMPOSITION: File(emit_json.dump(composition_tree(deployment, options, mirrors.rules)).encode())}
    for target in targets:
        own = project(deployment, target.name, own_home=target.own_home, limits_home=target.limits_home)
        emitted = target.emit(target.lower(own, options[target.name]))
        root = f"out/{deployment.center}/{target.name}"
        plain = {path: file.data for path, file in emitted.items()}
        verify_target(
            target, deployment, options[target.name], plain, root, sources.trees, report, mirrors.rules
        )
        files.update({f"{target.name}/{path}": file for path, file in emitted.items()})
    report.stop_if_errors(strict=strict)
    return files


def _check_scans(inputs: Inputs, sources: Sources, report: Report, find: Read | None) -> None:
    from lego_compile.scans.check import check_scans
    from lego_compile.source.read import read_if_there

    said_in = sources.trees["center"].span(("scans", "reports")).file
    check_scans(inputs.center, inputs.lock, said_in, find or read_if_there, report)


def _check_target(
    target: Target, deployment: Deployment, declared: Options, options: Options, report: Report
) -> None:
    own = project(deployment, target.name, own_home=target.own_home, limits_home=target.limits_home)
    # A data mount without a source is reported by `resolve` (LC313), and no target has more to say about it.
    sound = tuple(
        replace(profile, data=tuple(mount for mount in profile.data if mount.source))
        for profile in own.profiles
    )
    wanted = target.needs(needs(deployment), options)
    capability.check(target.name, wanted, declared.get("versions") or {}, declared.get("gates") or (), report)
    target.check(replace(own, profiles=sound), options, report)


def _name(trees: dict[str, Tree]) -> str:
    data = trees["center"].data if "center" in trees else None
    name = data.get("center") if isinstance(data, dict) else None
    return name if isinstance(name, str) else ""
