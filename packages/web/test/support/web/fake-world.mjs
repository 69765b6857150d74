// @ts-check
/**
 * Vnets that do not exist: a snull pair with traffic, a cable with a wire and a scenario, a lan
 * with many hosts, a loop with many interfaces, interfaces with hostile names, and a lab. They
 * change by commands and by `advance`, never by themselves, so that a test decides what happens
 * when.
 */
import { compileNumericFilter } from '../../../../../dist/linux/pcap-filter.js'
import { dhcp, frame, ping } from './fake-frames.mjs'

/** @typedef {import('../../../src/feed-types.ts').FeedMessage} FeedMessage */
/** @typedef {import('../../../src/feed-types.ts').PageCommand} Command */
/** @typedef {import('../../../src/feed-types.ts').CommandResult} CommandResult */
/** @typedef {import('../../../src/feed-types.ts').StepInfo} StepInfo */
/** @typedef {import('../../../src/feed-types.ts').Want} Want */
/** @typedef {import('./fake-types.ts').FakeDevice} FakeDevice */

export const SNULL = '4711//sn0'
export const CABLE = '4712/left/eth0'
export const LAN = '4713//lan0'
export const LAB = 'office'

/** Possible names of interfaces; the network namespace has fewer limits than a name. */
export const HOSTILE_NAMES = [
  ['<b>bold</b>', undefined],
  ['"><svg/onload=1', undefined],
  ["';alert(1)//", undefined],
  ['&lt;&#x41;%41', undefined],
  ['eth0', '<img src=x onerror=alert(1)>'],
  ['eth0', '<script>alert(1)<\u2044script>'],
  ['\u202Eevil\u202C', undefined],
  ['__proto__', 'constructor'],
]

const PRESETS = [
  {
    name: 'lte',
    up: 'rate 12mbit limit 768kb | delay 35ms',
    down: 'rate 12mbit limit 768kb | delay 35ms',
  },
  {
    name: '3g',
    up: 'rate 768kbit limit 48kb | delay 150ms',
    down: 'rate 1.6mbit limit 100kb | delay 150ms',
  },
  { name: 'wifi-busy', up: 'loss 1% burst 3 | rate 10mbit', down: 'loss 1% burst 3 | rate 20mbit' },
]

const SOURCE = {
  file: '/usr/lib/node_modules/vnet/src/drivers/snull/driver.ts',
  line: 88,
  lines: [
    'function startXmit(skb: SkBuff, dev: NetDevice<SnullPriv>): number {',
    '  const { hw, peer } = dev.priv',
    '  if (peer === undefined || !peer.up) {',
    '    kfreeSkb(skb, SKB_DROP_REASON_DEV_READY)',
    '    return NETDEV_TX_OK',
    '  }',
    '  hw.transmit(skb, skb.queueMapping)',
    '  return NETDEV_TX_OK',
    '}',
  ],
}
const NEXT = ['ndoStartXmit', 'snull_hw_tx', 'snull_interrupt', 'netifRx', 'write']

export class FakeWorld {
  #frames = 0
  /** @type {readonly FakeDevice[]} */
  devices

  /** @param {import('./fake-types.ts').WorldOptions} [options] */
  constructor({ devices = 200, hosts = 10_000, hostile = true, lab = 0, start = Date.now() } = {}) {
    this.start = start
    this.time = start
    this.hosts = hosts
    this.devices = [
      device(4711, 'snull', 'sn0', undefined, { rate: 900, hasBoard: true, queues: 2 }),
      device(4711, 'snull', 'sn1', undefined, { rate: 900, hasBoard: true, queues: 2 }),
      device(4712, 'cable', 'eth0', 'left', {
        rate: 400,
        text: { ab: 'delay 20ms 5ms | loss 1%', ba: 'delay 20ms' },
      }),
      device(4712, 'cable', 'eth0', 'right', {
        rate: 380,
        text: { ab: 'delay 20ms 5ms | loss 1%', ba: 'delay 20ms' },
      }),
      ...(hosts > 0 ? [device(4713, 'lan', 'lan0', undefined, { rate: 120 })] : []),
      ...Array.from({ length: devices }, (_, i) =>
        device(4714, 'loop', `loop${i}`, undefined, { rate: i % 7 }),
      ),
      ...labDevices(lab),
      ...(hostile
        ? HOSTILE_NAMES.map(([name = '', netns]) => device(4715, '<i>driver</i>', name, netns, {}))
        : []),
    ]
  }

  /** @param {string} id */
  find(id) {
    return this.devices.find(({ row }) => row.id === id)
  }

  /** @param {boolean} mayChange @returns {FeedMessage} */
  hello(mayChange) {
    const pids = [...new Set(this.devices.map(({ pid }) => pid))]
    const vnets = pids.map(pid => {
      const devices = this.devices.filter(device => device.pid === pid)
      return {
        pid,
        driver: devices[0]?.driver ?? '',
        devices: devices.map(({ row }, i) => ({ ...row, peer: row.peer ?? peerAt(devices, i) })),
      }
    })
    return { type: 'hello', version: '0.1.0', vnets, mayChange, presets: PRESETS }
  }

  /** Lets traffic flow for this time. @param {number} ms */
  advance(ms) {
    this.time += ms
    for (const { row, counters, rate } of this.devices) {
      if (!row.carrier) continue
      const wave = 1 + 0.6 * Math.sin(this.time / 7000)
      const frames = Math.round((rate * wave * ms) / 1000)
      counters.txPackets += frames
      counters.rxPackets += Math.round(frames * 0.98)
      counters.txBytes += frames * 612
      counters.rxBytes += Math.round(frames * 0.98) * 598
      counters.held = Math.round((rate / 50) * wave)
      if (frames > 100) {
        add(counters.drops.rx, 'RX_MISSED', Math.round(frames / 100))
      }
      if (frames > 40) {
        add(counters.drops.tx, 'wire ab, stage 2 loss 1%', Math.round(frames / 90))
      }
    }
  }

  /** @returns {FeedMessage} */
  stats() {
    const devices = this.devices.map(({ row, counters }) => ({
      id: row.id,
      ...structuredClone(counters),
    }))
    return { type: 'stats', time: this.time, devices }
  }

  /**
   * Messages for a page that opens a device.
   * @param {string} id @param {readonly Want[]} wants @returns {FeedMessage[]}
   */
  first(id, wants) {
    const messages = [
      ...(wants.includes('params') ? [this.params(id)] : []),
      ...(wants.includes('scenario') ? [this.scenario(id)] : []),
      ...(wants.includes('step') ? [this.step(id)] : []),
      ...(wants.includes('segment') ? [this.segment(id)] : []),
      ...(wants.includes('dhcp') && id === LAN ? [this.dhcp()] : []),
      ...(wants.includes('wire') ? [this.wire(id)] : []),
      ...(wants.includes('late') ? [this.late(id)] : []),
      ...(wants.includes('parts') ? [this.parts(id)] : []),
    ]
    return messages.filter(message => message !== undefined)
  }

  /** @param {string} id @returns {FeedMessage | undefined} */
  parts(id) {
    const device = this.find(id)
    if (device === undefined) return undefined
    const { row, counters } = device
    const wave = 1 + Math.sin(this.time / 900)
    const moves = device.rate > 0 && row.carrier
    const fill = (/** @type {number} */ most) =>
      moves ? Math.min(most, Math.round((wave / 2) * most)) : 0
    const stopped = moves && wave > 1.9
    const queues = Array.from({ length: row.txQueues }, (_, i) => ({
      kind: 'queue',
      name: `tx ${i}`,
      length: stopped ? 3 : 0,
      state: stopped ? 'stopped' : 'running',
    }))
    const board = [
      ...queues.map((_, i) => ({
        kind: 'buffers',
        name: `tx buffers ${i}`,
        direction: 'tx',
        length: fill(64),
        capacity: 64,
      })),
      { kind: 'ring', name: 'rx ring', direction: 'rx', length: fill(256), capacity: 256 },
      {
        kind: 'irq',
        name: 'irq 0',
        state: wave > 1.2 && moves ? 'masked 0x1' : 'idle',
        count: counters.rxPackets >> 3,
      },
      {
        kind: 'napi',
        name: 'napi 0',
        state: wave > 1.2 && moves ? 'scheduled' : 'idle',
        count: counters.rxPackets >> 2,
      },
    ]
    const pool = { kind: 'pool', name: 'frames', length: counters.held + fill(200), capacity: 512 }
    const parts = [...queues, ...(device.hasBoard ? board : []), pool]
    return { type: 'parts', time: this.time, id, parts: /** @type {any} */ (parts) }
  }

  /** @param {string} id @returns {FeedMessage | undefined} */
  wire(id) {
    const device = this.find(id)
    if (device === undefined) return undefined
    const { text, counters } = device
    if (!['cable', 'snull', 'lan'].includes(device.driver)) {
      return { type: 'wire', time: this.time, id, wire: undefined }
    }
    /** @param {'ab' | 'ba'} direction */
    const stages = direction => {
      const frames = direction === 'ab' ? counters.txPackets : counters.rxPackets
      return text[direction]
        .split('|')
        .map(word => word.trim())
        .filter(Boolean)
        .map((word, i, words) => {
          const kind = word.split(' ')[0] ?? ''
          const number = words.slice(0, i + 1).filter(other => other.startsWith(`${kind} `)).length
          const stage = number > 1 ? `${kind} ${number}` : kind
          const dropped = kind === 'loss' ? Math.round(frames / 100) : 0
          const p50 = 0.06 + (this.time % 8) / 1000
          /** @type {[number, number][]} */
          const counts = [
            [p50, frames],
            [0.85, frames >> 4],
          ]
          const late = kind === 'delay' ? { late: { p50, p99: 0.85, counts } } : {}
          return {
            stage,
            path: '',
            direction,
            text: word,
            in: frames,
            out: frames - dropped - counters.held,
            dropped,
            held: counters.held,
            holds: kind !== 'loss',
            drops: dropped > 0 ? { loss: dropped } : {},
            duplicated: 0,
            corrupted: 0,
            reordered: 0,
            marked: 0,
            ...late,
          }
        })
    }
    const wire = { time: this.time, text: { ...text }, stages: [...stages('ab'), ...stages('ba')] }
    return { type: 'wire', time: this.time, id, wire }
  }

  /** @param {string} id @returns {FeedMessage} */
  late(id) {
    const delaying = this.devices.filter(({ driver }) => driver === 'cable')
    return { type: 'late', id, p99: Object.fromEntries(delaying.map(({ row }) => [row.id, 0.85])) }
  }

  /** @param {string} id @returns {FeedMessage | undefined} */
  params(id) {
    const device = this.find(id)
    return device && { type: 'params', id, params: structuredClone(device.params) }
  }

  /** @param {string} id @returns {FeedMessage} */
  scenario(id) {
    if (!id.startsWith('4712/')) return { type: 'scenario', id, scenario: undefined }
    const steps = [
      { at: 0, text: 'wire: preset lte' },
      { at: 30_000, text: 'wire-ba: rate 2mbit limit 100' },
      { at: 40_000, text: 'carrier: off' },
      { at: 42_000, text: 'carrier: on' },
    ]
    return {
      type: 'scenario',
      id,
      scenario: { file: 'commute.yaml', started: this.start, repeat: 60_000, steps },
    }
  }

  /** @param {string} id @returns {FeedMessage} */
  segment(id) {
    if (id !== LAN) return { type: 'segment', id, segment: undefined }
    const hosts = Array.from({ length: this.hosts + 1 }, (_, i) => ({
      name: i === 0 ? 'gateway' : `host${i}`,
      mac: mac(i),
      router: i === 0,
      addresses: [
        `198.18.${(i + 1) >> 8}.${(i + 1) & 255}`,
        `2001:db8:0:1::${(i + 1).toString(16)}`,
      ],
    }))
    const expires = this.time + 3_600_000
    const leases = [
      {
        address: '198.18.96.1',
        mac: '02:00:00:00:00:01',
        clientId: undefined,
        hostname: 'laptop',
        expires,
      },
      {
        address: '198.18.96.2',
        mac: '02:00:00:00:00:02',
        clientId: '01:02',
        hostname: '<b>phone</b>',
        expires,
      },
    ]
    const neighbours = [{ address: '198.18.96.1', mac: '02:00:00:00:00:01' }]
    const stations = [
      { name: 'lan0', mac: 'aa:41:42:2e:e9:0e' },
      { name: 'red/lan1', mac: undefined },
      { name: 'uplink eth1', mac: '02:00:00:00:00:01' },
    ]
    const n = Math.floor((this.time - this.start) / 100)
    const counters = {
      frames: { in: 4 * n, made: n, out: 2 * n, taken: 2 * n, dropped: 0, held: 0 },
      dropped: {},
      answered: {
        arp: n,
        neighbour: 12,
        echo: n * 2,
        udp: 0,
        unreachable: 3,
        reset: 0,
        defended: 0,
        limited: 0,
        refused: 0,
      },
    }
    return {
      type: 'segment',
      id,
      segment: /** @type {any} */ ({ hosts, leases, neighbours, stations, counters }),
    }
  }

  /**
   * @param {string} id @param {number} count
   * @returns {FeedMessage}
   */
  frames(id, count, skipped = 0) {
    const frames = Array.from({ length: count }, (_, i) => {
      const number = ++this.#frames
      const way = number % 2
      const dropped = number % 23 === 0 ? 'wire ab, stage 2 loss 1%' : undefined
      const time = this.time - (count - i) * 0.7
      return {
        number,
        time,
        id,
        direction: way === 0 ? 'tx' : 'rx',
        queue: number & 1,
        dropped,
        ...frame(number >> 1, way),
      }
    })
    return { type: 'frames', id, frames: /** @type {any} */ (frames), skipped }
  }

  /** How a client got its lease. @returns {FeedMessage} */
  dhcp() {
    const yours = { 'Your address': '198.18.96.1' }
    const messages = [
      { after: 0, ...dhcp(0, 'DISCOVER (1)', { 'Host name': 'laptop' }) },
      { after: 252, ...dhcp(1, 'OFFER (2)', yours) },
      {
        after: 254,
        ...dhcp(0, 'REQUEST (3)', { 'Requested address': '198.18.96.1', 'Host name': 'laptop' }),
      },
      { after: 261, ...dhcp(1, 'ACK (5)', yours) },
    ]
    const frames = messages.map(({ after, ...frame }, i) => ({
      number: i + 1,
      time: this.time + after,
      id: LAN,
      direction: i % 2 === 0 ? 'tx' : 'rx',
      queue: 0,
      dropped: undefined,
      ...frame,
    }))
    return { type: 'dhcp', id: LAN, frames: /** @type {any} */ (frames), skipped: 0 }
  }

  /** @param {string} id @returns {FeedMessage} */
  step(id) {
    const step = this.find(id)?.step ?? { mode: 'off', at: 0 }
    if (step.mode === 'off') return { type: 'step', id, mode: 'off', step: undefined }
    const number = /** @type {StepInfo['step']} */ (step.at + 1)
    const line = SOURCE.line + 12 * step.at
    const source = { ...SOURCE, line, first: line }
    const frame = number === 1 ? undefined : ping(0, 1)
    return {
      type: 'step',
      id,
      mode: 'on',
      step: {
        id,
        step: number,
        next: NEXT[step.at] ?? '',
        queue: 0,
        count: step.at,
        frame,
        source,
      },
    }
  }

  /**
   * Runs a command. Returns its result, and the resulting messages to the device's feeds.
   * @param {string} id @param {Command} command
   * @returns {{ result: CommandResult, messages: (FeedMessage | undefined)[] }}
   */
  command(id, command) {
    const device = this.find(id)
    if (device === undefined) return refused(`${id}: ENODEV, no such device`)
    const { row, params } = device
    /** @param {(FeedMessage | undefined)[]} messages */
    const done = (...messages) => ({ result: /** @type {const} */ ({ ok: true }), messages })
    const event = (/** @type {any} */ name, rest = {}) =>
      /** @type {FeedMessage} */ ({
        type: 'event',
        id,
        time: this.time,
        event: { ifindex: 2, name: row.name, event: name, ...rest },
      })
    switch (command.do) {
      case 'cut':
      case 'plug':
        row.isCut = command.do === 'cut'
        row.carrier = !row.isCut
        return done(event(row.isCut ? 'cut' : 'plugged'), this.hello(true))
      case 'carrier':
        row.carrier = command.on
        return done(event(command.on ? 'carrier-on' : 'carrier-off'), this.hello(true))
      case 'reset':
        device.counters = counters()
        return done(this.stats())
      case 'param': {
        const param = params.find(({ name }) => name === command.name)
        if (param === undefined) return refused(`${row.label}: no parameter ${command.name}`)
        if (!/^[\w=, ]*$/.test(command.value)) {
          return refused(`${command.name}: ${command.value} is not a number`)
        }
        param.value = command.value
        return done(this.params(id))
      }
      case 'trigger':
        if (!row.faults?.includes(command.fault)) {
          return refused(`${row.label}: no fault ${command.fault}`)
        }
        return done(event('timeout', { queue: command.queue ?? 0 }))
      case 'wire':
      case 'check-wire': {
        const wrong = wrongWord(command.text ?? '')
        if (wrong !== undefined) return refused(wrong)
        if (command.do === 'check-wire') return done()
        for (const way of /** @type {const} */ (['ab', 'ba'])) {
          if ((command.direction ?? way) === way) {
            device.text[way] = command.text ?? ''
          }
        }
        return done(
          event('wire', { direction: command.direction ?? 'ab', text: command.text ?? '' }),
          this.wire(id),
        )
      }
      case 'filter':
        try {
          const { program } = compileNumericFilter(command.text)
          return { result: { ok: true, program: program.instructions }, messages: [] }
        } catch (error) {
          return refused(/** @type {Error} */ (error).message)
        }
      case 'step':
        if (command.mode === 'next') {
          device.step.at = (device.step.at + 1) % 5
        } else {
          device.step = { mode: command.mode, at: 0 }
        }
        return done(this.step(id))
    }
  }
}

/** The three lines that the wire's parser reports, or undefined if the spec is right. */
function wrongWord(/** @type {string} */ words) {
  const kinds = 'delay loss rate duplicate corrupt reorder preset blackhole mtu limit burst match'
  const at = words.search(/\S+/)
  const word = words.match(/\S+/)?.[0]
  if (word === undefined || kinds.split(' ').includes(word)) return undefined
  return `unknown stage ${word}: expected ${kinds}\n  ${words}\n  ${' '.repeat(at)}${'^'.repeat(word.length)}`
}

/**
 * The label of the other device of a pair.
 * @param {readonly FakeDevice[]} devices @param {number} i
 */
const peerAt = (devices, i) =>
  devices.length === 2 && ['snull', 'cable'].includes(devices[0].driver)
    ? devices[1 - i].row.label
    : undefined

/** @param {string} message @returns {{ result: CommandResult, messages: [] }} */
const refused = message => ({ result: { ok: false, message }, messages: [] })

/** @param {Record<string, number>} counts */
function add(counts, /** @type {string} */ name, /** @type {number} */ value) {
  counts[name] = (counts[name] ?? 0) + value
}

const mac = (/** @type {number} */ i) =>
  `02:4c:4e:${[i >> 16, i >> 8, i].map(n => (n & 255).toString(16).padStart(2, '0')).join(':')}`

/** @returns {import('./fake-types.ts').Counters} */
const counters = () => ({
  txPackets: 0,
  txBytes: 0,
  rxPackets: 0,
  rxBytes: 0,
  held: 0,
  drops: { tx: {}, rx: {} },
})

/**
 * @param {number} pid @param {string} driver @param {string} name @param {string | undefined} netns
 * @param {import('./fake-types.ts').DeviceOptions} [options]
 * @returns {FakeDevice}
 */
function device(
  pid,
  driver,
  name,
  netns,
  { rate = 0, hasBoard = false, queues = 1, text = { ab: '', ba: '' } } = {},
) {
  const [id, label] = [
    `${pid}/${netns ?? ''}/${name}`,
    netns === undefined ? name : `${netns}/${name}`,
  ]
  const row = {
    id,
    label,
    name,
    driver,
    mac: '00:53:4e:55:4c:30',
    mtu: 1500,
    isUp: true,
    carrier: true,
    isCut: false,
    txQueues: queues,
    rxQueues: queues,
    faults: driver === 'snull' ? ['lockup', 'lost-interrupt', 'stuck', 'flap'] : ['flap'],
    faultTexts: undefined,
    peer: undefined,
    flips: driver === 'snull',
    onSegment: driver === 'lan',
  }
  const params = paramsOf(driver)
  return {
    row,
    pid,
    driver,
    rate,
    hasBoard,
    text: { ...text },
    params,
    counters: counters(),
    step: { mode: 'off', at: 0 },
  }
}

/**
 * A lab: hosts with a cable each to one router, and a segment of the first two.
 * @param {number} hosts
 */
function labDevices(hosts) {
  /** @param {string} host @param {string} name @param {string} [peer] */
  const end = (host, name, peer) => {
    const made = device(4716, 'lab', name, `${LAB}:${host}`, { rate: 40 })
    const lab = {
      name: LAB,
      host,
      isRouter: host === 'hub',
      segment: peer === undefined ? 'wifi' : undefined,
    }
    return { ...made, row: { ...made.row, peer: peer && `${LAB}:${peer}/${host}`, lab } }
  }
  const cables = Array.from({ length: hosts }, (_, i) => [
    end(`host${i}`, 'hub', 'hub'),
    end('hub', `host${i}`, `host${i}`),
  ])
  return hosts === 0 ? [] : [...cables.flat(), end('host0', 'lan'), end('host1', 'lan')]
}

/** @param {string} driver @returns {FakeDevice['params']} */
function paramsOf(driver) {
  if (driver !== 'snull') {
    return [{ driver, name: 'seed', value: '7', type: 'int', description: 'seed', live: false }]
  }
  return [
    {
      driver,
      name: 'useNapi',
      value: '1',
      type: 'bool',
      description: 'poll (NAPI) instead of an interrupt for each batch',
      live: false,
    },
    {
      driver,
      name: 'ringSize',
      value: '256',
      type: 'int',
      description: 'frames the receive ring holds',
      range: '1 to 65536',
      live: false,
    },
    {
      driver,
      name: 'lockup',
      value: '0',
      type: 'int',
      description:
        'lose the interrupt of every Nth transmit completion: the queue stops until the timeout',
      live: true,
    },
    {
      driver,
      name: 'stuck',
      value: '0',
      type: 'int',
      description: 'keep every Nth frame in the transmitter, its queue stopped, until the timeout',
      live: true,
    },
    {
      driver,
      name: 'lowmem',
      value: '0',
      type: 'int',
      description: 'fail the buffer allocation of every Nth received frame',
      live: true,
    },
    {
      driver,
      name: 'drop',
      value: 'none',
      type: 'string',
      description: 'drop every Nth frame for a reason: RX_CRC=10',
      live: true,
    },
  ]
}
