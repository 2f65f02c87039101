#!/bin/sh
# bin/login.sh IMAGE: log in to the image's registry as $REGISTRY_USER with $REGISTRY_PASSWORD, which no command line
# shows; kept in the folder $LEGO_LOGIN. Only what publishes logs in, and only the scripts that come after it are told of
# it: buildah refuses to work with a DOCKER_CONFIG or REGISTRY_AUTH_FILE in which there is no file yet.
set -eu
cd "$(dirname "$0")/.."
[ "${LEGO_PUBLISH:-}" = yes ] || exit 0
: "${REGISTRY_USER:?is the name to log in with}" "${REGISTRY_PASSWORD:?is its password}" "${LEGO_LOGIN:?is a folder}"
repository=$(bin/about.sh "$1" repository)
mkdir -p "$LEGO_LOGIN"
printf '%s' "$REGISTRY_PASSWORD" |
  buildah login --authfile "$LEGO_LOGIN/config.json" --username "$REGISTRY_USER" --password-stdin "${repository%%/*}"
