#!/bin/sh
# bin/test.sh IMAGE LAYOUT: start every kernel of a brick in a system image, or the Lab of a system image.
# The system image is the newest one that is published, or $LEGO_SYSTEM (any reference that buildah understands).
set -eu
cd "$(dirname "$0")/.."
image=$1 layout=$2 containers=""
clean() { for each in $containers; do buildah rm "$each" >/dev/null || true; done; }
trap clean EXIT
case "$image" in
  systems/*)
    lab=$(buildah from "oci:$layout")
    containers=$lab
    buildah run "$lab" -- jupyter lab --version
    buildah run "$lab" -- jupyterhub-singleuser --version
    ;;
  *)
    prefix=$(bin/about.sh "$image" prefix)
    if [ -z "${LEGO_SYSTEM:-}" ]; then
      first=$(cut -f1 images.tsv | sed -n '/^systems\//{p;q;}')
      LEGO_SYSTEM=docker://$(bin/about.sh "$first" repository):latest
    fi
    brick=$(buildah from "oci:$layout")
    containers=$brick
    lab=$(buildah from "$LEGO_SYSTEM")
    containers="$containers $lab"
    # Copied, not mounted: a build without privileges cannot mount. It belongs to root, and the user is another one.
    buildah copy --quiet --from "$brick" "$lab" / "$prefix"
    buildah copy --quiet "$lab" bin/kernels.py /tmp/kernels.py
    buildah run "$lab" -- python3 /tmp/kernels.py "$prefix"
    ;;
esac
