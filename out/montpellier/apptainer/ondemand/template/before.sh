# Compiled by lego-compile from the centre specification: edit that, not this file.
# Sourced by the job script of Open OnDemand, which sets host and has the functions
# (OSC/ood_core:lib/ood_core/batch_connect/template.rb).
# shellcheck shell=bash disable=SC2034,SC2154

# JupyterLab writes its token into the log, which becomes private by itself: a umask would reach the session's files.
for log in /dev/stdout /dev/stderr; do
  [ ! -f "$log" ] || chmod go= "$log"
done

port=$(find_port "$host")
password="t$(create_passwd 40)" # a letter first: the connection file is YAML, where digits alone would be a number
export JUPYTER_TOKEN="$password" # other users of the node read command lines, but no environment
