# Runs in a session's container before the server: without a brick it would be a Lab that lacks a kernel.
# The same for every centre. Arguments: prefixes of the bricks, --, the command.
while [ "$1" != -- ]; do
  if [ ! -f "$1/conda-meta/history" ]; then
    echo "lego: the brick at $1 is missing from this container; please tell your administrator" >&2
    exit 78
  fi
  shift
done
shift
exec "$@"
