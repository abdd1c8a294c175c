#!/bin/sh
# Asked by ssh (KnownHostsCommand): which keys of this host are known? Answers with the key that the server has
# shown if its fingerprint is the pinned one, and with none and an error if it is not. Nothing is ever learned.
#   pinned_host_key.sh NAME PINNED REASON SHOWN HOST TYPE KEY
# NAME is the machine's, PINNED its fingerprint or `none`; the rest is %I %f %H %t %K of ssh_config(5).
name=$1 pinned=$2 reason=$3 shown=$4 host=$5 type=$6 key=$7

if [ "$reason" = ORDER ]; then # asked before the server has shown a key
    exit 0
fi
if [ "$pinned" = none ]; then
    echo "bastide: no host key is pinned for $name ($host), so nobody can tell whether it answers." >&2
    echo "bastide: mend: read its fingerprint at its console (ssh-keygen -lf) and write it as its host key." >&2
    exit 1
fi
if [ "$shown" != "$pinned" ]; then
    echo "bastide: the host key of $name ($host) is $shown, pinned is $pinned. Not connected." >&2
    echo "bastide: mend: if it was installed anew, pin the new fingerprint as read at its console; else it is not it." >&2
    exit 1
fi
echo "$host $type $key"
