// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'last-in-first-out',
    step: 2,
    inKernel:
      'snull_enqueue_buf of the book does this: TCP takes overtaken segments for lost, sends them again and reduces its window, and UDP programs read datagrams out of order.',
    explainedBy: 'frames 1 to 5, before one interrupt: 5 arrived: 5 4 3 2 1',
    replace: [
      `const packet = { skb }
  if (priv.head === undefined || priv.tail === undefined) {
    priv.head = packet
  } else {
    priv.tail.next = packet
  }
  priv.tail = packet`,
      'priv.head = { skb, next: priv.head }',
    ],
  },
  {
    name: 'reversed-by-each-poll',
    step: 2,
    inKernel:
      'To reverse is right only for the whole list, as after llist_del_all: a poll with a budget of 64 hands over the newest 64 frames first, which only load shows.',
    explainedBy: '100 arrived: 37 38 39 40 ... 36; after 100 came 1',
    replace: [
      [
        `const packet = { skb }
  if (priv.head === undefined || priv.tail === undefined) {
    priv.head = packet
  } else {
    priv.tail.next = packet
  }
  priv.tail = packet`,
        'priv.head = { skb, next: priv.head }',
      ],
      [
        'let work = 0',
        `let work = 0
  /** @type {import('vnet').SkBuff[]} */
  const taken = []`,
      ],
      [
        `netifRx(skb)
    work++`,
        `taken.unshift(skb)
    work++
  }
  for (const skb of taken) {
    netifRx(skb)`,
      ],
    ],
  },
  {
    name: 'tail-of-an-empty-queue',
    step: 2,
    inKernel:
      'Once the list was empty, tail->next is written into a packet that was freed, a use-after-free; the poll starts at head, which is NULL, and receives nothing more.',
    explainedBy: '1 of 3 pings of 198.18.0.2',
    replace: [
      'if (priv.head === undefined || priv.tail === undefined) {',
      'if (priv.tail === undefined) {',
    ],
  },
  {
    name: 'tail-after-down',
    step: 2,
    inKernel:
      'ndo_stop frees the packets and leaves tail: after ndo_open a frame is linked to freed memory, a use-after-free, and the poll finds none. Another down and up repairs nothing.',
    explainedBy: 'down and up again, then frames 4 to 6: 0 arrived',
    replace: [
      [
        'if (priv.head === undefined || priv.tail === undefined) {',
        'if (priv.tail === undefined) {',
      ],
      [
        'priv.head = packet.next',
        `priv.head = packet.next
  if (priv.head === undefined) {
    priv.tail = undefined
  }`,
      ],
    ],
  },
  {
    name: 'keeps-the-second',
    step: 2,
    inKernel:
      'Each new frame overwrites the only pointer to the one before it: sk_buffs are leaked, as kmemleak reports, and count as waiting until the list seems full for ever.',
    explainedBy: 'frames 1 to 5, before one interrupt: 2 arrived: 1 5',
    replace: [
      `if (priv.head === undefined || priv.tail === undefined) {
    priv.head = packet
  } else {
    priv.tail.next = packet`,
      `if (priv.head === undefined) {
    priv.head = packet
  } else {
    priv.head.next = packet`,
    ],
  },
  {
    name: 'forgets-the-queue',
    step: 2,
    inKernel:
      'The sk_buffs of the list are leaked each time the interface goes down: kmemleak reports them, and no counter has their frames.',
    explainedBy: 'went down with 3 frames in its queue: dropped: nothing; 3 still held',
    replace: [
      `  for (let packet = priv.head; packet !== undefined; packet = packet.next) {
    netifRxDrop(packet.skb, dev, SKB_DROP_REASON_DEV_STOPPED)
  }
`,
      '',
    ],
  },
  {
    name: 'one-too-many',
    step: 2,
    inKernel:
      'A list exceeds its limit by one frame, and no more; in a ring of descriptors the same test overwrites the oldest frame, or memory past the end of the array.',
    explainedBy: '129 arrived',
    replace: [
      'peer.priv.waiting === peer.priv.params.slots',
      'peer.priv.waiting > peer.priv.params.slots',
    ],
  },
  {
    name: 'shortest-first',
    step: 2,
    inKernel:
      'A scheduler by length suits no protocol: an ACK overtakes the data before it, and TCP sends that again.',
    explainedBy: 'frames 1 to 5, before one interrupt: 5 arrived',
    replace: [
      `if (priv.head === undefined || priv.tail === undefined) {
    priv.head = packet
  } else {
    priv.tail.next = packet
  }
  priv.tail = packet`,
      `/** @type {Packet[]} */
  const all = [packet]
  for (let each = priv.head; each !== undefined; each = each.next) {
    all.push(each)
  }
  all.sort((a, b) => a.skb.len - b.skb.len)
  for (const [i, each] of all.entries()) {
    each.next = all[i + 1]
  }
  priv.head = all[0]`,
    ],
  },
  {
    name: 'pushes-out-the-oldest',
    step: 2,
    inKernel:
      'A list that drops its head has its reasons (CoDel does, for a signal that arrives sooner), but a card drops what finds no descriptor: the frame that comes last.',
    explainedBy: '128 arrived: 3 4 5 6 ... 130',
    replace: [
      'return netifRxDrop(skb, peer, SKB_DROP_REASON_FULL_RING)',
      `const oldest = dequeue(peer)
    if (oldest !== undefined) {
      netifRxDrop(oldest, peer, SKB_DROP_REASON_FULL_RING)
    }`,
    ],
  },
  {
    name: 'groups-are-free',
    step: 2,
    inKernel:
      'consume_skb counts nothing: neighbour discovery and DHCP stop working, and no counter says where.',
    explainedBy: 'a frame to a group: nothing arrived',
    replace: ['  skb.hold()\n', '  if ((bytes[data] & 1) === 1) return skb.free()\n  skb.hold()\n'],
  },
]
