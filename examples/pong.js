// pong: an interface behind which every address of 198.18.0.0/24 answers ping. Run it: vnet ./examples/pong.js
import { allocEtherdevMqs, defineDriver, IFF_NOARP, netifRx } from 'vnet'

/** Turns an echo request round: addresses swapped, type 8 becomes 0, the checksum grows by what the type lost (RFC 1624). */
function startXmit(skb) {
  const { bytes, data } = skb
  const ip = data + 14
  const icmp = ip + 20
  if (skb.len < 42 || bytes[data + 12] !== 8 || bytes[ip] !== 0x45 || bytes[ip + 9] !== 1 || bytes[icmp] !== 8) return skb.drop()
  for (let i = ip + 12; i < ip + 16; i++) [bytes[i], bytes[i + 4]] = [bytes[i + 4], bytes[i]]
  const sum = ((bytes[icmp + 2] << 8) | bytes[icmp + 3]) + 0x800
  bytes[icmp] = 0
  bytes[icmp + 2] = sum >> 8
  bytes[icmp + 3] = (sum & 0xff) + (sum >> 16)
  netifRx(skb)
}

function setup(dev) {
  dev.netdevOps = { ndoStartXmit: startXmit }
  dev.flags |= IFF_NOARP // nobody is there to answer ARP
}

export const driver = defineDriver({
  name: 'pong',
  description: 'every address of 198.18.0.0/24 answers ping',
  params: {},
  init: () => [{ dev: allocEtherdevMqs({ name: 'pong%d', setup, priv: {} }), addresses: ['198.18.0.1/24'] }],
})
