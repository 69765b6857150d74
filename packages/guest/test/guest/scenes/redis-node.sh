#!/bin/sh
# redis-node.sh HOST server|sentinel: runs Redis or its sentinel in a host.
mkdir "/tmp/$1.$2" && cd "/tmp/$1.$2" || exit
case $2 in
  server)
    [ "$1" = one ] || replica="--replicaof $VNET_IP4_ONE 6379"
    # shellcheck disable=SC2086 # no option for the master
    exec redis-server --bind 0.0.0.0 --protected-mode no --save '' --hz 1 --dynamic-hz no $replica
    ;;
  sentinel)
    cat >sentinel.conf <<EOF
protected-mode no
sentinel monitor main $VNET_IP4_ONE 6379 2
sentinel down-after-milliseconds main 30000
sentinel failover-timeout main 60000
EOF
    exec redis-sentinel sentinel.conf
    ;;
esac
