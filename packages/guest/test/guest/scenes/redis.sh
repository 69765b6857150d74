#!/bin/sh
# Checks that a replica becomes the master and accepts writes, and the former master follows it.
set -e
redis() { redis-cli -e -h "$@"; }
[ "$(redis one set before cut)" = OK ]
sleep 60
master=$(redis two -p 26379 sentinel get-master-addr-by-name main | head -n 1)
echo "the master was $VNET_IP4_ONE, and is $master"
[ "$master" != "$VNET_IP4_ONE" ]
[ "$(redis "$master" get before)" = cut ]
[ "$(redis "$master" set during cut)" = OK ]
sleep 60
redis one info replication | tr -d '\r' | grep -e ^role -e ^master_
[ "$(redis one get during)" = cut ]
redis one info replication | grep -q ^role:slave
