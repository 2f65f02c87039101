#!/bin/sh
# bin/about.sh IMAGE repository|prefix|platforms: what images.tsv says of an image; platforms one a line.
set -eu
cd "$(dirname "$0")/.."
tab=$(printf '\t')
while IFS=$tab read -r image repository prefix platforms; do
  [ "$image" = "$1" ] || continue
  case "$2" in
    repository) echo "$repository" ;;
    prefix) echo "$prefix" ;;
    platforms) echo "$platforms" | tr ',' '\n' ;;
    *) echo "images.tsv does not say '$2'" >&2 && exit 2 ;;
  esac
  exit 0
done <images.tsv
echo "images.tsv has no '$1'" >&2
exit 2
