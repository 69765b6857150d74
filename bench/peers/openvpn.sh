# Two openvpn without encryption, joined by UDP on loopback: openvpn.sh NS_A IF_A NS_B IF_B. Both
# run in NS_A, and end with this shell; the second interface is moved afterwards.
end() {
  setpriv --pdeathsig KILL ip netns exec "$1" openvpn --dev "$2" --dev-type tap --proto udp \
    --local 127.0.0.1 --lport "$3" --remote 127.0.0.1 "$4" \
    --cipher none --auth none --verb 0 > /dev/null &
}
ip -n "$1" link set lo up
end "$1" "$2" 11941 11942
end "$1" "$4" 11942 11941
until ip -n "$1" link show "$2" && ip -n "$1" link show "$4"; do sleep 0.05; done > /dev/null 2>&1
ip -n "$1" link set "$4" netns "$3"
echo ready
wait
