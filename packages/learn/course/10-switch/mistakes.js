// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'back',
    step: 1,
    inKernel:
      'A switch on that port hears a frame of its own station from outside, learns the wrong port, and the station gets nothing until it sends again.',
    explainedBy: 'port but that of arrival',
    replace: [
      'const [last, ...others] = from.priv.ports.filter(port => port !== from)',
      'const [last, ...others] = from.priv.ports',
    ],
  },
  {
    name: 'clone-too-late',
    step: 1,
    inKernel:
      'By the time of skb_clone a softirq may have received the frame and freed it: a use-after-free.',
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
    step: 2,
    inKernel:
      'A station that has moved, such as a virtual machine, gets nothing for as long as it sends: each of its frames renews the wrong entry.',
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
    step: 1,
    inKernel:
      'A frame with the address of a group as its source makes an entry, and the group is then sent to one port only; br_handle_frame drops such frames.',
    explainedBy: 'look at its bit first',
    replace: ['if (ethernet.isMulticastAddress(bytes, data)) return flood(skb, dev)', ''],
  },
  {
    name: 'last-3-bytes',
    step: 2,
    inKernel:
      "The first three bytes are the vendor (OUI): two cards of different vendors may share the others, and get each other's frames.",
    explainedBy: 'compare all 48 bits',
    replace: ['for (let i = 0; i < 6; i++) {', 'for (let i = 3; i < 6; i++) {'],
  },
  {
    name: 'last-32-bits',
    step: 2,
    inKernel:
      'br_fdb.c hashes all 48 bits and the VLAN and compares them; 32 bits mix up stations whose first two bytes differ.',
    explainedBy: 'compare all 48 bits',
    replace: [
      'address = address * 256 + bytes[at + i]',
      'address = (address << 8) | bytes[at + i]',
    ],
  },
  {
    name: 'late',
    step: 3,
    inKernel:
      'One tick late, which is harmless: has_expired of net/bridge uses time_before_eq, so an entry is too old at exactly ageing_time.',
    explainedBy: 'it may be anywhere by now',
    replace: [
      'if (station === undefined || now - station.seen >= params.age * NSEC_PER_SEC) {',
      'if (station === undefined || now - station.seen > params.age * NSEC_PER_SEC) {',
    ],
  },
  {
    name: 'learns-destination',
    step: 2,
    inKernel:
      'The table has the receiver at the port of the sender: frames for it are dropped as local to that port, and the two cannot talk.',
    explainedBy: 'the kernels received: none; dropped: OTHERHOST 1',
    replace: [
      'stations.set(addressAt(bytes, ethernet.sourceAt(data)), { port: dev, seen: now })',
      'stations.set(addressAt(bytes, data), { port: dev, seen: now })',
    ],
  },
  {
    name: 'module-stations',
    step: 2,
    inKernel:
      'The stations of one switch are unknown to another; with one table, frames leave by a port of the wrong bridge.',
    explainedBy: 'a variable of the module is shared by all switches',
    replace: [
      [
        '/** @param {Device} dev */\nfunction setup',
        'const stations = new Map()\n\nfunction setup',
      ],
      ['const { params, stations } = dev.priv', 'const { params } = dev.priv'],
    ],
  },
  {
    name: 'never-forgets',
    step: 3,
    inKernel:
      'A station that has moved silently is looked for at its old port for ever; and the table grows with each address, which anyone can invent, until memory is used up.',
    explainedBy: 'it may be anywhere by now',
    replace: [
      `if (station === undefined || now - station.seen >= params.age * NSEC_PER_SEC) {
    return flood(skb, dev)
  }`,
      'if (station === undefined) return flood(skb, dev)',
    ],
  },
  {
    name: 'no-memory',
    step: 4,
    inKernel:
      'All ports lose the frame because one clone failed, also the port that needs none. br_flood of net/bridge does so: it drops the frame for all ports that are left.',
    explainedBy: 'one of them receives the frame itself',
    replace: [
      [
        'SKB_DROP_REASON_OTHERHOST,',
        `SKB_DROP_REASON_OTHERHOST,
  SKB_DROP_REASON_NOMEM,`,
      ],
      ['port.counters.count(0, RX_DROPPED)', 'return skb.drop(SKB_DROP_REASON_NOMEM)'],
    ],
  },
  {
    name: 'once-learned',
    step: 3,
    inKernel:
      'A station that sends all the time is forgotten each ageing_time seconds, and its traffic is flooded until it is learned again.',
    explainedBy: 'each frame starts the time again',
    replace: [
      'stations.set(addressAt(bytes, ethernet.sourceAt(data)), { port: dev, seen: now })',
      `const source = addressAt(bytes, ethernet.sourceAt(data))
  if (stations.get(source)?.port !== dev) stations.set(source, { port: dev, seen: now })`,
    ],
  },
  {
    name: 'one-port',
    step: 1,
    inKernel:
      'The hosts on the other port receive neither broadcasts nor frames for unknown stations: ARP for them fails, and they seem to be down.',
    explainedBy: 'sw1 1, sw2 1: each port',
    replace: ['deliver(copy, port)', 'copy.free()'],
  },
  {
    name: 'same-port',
    step: 2,
    inKernel:
      'Frames between two stations of one port arrive twice; should_deliver of net/bridge refuses the port of arrival, except in hairpin mode.',
    explainedBy: 'it has it already',
    replace: ['if (station.port === dev) return skb.drop(SKB_DROP_REASON_OTHERHOST)', ''],
  },
  {
    name: 'sender-counts',
    step: 4,
    inKernel:
      'rx_dropped grows on a port that has lost nothing, and the administrator looks for the fault there.',
    explainedBy: 'which lost the frame',
    replace: ['port.counters.count(0, RX_DROPPED)', 'from.counters.count(0, RX_DROPPED)'],
  },
  {
    name: 'uncounted',
    step: 4,
    inKernel:
      'A loss that no counter shows: deliver_clone of net/bridge counts it in tx_dropped of the bridge.',
    explainedBy: 'a loss that nothing counts',
    replace: [
      `if (copy === undefined) {
      port.counters.count(0, RX_DROPPED)
    } else {`,
      'if (copy !== undefined) {',
    ],
  },
  {
    name: 'use-refreshes',
    step: 3,
    inKernel:
      'Frames to a station keep its entry alive after it has moved: net/bridge notes the use in fdb->used, and ages by fdb->updated only.',
    explainedBy: 'only what it sends counts',
    replace: [
      'deliver(skb, station.port)',
      `station.seen = now
  deliver(skb, station.port)`,
    ],
  },
  {
    name: 'groups-of-ipv4-only',
    step: 1,
    inKernel:
      'Neighbour discovery of IPv6 asks a group at 33:33: flooded as unknown it works, until an invalid source makes an entry for it; then IPv6 fails on all ports but one.',
    explainedBy: 'look at its bit first',
    replace: [
      'if (ethernet.isMulticastAddress(bytes, data)) return',
      'if (bytes[data] === 0xff || (bytes[data] === 1 && bytes[data + 1] === 0)) return',
    ],
  },
  {
    name: 'learns-late',
    step: 2,
    inKernel:
      'A station that talks only to its neighbours on the same port is never learned: each frame to it is flooded to all others.',
    explainedBy: 'a frame that is dropped has taught',
    replace: [
      [
        '  stations.set(addressAt(bytes, ethernet.sourceAt(data)), { port: dev, seen: now })\n',
        '  const source = addressAt(bytes, ethernet.sourceAt(data))\n',
      ],
      [
        '  if (ethernet.isMulticastAddress(bytes, data)) return flood(skb, dev)\n  const station = stations.get(addressAt(bytes, data))\n',
        `  const station = stations.get(addressAt(bytes, data))
  const isLocal = station?.port === dev && now - station.seen < params.age * NSEC_PER_SEC
  if (!isLocal) stations.set(source, { port: dev, seen: now })
  if (ethernet.isMulticastAddress(bytes, data)) return flood(skb, dev)
`,
      ],
    ],
  },
  {
    name: 'fixed-age',
    step: 3,
    inKernel: 'ip link set br0 type bridge ageing_time succeeds, is shown, and changes nothing.',
    explainedBy: 'params.age is the limit',
    replace: ['params.age * NSEC_PER_SEC', '60 * NSEC_PER_SEC'],
  },
  {
    name: 'drops-without-reason',
    step: 2,
    inKernel: 'A trace of drops shows NOT_SPECIFIED for traffic that was filtered as it should be.',
    explainedBy: 'dropped: NOT_SPECIFIED 1',
    replace: ['skb.drop(SKB_DROP_REASON_OTHERHOST)', 'skb.drop()'],
  },
  {
    name: 'copies-the-header',
    step: 1,
    inKernel:
      'pskb_copy copies the header and shares the rest; who copies the header alone sends what was in that memory before.',
    explainedBy: 'frames 1, 2 and 3 were flooded',
    replace: [
      '} else {',
      `} else {
      copy.bytes.fill(0, copy.data + 14, copy.data + copy.len)`,
    ],
  },
]
