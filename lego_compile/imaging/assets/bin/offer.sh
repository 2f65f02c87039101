#!/bin/sh
# bin/offer.sh BRANCH TITLE TARGET -- FILE...: commit what changed of FILE... to BRANCH, and open a merge request for TARGET.
# Runs in a clone; $LEGO_FORGE is gitlab or github, $LEGO_TOKEN may push. Nothing changed: nothing happens.
# $LEGO_FORGE is what runs the job: the catalog may be kept by the other one, and its address decides.
set -eu
bin=$(cd "$(dirname "$0")" && pwd)
branch=$1 title=$2 target=$3
shift 4
git add -- "$@"
if git diff --cached --quiet; then
  echo "nothing to offer: $title" >&2
  exit 0
fi
remote=$(git remote get-url origin | sed 's#^\(https\{0,1\}://\)[^@/]*@#\1#') # GitLab writes a token into it, of less rights
git switch --quiet --force-create "$branch"
git -c user.name=lego-compile -c user.email=lego-compile@localhost commit --quiet --message "$title"
case "$remote" in
  "${GITHUB_SERVER_URL:-https://github.com}"/* | https://github.com/*) forge=github ;;
  http://* | https://*) forge=gitlab ;;
  *) forge=$LEGO_FORGE ;;
esac
push() { # The token is in the environment: no command line and no file holds it.
  LEGO_REMOTE=$remote git -c credential.helper= -c credential.helper="!$bin/credential.sh" \
    push --quiet --force "$@" "$remote" "HEAD:refs/heads/$branch"
}
case "$forge" in
  gitlab)
    push -o merge_request.create -o "merge_request.target=$target" -o "merge_request.title=$title" \
      -o merge_request.remove_source_branch
    ;;
  github)
    push
    GH_TOKEN=$LEGO_TOKEN gh pr create --base "$target" --head "$branch" --title "$title" --body "Made by the pipeline." ||
      GH_TOKEN=$LEGO_TOKEN gh pr view "$branch" >/dev/null # there already, and brought up to date by the push
    ;;
  *) echo "\$LEGO_FORGE is '$LEGO_FORGE', neither gitlab nor github" >&2 && exit 2 ;;
esac
