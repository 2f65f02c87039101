# Copies an environment out of its image into the session's own volume, which is mounted at /lego.
# The same for every centre; $1 is where the environment lies in the image.
set -eu
at=$1
if ! cd "$at"; then
  echo "lego: this image has no directory $at" >&2
  exit 1
fi
# A run that was interrupted left a part, in which directories may be read-only.
for each in /lego/* /lego/.[!.]* /lego/..?*; do
  if [ -d "$each" ] && [ ! -L "$each" ]; then
    chmod -R u+rwx "$each"
  fi
  rm -rf "$each"
done
set --
for each in * .[!.]* ..?*; do
  case $at/$each in
    //dev | //lego | //proc | //sys) continue ;; # not of the image, where the image is the environment
    *) ;;
  esac
  if [ -e "$each" ] || [ -L "$each" ]; then
    set -- "$@" "$each"
  fi
done
if [ $# = 0 ]; then
  echo "lego: there is nothing at $at in this image" >&2
  exit 1
fi
# One command, so that hard links stay links. Times matter: Python compiles anew whatever seems to have changed.
if said=$(cp -Rdp -- "$@" /lego/ 2>&1); then
  exit 0
fi
printf '%s\n' "$said" | while IFS= read -r line; do
  case $line in
    *": can't preserve ownership of "*) ;; # BusyBox says so of each file; it is somebody else's, as it should be
    *) printf '%s\n' "$line" >&2 ;;
  esac
done
echo "lego: not all of $at was copied; with no reason above, it has a directory that not everybody may read" >&2
exit 1
