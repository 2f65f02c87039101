#!/bin/bash
# Compiled by lego-compile from the centre specification: edit that, not this file.
# Profile: Main
#SBATCH --job-name=lego-main
#SBATCH --output=lego-main-%j.log
#SBATCH --time=08:00:00
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --partition=interactive
root=/opt/lego/case
profile=main

# A copy of this file is yours to change, and stays executable. It runs a command in the profile, or else JupyterLab:
#   Slurm:  sbatch ocean.sh --in climate python my.py    OAR:  oarsub -S "./ocean.sh --in climate python my.py"
# With --in, the command has the environment of a brick; without, that of the system image, with all bricks at hand.
# Bricks that the profile offers (see lego-launch --list) are added by name, separated by commas; with Slurm also by
# LEGO_BRICKS=hydro sbatch ocean.sh. OAR passes no variables on.
bricks=${LEGO_BRICKS:-}
# Where JupyterLab listens: on the network of the cluster, or only on the node itself (127.0.0.1), which is better
# where people may log in to the nodes of their jobs (then: ssh -J LOGIN-NODE -N -L PORT:127.0.0.1:PORT NODE).
address=0.0.0.0

set -euo pipefail
# JupyterLab writes its token into the log. Only the log is made private: a umask would reach the files of the session.
for log in /dev/stdout /dev/stderr; do
  [ ! -f "$log" ] || chmod go= "$log"
done
unset XDG_RUNTIME_DIR LD_PRELOAD

launch=("$root/bin/lego-launch" -c "$profile" -b "$bricks")
if [ "${1:-}" = --in ]; then
  [ "$#" -gt 2 ] || { echo "after --in come a brick and a command" >&2; exit 2; }
  launch+=(--in "$2")
  shift 2
fi
[ "$#" -eq 0 ] || exec "${launch[@]}" -- "$@"

node=${SLURMD_NODENAME:-$(hostname)}
port=$(/usr/bin/python3 -I -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
cat <<TEXT
JupyterLab starts on $node. On your own computer, keep this running, with your name and the cluster's login node:
    ssh -N -L $port:$node:$port USER@LOGIN-NODE
Then open the address below that begins with http://127.0.0.1:$port in a browser there. Who knows it is in.
TEXT
exec "${launch[@]}" -- --ServerApp.ip="$address" --ServerApp.port="$port" --ServerApp.port_retries=0 \
  --ServerApp.open_browser=False
