# Copies an environment out of its image into a volume, which is mounted at /lego/brick; once: what is complete stays.
# The same for every centre; $1 is where the environment lies in the image.
set -eu
at=$1 to=/lego/brick
# It is complete when this is there, which comes last; a session does not start without it.
if [ -f "$to/conda-meta/history" ]; then
  exit 0
fi
if ! cd "$at" || [ ! -f conda-meta/history ]; then
  echo "lego: this image has no environment at $at" >&2
  exit 1
fi
# A run that was interrupted left a part, in which directories may be read-only.
for each in "$to"/* "$to"/.[!.]* "$to"/..?*; do
  if [ -d "$each" ] && [ ! -L "$each" ]; then
    chmod -R u+rwx "$each"
  fi
  rm -rf "$each"
done
set --
for each in * .[!.]* ..?*; do
  case ${at%/}/$each in
    /.dockerenv | /dev | /lego | /proc | /run | /sys | /tmp) continue ;; # of the container, where the image is the environment
    */conda-meta) continue ;;
    *) ;;
  esac
  if [ -e "$each" ] || [ -L "$each" ]; then
    set -- "$@" "$each"
  fi
done
# One command, so that hard links stay links. Times matter: Python compiles anew whatever seems to have changed.
if [ $# -gt 0 ]; then
  cp -Rdp -- "$@" "$to/"
fi
if [ "$at" = / ]; then # what engines put into every container
  for each in group hostname hosts mtab passwd resolv.conf; do
    rm -f "$to/etc/$each"
  done
fi
cp -Rdp -- conda-meta "$to/.conda-meta"
mv -- "$to/.conda-meta" "$to/conda-meta"
# A volume belongs to whom its first user was, and everybody reads it.
chmod 755 "$to"
