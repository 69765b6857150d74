// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'back',
    explainedBy: 'port but that of arrival',
    replace: [
      'const [last, ...others] = from.priv.ports.filter(port => port !== from)',
      'const [last, ...others] = from.priv.ports',
    ],
  },
  {
    name: 'clone-too-late',
    explainedBy: 'skb_clone',
    replace: [
      [
        'for (const port of others) {',
        `deliver(skb, last)
  for (const port of others) {`,
      ],
      ['deliver(skb, last)', ''],
    ],
  },
  {
    name: 'first-place',
    explainedBy: 'the last frame says where it is',
    replace: [
      'stations.set(addressAt(bytes, ethernet.sourceAt(data)), { port: dev, seen: now })',
      `const source = addressAt(bytes, ethernet.sourceAt(data))
  const old = stations.get(source)
  if (old !== undefined) old.seen = now
  else stations.set(addressAt(bytes, ethernet.sourceAt(data)), { port: dev, seen: now })`,
    ],
  },
  {
    name: 'group-learned',
    explainedBy: 'look at its bit first',
    replace: ['if (ethernet.isMulticastAddress(bytes, data)) return flood(skb, dev)', ''],
  },
  {
    name: 'last-3-bytes',
    explainedBy: 'compare all 48 bits',
    replace: ['for (let i = 0; i < 6; i++) address', 'for (let i = 3; i < 6; i++) address'],
  },
  {
    name: 'last-32-bits',
    explainedBy: 'compare all 48 bits',
    replace: ['address = address * 256 + bytes[at + i]', 'address = (address << 8) | bytes[at + i]'],
  },
  {
    name: 'late',
    explainedBy: 'it may be anywhere by now',
    replace: [
      'if (station === undefined || now - station.seen >= params.age * NSEC_PER_SEC) return flood(skb, dev)',
      'if (station === undefined || now - station.seen > params.age * NSEC_PER_SEC) return flood(skb, dev)',
    ],
  },
  {
    name: 'learns-destination',
    explainedBy: 'the kernels received: none; dropped: OTHERHOST 1',
    replace: [
      'stations.set(addressAt(bytes, ethernet.sourceAt(data)), { port: dev, seen: now })',
      'stations.set(addressAt(bytes, data), { port: dev, seen: now })',
    ],
  },
  {
    name: 'module-stations',
    explainedBy: 'a variable of the module is shared by all switches',
    replace: [
      ['/** @param {Device} dev */\nfunction setup', 'const stations = new Map()\n\nfunction setup'],
      ['const { params, stations } = dev.priv', 'const { params } = dev.priv'],
    ],
  },
  {
    name: 'never-forgets',
    explainedBy: 'it may be anywhere by now',
    replace: [
      'if (station === undefined || now - station.seen >= params.age * NSEC_PER_SEC) return flood(skb, dev)',
      'if (station === undefined) return flood(skb, dev)',
    ],
  },
  {
    name: 'no-memory',
    explainedBy: 'one of them receives the frame itself',
    replace: [
      [
        "} from 'vnet'",
        `  SKB_DROP_REASON_NOMEM,
} from 'vnet'`,
      ],
      [
        'if (copy === undefined) port.counters.count(0, RX_DROPPED)',
        'if (copy === undefined) return skb.drop(SKB_DROP_REASON_NOMEM)',
      ],
    ],
  },
  {
    name: 'once-learned',
    explainedBy: 'each frame starts the time again',
    replace: [
      'stations.set(addressAt(bytes, ethernet.sourceAt(data)), { port: dev, seen: now })',
      `const source = addressAt(bytes, ethernet.sourceAt(data))
  if (stations.get(source)?.port !== dev) stations.set(source, { port: dev, seen: now })`,
    ],
  },
  {
    name: 'one-port',
    explainedBy: 'sw1 1, sw2 1: each port',
    replace: ['else deliver(copy, port)', 'else copy.free()'],
  },
  {
    name: 'same-port',
    explainedBy: 'it has it already',
    replace: ['if (station.port === dev) return skb.drop(SKB_DROP_REASON_OTHERHOST)', ''],
  },
  {
    name: 'sender-counts',
    explainedBy: 'which lost the frame',
    replace: [
      'if (copy === undefined) port.counters.count(0, RX_DROPPED)',
      'if (copy === undefined) from.counters.count(0, RX_DROPPED)',
    ],
  },
  {
    name: 'uncounted',
    explainedBy: 'a loss that nothing counts',
    replace: [
      `if (copy === undefined) port.counters.count(0, RX_DROPPED)
    else deliver(copy, port)`,
      'if (copy !== undefined) deliver(copy, port)',
    ],
  },
  {
    name: 'use-refreshes',
    explainedBy: 'only what it sends counts',
    replace: [
      'deliver(skb, station.port)',
      `station.seen = now
  deliver(skb, station.port)`,
    ],
  },
]
