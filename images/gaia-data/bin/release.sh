#!/bin/sh
# bin/release.sh IMAGE: the name of the release, which is the time (UTC) of the last commit that changed the image.
set -eu
cd "$(dirname "$0")/.."
release=$(TZ=UTC0 git log -1 --format=%cd --date=format-local:%Y.%m.%d.%H%M -- "$1")
if [ -z "$release" ]; then
  echo "$1 has no commit yet" >&2
  exit 1
fi
echo "$release"
