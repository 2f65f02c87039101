#!/bin/sh
# bin/propose.sh IMAGE: a merge request that adds the published release to the catalog. $CATALOG_REPOSITORY,
# $CATALOG_BRANCH and $CATALOG_FILE say where that is; $LEGO_TOKEN may push there.
set -eu
cd "$(dirname "$0")/.."
image=$1 here=$PWD
[ "${LEGO_PUBLISH:-}" = yes ] || exit 0
export DOCKER_CONFIG="${LEGO_LOGIN:?is the folder that login.sh wrote to}" # lego-compile reads the labels of the release
reference=$(cat "published/$image")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
LEGO_REMOTE=$CATALOG_REPOSITORY git clone --quiet --depth 1 --branch "$CATALOG_BRANCH" \
  --config credential.helper="!$here/bin/credential.sh" "$CATALOG_REPOSITORY" "$work/catalog"
cd "$work/catalog"
lego-compile catalog add --catalog "$CATALOG_FILE" "$reference"
"$here/bin/offer.sh" "lego/${image#*/}-${reference##*:}" "Add $reference" "$CATALOG_BRANCH" -- "$CATALOG_FILE"
