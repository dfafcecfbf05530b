#!/bin/sh
# Starts Valkey with users.acl, the password in it being that of REDISCLI_AUTH. So the password
# stands in no file of the repository and in no process list. Arguments go to valkey-server.
set -eu
: "${REDISCLI_AUTH:?is to hold the password of the user copydesk}"
here=$(dirname "$0")
users="${TMPDIR:-/tmp}/users.acl"

umask 077
digest=$(printf %s "$REDISCLI_AUTH" | sha256sum | cut -d ' ' -f 1)
unset REDISCLI_AUTH
sed "s/PASSWORD_SHA256/$digest/" "$here/users.acl" > "$users"
exec valkey-server "$here/valkey.conf" --aclfile "$users" "$@"
