#!/bin/sh
# bin/push.sh IMAGE PLATFORM LAYOUT: push what was built for one platform, under a tag of this commit that nobody uses.
set -eu
cd "$(dirname "$0")/.."
image=$1 platform=$2 layout=$3
if [ "${LEGO_PUBLISH:-}" != yes ]; then
  echo "not pushed: only the default branch publishes" >&2
  exit 0
fi
export REGISTRY_AUTH_FILE="${LEGO_LOGIN:?is the folder that login.sh wrote to}/config.json"
tag=build-$(git rev-parse --short=12 HEAD)-$(echo "${platform#linux/}" | tr '/' '-')
skopeo copy --preserve-digests "oci:$layout" "docker://$(bin/about.sh "$image" repository):$tag"
