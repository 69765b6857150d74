#!/bin/bash
# postgres-node.sh primary|replica: makes a server or a copy of it, and runs it. It refuses root.
[ "$(id -u)" != 0 ] || exec setpriv --reuid nobody --regid nogroup --clear-groups "$0" "$@"
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
data=/tmp/$1
if [ "$1" = primary ]; then
  initdb --auth trust --username postgres --no-sync --pgdata "$data" >/dev/null
  echo 'host all,replication postgres all trust' >>"$data/pg_hba.conf"
else
  until pg_basebackup --host "$VNET_IP4_PRIMARY" --username postgres --no-sync --checkpoint fast \
    --write-recovery-conf --pgdata "$data" 2>/dev/null; do
    sleep 1
  done
fi
# A sleep may last 2 s longer, so that the sleeps of processes end together.
echo 2000000000 >/proc/$$/timerslack_ns
exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories= -c fsync=off -c wal_keep_size=256
