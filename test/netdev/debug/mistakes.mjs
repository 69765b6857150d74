/**
 * Drivers with one mistake each. `// <- RULE` marks the line of the mistake, or the line above it.
 * `work` is the test's action on the driver; by default the kernel sends two frames, and a second
 * passes.
 *
 * As a program it tries all drivers, and prints the findings: Node runs these lines unchanged.
 */

import { testBed, udpFrame } from '../../../dist/bed/index.js'
import * as vnet from '../../../dist/index.js'

const { ethTypeTrans, netifRx, devAllocSkb, Irq, Napi, Ring, IRQ_HANDLED, NETDEV_TX_BUSY } = vnet
const { RX_PACKETS, CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, SKB_GSO_TCPV6 } = vnet

const kept = []

/** A checked frame for the kernel. */
const up = (skb, dev) => {
  ethTypeTrans(skb, dev)
  netifRx(skb)
}
const view = skb => new DataView(skb.bytes.buffer)
const frame = () => udpFrame({ from: '198.18.0.1', to: '198.18.0.2' })

const transmit = bed => {
  bed.transmit(frame())
  bed.transmit(frame())
  bed.advance('1s')
}

export const mistakes = {
  'a verb on a freed frame': {
    ndoStartXmit(skb) {
      skb.drop()
      skb.put(1) // <- use-after-free
    },
  },
  'a frame freed twice': {
    ndoStartXmit(skb) {
      skb.drop()
      skb.free() // <- double-free
    },
  },
  'a write to a freed frame': {
    ndoStartXmit(skb) {
      skb.drop()
      skb.bytes[skb.data] = 1 // <- use-after-free
    },
  },
  'the length of a freed frame': {
    ndoStartXmit(skb) {
      skb.drop()
      kept[1] = skb.len // <- use-after-free
    },
  },
  'a frame freed while a ring has it': {
    ndoStartXmit(skb) {
      const ring = new Ring(1)
      ring.push(skb)
      skb.drop()
      kept[1] = ring.shift() // <- use-after-free
    },
  },
  'bytes that were kept past the free': {
    ndoStartXmit(skb) {
      const { bytes, data } = skb
      skb.drop()
      kept[1] = bytes[data] // <- use-after-free
    },
  },
  'a freed frame whose slot is used again': {
    debug: { pool: { large: 1, small: 1 } },
    ndoStartXmit(skb) {
      kept[0]?.trim(1) // <- use-after-free
      kept[0] ??= skb
      skb.drop()
    },
    says: 'its slot now has',
  },
  'a verb on a frame that the kernel has': {
    ndoStartXmit(skb, dev) {
      up(skb, dev)
      skb.put(1) // <- use-after-hand-over
    },
  },
  'statistics after netifRx': {
    ndoStartXmit(skb, dev) {
      up(skb, dev)
      kept[1] = skb.len // <- use-after-hand-over
    },
  },
  'a write to a frame that the kernel has': {
    ndoStartXmit(skb, dev) {
      up(skb, dev)
      skb.bytes.set([1, 2], skb.data) // <- use-after-hand-over
    },
  },
  'a frame given to the kernel twice': {
    ndoStartXmit(skb, dev) {
      up(skb, dev)
      netifRx(skb) // <- use-after-hand-over
    },
  },
  'a write far behind the room': {
    ndoStartXmit(skb) {
      skb.bytes[skb.data + 100000] = 255 // <- out-of-bounds
      skb.drop()
    },
  },
  'a write to the room of the port': {
    ndoStartXmit(skb) {
      skb.bytes[skb.head - 1] = 1 // <- out-of-bounds
      skb.drop()
    },
  },
  'a fill that is too long': {
    ndoStartXmit(skb) {
      skb.bytes.fill(0, skb.tail, skb.end + 1) // <- out-of-bounds
      skb.drop()
    },
  },
  'a copy from behind the room': {
    ndoStartXmit(skb) {
      skb.bytes.copyWithin(skb.data, skb.end - 1, skb.end + 1) // <- out-of-bounds
      skb.drop()
    },
  },
  'a header that the frame does not have': {
    ndoStartXmit(skb) {
      skb.trim(20)
      kept[1] = skb.bytes[skb.data + 23] // <- uninitialized-read
      skb.drop()
    },
  },
  'a slice behind the end of the frame': {
    ndoStartXmit(skb) {
      kept[0] = skb.bytes.slice(skb.data, skb.tail + 4) // <- uninitialized-read
      skb.drop()
    },
  },
  'a write behind the room by a view': {
    ndoStartXmit(skb, dev) {
      view(skb).setUint8(skb.end, 1)
      ethTypeTrans(skb, dev)
      netifRx(skb) // <- red-zone
    },
  },
  'a write before the room by a view': {
    ndoStartXmit(skb) {
      view(skb).setUint8(skb.head - 3, 1)
      skb.drop() // <- red-zone
    },
  },
  'a write to a freed frame by a view': {
    debug: { pool: { large: 2, small: 1 } },
    ndoStartXmit(skb) {
      const [memory, { data }] = [view(skb), skb]
      if (kept.length > 0) return skb.drop()
      kept.push(memory)
      skb.drop() // <- write-after-free
      memory.setUint8(data, 1)
    },
    // The slot is used again, so that nothing is left to be seen at the end.
    work(bed) {
      for (let i = 0; i < 4; i++) {
        bed.transmit(frame())
      }
    },
  },
  'a frame without a whole header': {
    ndoStartXmit(skb, dev) {
      ethTypeTrans(skb, dev)
      skb.trim(13)
      netifRx(skb) // <- frame-short
    },
  },
  'a length set past the room': {
    ndoStartXmit(skb, dev) {
      ethTypeTrans(skb, dev)
      skb.len = 100000
      netifRx(skb) // <- frame-bounds
    },
  },
  'a new frame without a protocol': {
    ndoStartXmit(skb, dev) {
      const made = devAllocSkb(dev, skb.len)
      made.bytes.set(skb.bytes.subarray(skb.data, skb.tail), made.put(skb.len))
      skb.drop()
      netifRx(made) // <- protocol
    },
  },
  'a protocol that the header does not have': {
    ndoStartXmit(skb, dev) {
      ethTypeTrans(skb, dev)
      skb.bytes.set([0x88, 0xb5], skb.data + 12)
      netifRx(skb) // <- protocol
    },
  },
  'a checksum claimed that is wrong': {
    ndoStartXmit(skb, dev) {
      ethTypeTrans(skb, dev)
      skb.bytes[skb.tail - 1] ^= 1
      skb.ipSummed = CHECKSUM_UNNECESSARY
      netifRx(skb) // <- checksum
    },
    says: 'IP 198.18.0.1',
  },
  'a header changed without its checksum': {
    ndoStartXmit(skb, dev) {
      ethTypeTrans(skb, dev)
      skb.bytes[skb.nh + 8]--
      netifRx(skb) // <- checksum
    },
  },
  'a partial checksum outside the frame': {
    ndoStartXmit(skb, dev) {
      ethTypeTrans(skb, dev)
      skb.ipSummed = CHECKSUM_PARTIAL
      skb.csumStart = skb.tail
      netifRx(skb) // <- checksum
    },
  },
  'a partial checksum without the pseudo-header': {
    ndoStartXmit(skb, dev) {
      ethTypeTrans(skb, dev)
      skb.ipSummed = CHECKSUM_PARTIAL
      skb.csumStart = skb.nh + 20
      skb.csumOffset = 6
      skb.bytes.set([1, 1], skb.csumStart + 6)
      netifRx(skb) // <- checksum
    },
  },
  'segments without a kind': {
    ndoStartXmit(skb, dev) {
      ethTypeTrans(skb, dev)
      skb.gsoSize = 1000
      netifRx(skb) // <- gso
    },
  },
  'segments of another kind than the headers': {
    ndoStartXmit(skb, dev) {
      ethTypeTrans(skb, dev)
      Object.assign(skb, { gsoSize: 10, gsoType: SKB_GSO_TCPV6, ipSummed: CHECKSUM_PARTIAL })
      netifRx(skb) // <- gso
    },
  },
  'a frame that is kept in an array': {
    ndoStartXmit(skb) {
      // <- leak
      kept.push(skb)
    },
  },
  'frames that stay in a ring': {
    open(dev) {
      dev.priv.ring = new Ring(8)
    },
    ndoStartXmit(skb, dev) {
      dev.priv.ring.push(skb) // <- leak
    },
    says: '2 frames',
  },
  'frames held for a long time': {
    open(dev) {
      dev.priv.ring = new Ring(8)
    },
    ndoStartXmit(skb, dev) {
      dev.priv.ring.push(skb) // <- held
    },
    ndoStop(dev) {
      dev.priv.ring.purge()
    },
    work(bed) {
      transmit(bed)
      bed.advance('7s')
    },
  },
  'a frame of its own that is forgotten': {
    open(dev) {
      devAllocSkb(dev, 100) // <- leak
    },
  },
  'a frame that a full ring refused': {
    open(dev) {
      dev.priv.ring = new Ring(1)
    },
    ndoStartXmit(skb, dev) {
      dev.priv.ring.push(skb) // <- ring-overflow
      skb.hold()
    },
    ndoStop(dev) {
      dev.priv.ring.purge()
    },
  },
  'a frame freed without a drop': {
    ndoStartXmit(skb, dev) {
      if (ethTypeTrans(skb, dev) !== 0) return skb.free() // <- freed-uncounted
    },
  },
  'a write past the end of the frame': {
    ndoStartXmit(skb, dev) {
      skb.bytes[skb.tail + 40] = 1 // <- past-end
      up(skb, dev)
    },
    says: 'a write 41 bytes past the end of a frame of 60 bytes',
  },
  'a write past the end of a frame that is then held': {
    ndoStartXmit(skb, dev) {
      skb.bytes.fill(0, skb.tail, skb.tail + 4) // <- past-end
      skb.hold()
      up(skb, dev)
    },
  },
  'a write past the end by a view': {
    ndoStartXmit(skb, dev) {
      view(skb).setUint8(skb.tail + 3, 1)
      ethTypeTrans(skb, dev)
      netifRx(skb) // <- past-end
    },
    says: 'a write 4 bytes past the end of a frame of 60 bytes',
  },
  'packets that are counted twice': {
    ndoStartXmit(skb, dev) {
      dev.counters.count(0, RX_PACKETS) // <- counted-twice
      up(skb, dev)
    },
    says: 'rx_packets',
  },
  'a queue that is started instead of woken': {
    ndoStartXmit(skb, dev) {
      dev.tx[0].stop()
      skb.drop()
      dev.tx[0].start() // <- started-not-woken
    },
  },
  'a wake that is forgotten': {
    open(dev) {
      Object.assign(dev.priv, {
        ring: new Ring(1),
        alarm: dev.net.clock.alarm(() => up(dev.priv.ring.shift(), dev)),
      })
    },
    ndoStartXmit(skb, dev) {
      dev.priv.ring.push(skb)
      dev.tx[0].stop() // <- queue-stopped
      dev.priv.alarm.at(dev.net.clock.now() + 1000)
    },
    work(bed) {
      transmit(bed)
      bed.advance('2s')
    },
    says: 'stopped for more than 1 s, although all frames have left the driver',
  },
  'an interrupt that is not freed': {
    open(dev) {
      new Irq(dev).request(() => IRQ_HANDLED) // <- irq-not-freed
    },
  },
  'an interrupt that is not acknowledged': {
    open(dev) {
      dev.priv.irq = new Irq(dev)
      dev.priv.irq.request(() => IRQ_HANDLED) // <- irq-not-acknowledged
    },
    ndoStartXmit(skb, dev) {
      skb.drop()
      dev.priv.irq.raise(1)
    },
  },
  'an interrupt that is always its own': {
    debug: { chaos: 1 },
    open(dev) {
      dev.priv.irq = new Irq(dev)
      dev.priv.irq.request(() => {
        // <- irq-claimed
        dev.priv.irq.acknowledge()
        return IRQ_HANDLED
      })
    },
  },
  'an interrupt before its handler is ready': {
    debug: { chaos: 1 },
    open(dev) {
      dev.priv.irq = new Irq(dev)
      dev.priv.irq.request(() => dev.priv.ring.length) // <- exception
      dev.priv.ring = new Ring(8)
    },
  },
  'an allocation that is not looked at': {
    debug: { chaos: 1 },
    ndoStartXmit(skb, dev) {
      const made = devAllocSkb(dev, 100)
      made.put(60) // <- exception
      made.free()
      skb.drop()
    },
    work(bed) {
      for (let i = 0; i < 100; i++) {
        bed.transmit(frame())
      }
    },
  },
  'a poll that is not disabled': {
    open(dev) {
      new Napi(dev, () => 0).enable() // <- napi-not-disabled
    },
  },
  'a queue that is never woken': {
    ndoStartXmit(skb, dev) {
      skb.drop()
      dev.tx[0].stop() // <- queue-stopped
    },
    work(bed) {
      transmit(bed)
      bed.advance('20s')
    },
  },
  'a frame that is changed and refused': {
    ndoStartXmit(skb, dev) {
      // <- busy-changed
      if (kept.length > 0) return skb.drop()
      kept.push(0)
      dev.tx[0].stop()
      skb.bytes[skb.data] ^= 2
      return NETDEV_TX_BUSY
    },
  },
}

/** Returns the findings of a driver. */
async function tryMistake({ open = () => {}, debug = true, work = transmit, says = '', ...ops }) {
  kept.length = 0
  const setup = dev => {
    dev.netdevOps = { ndoStartXmit: skb => skb.drop(), ndoOpen: open, ...ops }
  }
  const driver = vnet.defineDriver({
    name: 'mistake',
    description: 'a driver with a mistake',
    params: {},
    init: () => [{ dev: vnet.allocEtherdevMqs({ name: 'm%d', setup, priv: {} }) }],
  })
  const bed = await testBed(driver, {}, { debug, allowErrors: true })
  work(bed)
  // A frame that is held is an error of its own.
  await bed.close().catch(() => {})
  return { findings: bed.findings, log: bed.log, says }
}

const found = {}
for (const [name, mistake] of Object.entries(mistakes)) {
  found[name] = await tryMistake(mistake)
}
console.log(JSON.stringify(found))
