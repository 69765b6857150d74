# A socat in each namespace: socat.sh NS_A IF_A NS_B IF_B. A pair of sockets joins them, which keeps
# the length of each frame (SOCK_SEQPACKET is 5). Both end with this shell.
tap=TUN,tun-type=tap,iff-no-pi,iff-up,tun-name
setpriv --pdeathsig KILL ip netns exec "$1" \
  socat "$tap=$2" EXEC:"\"ip netns exec $3 socat - $tap=$4\"",socktype=5 &
until ip -n "$1" link show "$2" && ip -n "$3" link show "$4"; do sleep 0.05; done > /dev/null 2>&1
echo ready
wait
