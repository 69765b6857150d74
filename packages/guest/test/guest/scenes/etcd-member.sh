#!/bin/bash
# etcd-member.sh HOST: runs a member of the cluster in a host, with as few wake-ups as etcd allows.
address=VNET_IP4_${1^^}
own=http://${!address}
# A sleep may last 2 s longer, so that the sleeps of all threads end together.
echo 2000000000 >/proc/$$/timerslack_ns
echo starting
exec etcd --name "$1" --data-dir "/tmp/$1.etcd" --logger zap --log-level error \
  --heartbeat-interval 10000 --election-timeout 50000 --backend-batch-interval 1h \
  --listen-client-urls "$own:2379" --advertise-client-urls "$own:2379" \
  --listen-peer-urls "$own:2380" --initial-advertise-peer-urls "$own:2380" \
  --initial-cluster "one=http://$VNET_IP4_ONE:2380,two=http://$VNET_IP4_TWO:2380,three=http://$VNET_IP4_THREE:2380"
