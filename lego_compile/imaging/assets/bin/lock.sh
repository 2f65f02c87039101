#!/bin/sh
# bin/lock.sh [IMAGE...]: solve environments again; of all images, or of some, such as bricks/ocean.
# Writes conda-linux-*.lock beside each environment.yaml: every package with its address and digest.
set -eu
cd "$(dirname "$0")/.."
if [ "$#" -eq 0 ]; then
  # shellcheck disable=SC2046 # names hold no blanks
  set -- $(cut -f1 images.tsv)
fi
for image in "$@"; do
  echo "locking $image" >&2
  (
    cd "$image"
    conda-lock lock --micromamba --kind explicit --filename-template 'conda-{platform}.lock' \
      --file environment.yaml --virtual-package-spec virtual-packages.yaml
  )
done
