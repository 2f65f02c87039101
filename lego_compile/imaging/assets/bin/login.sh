#!/bin/sh
# bin/login.sh IMAGE: log in to the image's registry as $REGISTRY_USER with $REGISTRY_PASSWORD, which no command line
# shows. For buildah, skopeo and cosign alike: they all read $DOCKER_CONFIG/config.json. Only what publishes logs in.
set -eu
cd "$(dirname "$0")/.."
[ "${LEGO_PUBLISH:-}" = yes ] || exit 0
: "${REGISTRY_USER:?is the name to log in with}" "${REGISTRY_PASSWORD:?is its password}" "${DOCKER_CONFIG:?is a folder}"
repository=$(bin/about.sh "$1" repository)
mkdir -p "$DOCKER_CONFIG"
printf '%s' "$REGISTRY_PASSWORD" |
  buildah login --authfile "$DOCKER_CONFIG/config.json" --username "$REGISTRY_USER" --password-stdin "${repository%%/*}"
