import {
  allocEtherdevMqs,
  defineDriver,
  ethernet,
  ethTypeTrans,
  IFF_NOARP,
  ipv4,
  netifRx,
} from 'vnet'

let frames = 0

// Called for each frame to transmit. Every fifth frame is lost, the others come back. A ping passes
// twice, as a request and as a reply, and the frames of Flow count, too.
function startXmit(skb, dev) {
  if (++frames % 5 === 0) return skb.drop()
  ethTypeTrans(skb, dev)
  ipv4.swapAddresses(skb.bytes, skb.nh)
  ethernet.swapAddresses(skb.bytes, skb.data)
  netifRx(skb)
}

function setup(dev) {
  dev.netdevOps = { ndoStartXmit: startXmit }
  dev.flags |= IFF_NOARP // nothing replies to ARP
}

function init() {
  const dev = allocEtherdevMqs({ name: 'own%d', setup, priv: {} })
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'own',
  description: 'a mirror with a hole',
  params: {},
  init,
})
