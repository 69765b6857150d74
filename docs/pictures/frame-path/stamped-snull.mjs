/**
 * A driver file for vnet: snull, which stamps each step of each ICMP frame. At its end it writes
 * the stamps to the file that STAMPS names, as a JSON array of { step, dev, type, seq, us }; `us`
 * counts from an unknown moment.
 */
import { writeFileSync } from 'node:fs'
import { driver as snull } from '../../../dist/drivers/snull/driver.js'

const stamps = []

function stamp(step, dev, skb) {
  const { bytes, data, len } = skb
  const icmp = data + 34
  if (len < 42 || bytes[data + 23] !== 1) return
  const seq = (bytes[icmp + 6] << 8) | bytes[icmp + 7]
  stamps.push({ step, dev: dev.name, type: bytes[icmp], seq, us: performance.now() * 1000 })
}

function stampDevice(dev) {
  const ops = dev.netdevOps
  dev.netdevOps = {
    ...ops,
    ndoStartXmit(skb, dev) {
      stamp('xmit', dev, skb)
      return ops.ndoStartXmit(skb, dev)
    },
  }
  const receive = dev.receive.bind(dev)
  dev.receive = skb => {
    stamp('netif_rx', dev, skb)
    receive(skb)
  }
}

/** One frame is under way at a time, so a queue holds at most one when it is written. */
function stampPort(dev) {
  const [queue] = dev.port.queues
  const read = queue.read.bind(queue)
  const submit = queue.submit.bind(queue)
  queue.read = (into, max) => {
    const n = read(into, max)
    for (let i = 0; i < n; i++) {
      stamp('read', dev, into[i])
    }
    return n
  }
  queue.submit = from => {
    const before = stamps.length
    const skb = from.peek(0)
    if (skb !== undefined) {
      stamp('submit', dev, skb)
    }
    const n = submit(from)
    if (stamps.length > before) {
      stamps.push({ ...stamps.at(-1), step: 'written', us: performance.now() * 1000 })
    }
    return n
  }
}

export const driver = {
  ...snull,
  init(params, context) {
    const specs = snull.init(params, context)
    for (const { dev } of specs) {
      stampDevice(dev)
    }
    const opened = new Set()
    context.net.registerNetdeviceNotifier((_, dev) => {
      if (dev.port === undefined || opened.has(dev)) return
      opened.add(dev)
      stampPort(dev)
    })
    return specs
  },
  exit() {
    writeFileSync(process.env.STAMPS, JSON.stringify(stamps))
  },
}
