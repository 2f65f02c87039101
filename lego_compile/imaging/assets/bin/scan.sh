#!/bin/sh
# bin/scan.sh LAYOUT SEVERITY: list what an image holds (sbom.json beside the layout), and stop at known vulnerabilities
# from SEVERITY on; `none` lists them only. README.md says what a green scan means, and what it does not.
set -eu
layout=$1 severity=$2
syft scan "oci-dir:$layout" --output "cyclonedx-json=$layout.sbom.json"
[ "$severity" = none ] || set -- --fail-on "$severity"
[ "$severity" != none ] || set --
grype "sbom:$layout.sbom.json" "$@"
