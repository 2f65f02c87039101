#!/bin/sh
# bin/changed.sh [COMMIT]: the images whose folder changed since COMMIT; all of them without one.
# Prints a line for GitHub: builds=[{"image":…,"platform":…,"name":…},…], and another one: images=[…].
set -eu
cd "$(dirname "$0")/.."
since=${1:-}
case "$since" in *[!0]*) ;; *) since="" ;; esac # GitHub says 000… of a new branch
if [ -n "$since" ]; then git rev-parse --verify --quiet "$since^{commit}" >/dev/null || since=""; fi
builds="" images=""
tab=$(printf '\t')
while IFS=$tab read -r image _repository _prefix platforms; do
  if [ -n "$since" ] && git diff --quiet "$since" HEAD -- "$image"; then continue; fi
  if ! ls "$image"/conda-*.lock >/dev/null 2>&1; then
    echo "$image has no lock yet: bin/lock.sh $image" >&2
    continue
  fi
  images="$images,\"$image\""
  for platform in $(echo "$platforms" | tr ',' ' '); do
    name=$(echo "$image-${platform#linux/}" | tr '/' '-') # of an artifact, which holds no slash
    builds="$builds,{\"image\":\"$image\",\"platform\":\"$platform\",\"name\":\"$name\"}"
  done
done <images.tsv
echo "builds=[${builds#,}]"
echo "images=[${images#,}]"
