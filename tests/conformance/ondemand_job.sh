#!/bin/bash
# What the job script of Open OnDemand does around an app's files, in few words: it gives functions, sources before.sh,
# starts script.sh, sources after.sh, writes the connection file, and waits (OSC/ood_core:lib/ood_core/batch_connect/template.rb).
# shellcheck disable=SC1091,SC2154,SC2329
cd "$1" || exit
port_used() { (: >"/dev/tcp/${1%:*}/${1#*:}") 2>/dev/null; }
find_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'; }
create_passwd() { tr -cd '[:alnum:]' </dev/urandom | head -c "$1"; }
export -f port_used find_port create_passwd
host=localhost
export host port
source "$1/before.sh"
"$1/script.sh" &
SCRIPT_PID=$!
trap 'kill "$SCRIPT_PID"' TERM
source "$1/after.sh"
(umask 077 && printf 'host: %s\nport: %s\npassword: %s\n' "$host" "$port" "$password" >connection.yml)
wait "$SCRIPT_PID"
status=$?
wait "$SCRIPT_PID" 2>/dev/null
exit "$status"
