#!/bin/sh
# A credential helper of git (gitcredentials(7)), which git calls, and nobody else: answers with $LEGO_TOKEN where
# $LEGO_REMOTE is, and says nothing to any other host, such as one that a server sends git on to.
set -eu
[ "${1:-}" = get ] || exit 0
protocol="" host=""
while IFS='=' read -r key value; do
  case "$key" in
    protocol) protocol=$value ;;
    host) host=$value ;;
  esac
done
meant=${LEGO_REMOTE:?is the address of the repository that the token is for}
place=${meant#*://}
place=${place%%/*}
if [ "$protocol://$host" != "${meant%%://*}://${place##*@}" ]; then
  echo "no token for $protocol://$host: it is for ${meant%%://*}://${place##*@}" >&2
  exit 0
fi
printf 'username=oauth2\npassword=%s\n' "${LEGO_TOKEN:?may push the branch of a merge request}"
