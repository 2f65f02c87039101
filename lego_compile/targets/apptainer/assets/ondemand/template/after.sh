# Compiled by lego-compile from the centre specification: edit that, not this file.
# Sourced by the job script of Open OnDemand, whose button appears when this ends.
# shellcheck shell=bash disable=SC2154

# A session that has ended already has said why in the log: nobody has to wait for it. One that takes longer than five
# minutes gets its button all the same.
for ((seconds = 0; seconds < 300; seconds++)); do
  if port_used "$host:$port" || ! kill -0 "$SCRIPT_PID" 2>/dev/null; then
    break
  fi
  sleep 1
done
