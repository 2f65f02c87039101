#!/bin/sh
# bin/build.sh IMAGE PLATFORM LAYOUT: build an image for one platform into an OCI layout (a folder), let lego-compile read
# its files, write what it found into the labels, and judge all of it. Times of files are those of the commit.
set -eu
cd "$(dirname "$0")/.."
image=$1 platform=$2 layout=$3
release=$(bin/release.sh "$image")
revision=$(git log -1 --format=%H -- "$image")
epoch=$(git log -1 --format=%ct -- "$image")
name=localhost/lego-$(echo "$image-$platform" | tr '/' '-')
buildah build --platform "$platform" --format oci --timestamp "$epoch" \
  --build-arg "RELEASE=$release" --build-arg "REVISION=$revision" \
  --file "$image/Containerfile" --tag "$name" "$image"
rm -rf "$layout"
buildah push --quiet "$name" "oci:$layout:$release"
lego-compile inspect --label "oci:$layout"
lego-compile inspect "oci:$layout"
