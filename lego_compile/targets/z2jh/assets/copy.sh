# Copies an environment out of its image into the session's own volume, which is mounted at /lego.
# The same for every centre; $1 is where the environment lies in the image.
set -eu
cd "$1"
for each in * .[!.]* ..?*; do
  case $1/$each in
    //dev | //lego | //proc | //sys) continue ;; # not of the image, where the image is the environment
    *) ;;
  esac
  if [ -e "$each" ] || [ -L "$each" ]; then
    cp -RPp -- "$each" /lego/
  fi
done
