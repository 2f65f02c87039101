#!/bin/sh
# bin/publish.sh IMAGE SIGN: make one release of what was pushed for each platform, and sign it by digest.
# SIGN is keyless or none. Writes published/IMAGE: the reference of the release. A release is never replaced.
set -eu
cd "$(dirname "$0")/.."
image=$1 sign=$2
[ "${LEGO_PUBLISH:-}" = yes ] || exit 0
export DOCKER_CONFIG="${LEGO_LOGIN:?is the folder that login.sh wrote to}" REGISTRY_AUTH_FILE="$LEGO_LOGIN/config.json"
repository=$(bin/about.sh "$image" repository)
release=$(bin/release.sh "$image")
commit=$(git rev-parse --short=12 HEAD)
work=$(mktemp -d)
list=localhost/lego-$(echo "$image" | tr '/' '-')-index
trap 'rm -rf "$work"; buildah manifest rm "$list" >/dev/null 2>&1 || true' EXIT
tags=$(skopeo list-tags "docker://$repository")
case "$tags" in
  *"\"$release\""*) # by this job, which runs again; or of another commit of the same minute
    revision=$(git log -1 --format=%H -- "$image")
    first=$(bin/about.sh "$image" platforms | head -n 1)
    config=$(skopeo --override-os linux --override-arch "${first#linux/}" inspect --config "docker://$repository:$release")
    case "$(printf '%s' "$config" | tr -d ' \n')" in
      *"\"org.opencontainers.image.revision\":\"$revision\""*) echo "$repository:$release is published already" >&2 ;;
      *) echo "$repository:$release was made of another commit than $revision: commit the image once more" >&2 && exit 1 ;;
    esac
    ;;
  *)
    buildah manifest create "$list" >/dev/null
    for platform in $(bin/about.sh "$image" platforms); do
      tag=build-$commit-$(echo "${platform#linux/}" | tr '/' '-')
      buildah manifest add "$list" "docker://$repository:$tag" >/dev/null
    done
    buildah manifest push --all "$list" "docker://$repository:$release"
    ;;
esac
newest=$({ printf '%s\n' "$tags" | grep -oE '"[0-9]{4}(\.[0-9]{2}){2}\.[0-9]{4}"' | tr -d '"'; echo "$release"; } | sort | tail -n 1)
if [ "$newest" = "$release" ]; then # else an older job runs again
  skopeo copy --all --preserve-digests "docker://$repository:$release" "docker://$repository:latest"
fi
skopeo inspect --raw "docker://$repository:$release" >"$work/index.json"
digest=sha256:$(sha256sum "$work/index.json" | cut -d' ' -f1)
if [ "$sign" = keyless ]; then
  cosign sign --yes --recursive "$repository@$digest"
  for platform in $(bin/about.sh "$image" platforms); do # of an index, syft takes the platform of this machine alone
    syft scan "registry:$repository@$digest" --platform "$platform" --output "cyclonedx-json=$work/sbom.json"
    cosign attest --yes --type cyclonedx --predicate "$work/sbom.json" "$repository@$digest"
  done
fi
mkdir -p "published/${image%/*}"
echo "$repository:$release" >"published/$image"
echo "published $repository:$release@$digest" >&2
