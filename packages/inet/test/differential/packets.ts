/**
 * Random packets for a host, in the notation of conform's cases: a usual packet of some kind, and
 * up to three changes of it. All that a packet does not say is filled in, so a shorter text is a
 * simpler packet.
 */
import { type Random, random } from '#src/base/random.ts'
import { LAYER_KINDS } from '../../../conform/src/layer-kinds.ts'

/** A layer with its items: `{ name: 'ip', items: ['ttl 1'] }`. */
export interface Part {
  readonly name: string
  readonly items: readonly string[]
}
export type Packet = readonly Part[]

export const textOf = (packet: Packet): string =>
  packet.map(({ name, items }) => [name, items.join(', ')].join(' ').trim()).join(' / ')

/** The port at which a socket and a listener wait, another one, and the group of the socket. */
export const OPEN_PORT = 7
const CLOSED_PORT = 1
export const GROUPS = ['239.1.2.3', 'ff02::1234'] as const

const MACS = [
  ...[
    'host',
    'peer',
    'other',
    'broadcast',
    'group',
    'zero',
    '01:00:5e:00:00:01',
    '33:33:00:00:00:01',
  ],
  ...['01:80:c2:00:00:00', '33:33:ff:00:00:01', '01:00:5e:01:02:03'],
]
const ADDRESSES = {
  4: [
    ...[
      'host',
      'peer',
      'other',
      'zero',
      'broadcast',
      'loopback',
      'group',
      '198.18.0.255',
      '198.18.0.0',
    ],
    ...[
      '198.18.0.77',
      '192.0.2.9',
      '224.0.0.2',
      '224.0.0.251',
      '239.1.2.3',
      '239.9.9.9',
      '240.0.0.1',
    ],
    ...[
      '255.255.255.254',
      '127.255.255.255',
      '127.0.0.0',
      '0.0.0.1',
      '0.1.2.3',
      '169.254.1.1',
      '198.19.255.255',
    ],
  ],
  6: [
    ...[
      'host',
      'peer',
      'other',
      'zero',
      'loopback',
      'group',
      'solicited',
      'fe80::ff:fe00:1',
      'fe80::ff:fe00:2',
    ],
    ...[
      'fe80::77',
      'ff02::2',
      'ff02::fb',
      'ff02::1234',
      'ff01::1',
      'ff00::1',
      'ff05::2',
      'ff0e::1',
      'ff12::1',
    ],
    ...[
      'ff02::1:ff00:2',
      '2001:db8::77',
      '2001:db8:9::1',
      '2001:db8::',
      '::ffff:198.18.0.2',
      '::ffff:198.18.0.1',
    ],
    ...['::198.18.0.2', 'fec0::1', 'fc00::1', '::2', 'fe80::'],
  ],
} as const

/** Fields that hold an address. */
const ADDRESS_FIELDS = /^(from|to|sha|tha|spa|tpa|target|mac)$/

export class PacketSource {
  readonly #random: Random
  /** A number for identifiers and ports, so that no case meets the packets of another. */
  readonly #nth: number

  constructor(seed: number, nth: number) {
    this.#random = random(seed * 0x9e37 + nth * 0x1_003f + 1)
    this.#nth = nth
  }

  /** Returns the packets of a case. */
  draw(): Packet[] {
    const packets = this.#usual()
    const changes = this.#pick([0, 1, 1, 1, 1, 2, 2, 3])
    for (let i = 0; i < changes; i++) {
      const at = this.#random.below(packets.length)
      packets[at] = this.#changed(packets[at] as Packet)
    }
    if (packets.length > 1 && this.#chance(8)) {
      packets.push(packets[this.#random.below(packets.length)] as Packet)
    }
    return packets
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random.below(from.length)] as T
  }

  #chance(n: number): boolean {
    return this.#random.below(n) === 0
  }

  #hex(length: number): string {
    return Array.from({ length }, () => this.#random.below(256).toString(16).padStart(2, '0')).join(
      '',
    )
  }

  #number(size: number): number {
    const max = 2 ** (8 * size)
    const near = this.#pick([
      0, 1, 2, 4, 5, 6, 8, 20, 40, 64, 255, 256, 576, 1280, 1500, 0x2000, 0x4000, 0x8000,
    ])
    if (this.#chance(3)) return near % max
    return this.#chance(4) ? max - 1 - this.#random.below(3) : this.#random.below(max)
  }

  #usual(): Packet[] {
    const family = this.#pick([4, 4, 6] as const)
    switch (this.#random.below(12)) {
      case 0:
        return [this.#arp()]
      case 1:
        return [this.#discovery()]
      case 2:
      case 3:
        return this.#fragments(family)
      case 4:
        return [this.#frame()]
      default: {
        const packet = [...this.#ip(family), ...this.#upper(family)]
        return packet.some(
          ({ name, items }) => name.startsWith('icmp') && /^type [23]$/.test(items[0] ?? ''),
        )
          ? [packet, this.#ping(family)]
          : [packet]
      }
    }
  }

  /** A ping after an ICMP error: its reply is in pieces if the MTU of the path is smaller. */
  #ping(family: 4 | 6): Packet {
    const name = family === 4 ? '' : '6'
    return [
      { name: family === 4 ? 'ip' : 'ip6', items: [] },
      { name: `icmp${name}`, items: ['echo'] },
      { name: 'data', items: ['1400'] },
    ]
  }

  #arp(): Packet {
    const op = this.#pick(['request', 'request', 'request', 'reply', `op ${this.#number(2)}`])
    const to = this.#pick(['to broadcast', 'to host'])
    const sender = this.#pick([
      [],
      [],
      ['spa zero'],
      ['spa host'],
      [`spa ${this.#pick(ADDRESSES[4])}`],
    ])
    const target = this.#pick([[], [], [], [`tpa ${this.#pick(ADDRESSES[4])}`]])
    return [
      { name: 'ether', items: [to] },
      { name: 'arp', items: [op, ...sender, ...target] },
      ...(this.#chance(4) ? [{ name: 'pad', items: ['18'] }] : []),
    ]
  }

  #discovery(): Packet {
    const isSolicitation = !this.#chance(3)
    const to = this.#pick(['to solicited', 'to host', 'to group', `to ${this.#pick(ADDRESSES[6])}`])
    const from = this.#pick([
      [],
      [],
      [],
      ['from zero'],
      ['from fe80::ff:fe00:2'],
      [`from ${this.#pick(ADDRESSES[6])}`],
    ])
    const target = this.#pick([
      'target host',
      'target host',
      'target fe80::ff:fe00:1',
      'target peer',
      'target other',
    ])
    const flags = this.#pick([[], [`flags ${this.#pick([0x20, 0x40, 0x60, 0x80, 0xe0])}`]])
    const option = { name: 'lladdr', items: [`type ${isSolicitation ? 1 : 2}`] }
    return [
      { name: 'ether', items: [to.startsWith('to s') || to.startsWith('to g') ? to : 'to host'] },
      { name: 'ip6', items: ['hops 255', to, ...from] },
      { name: 'nd', items: [isSolicitation ? 'ns' : 'na', target, ...flags] },
      ...(this.#chance(4) ? [] : [option]),
    ]
  }

  /** A frame of another kind: of a length instead of a type, or of a type without a protocol. */
  #frame(): Packet {
    const type = this.#pick([
      0x26, 0x5dc, 0x600, 0x806, 0x800, 0x86dd, 0x88cc, 0x88a8, 0x8863, 0x9000, 0x8035, 0xffff,
    ])
    return [
      { name: 'ether', items: [`type ${type}`, `to ${this.#pick(MACS)}`] },
      {
        name: 'hex',
        items: [this.#pick(['45', '60', 'aa', '42', '00']) + this.#hex(this.#random.below(60))],
      },
    ]
  }

  #ip(family: 4 | 6): Packet {
    if (family === 4) return [{ name: 'ip', items: [`id ${this.#nth & 0xffff}`] }]
    const extensions = this.#chance(3)
      ? Array.from({ length: this.#pick([1, 1, 2, 3]) }, () => this.#extension())
      : []
    return [{ name: 'ip6', items: [] }, ...extensions]
  }

  #extension(): Part {
    const name = this.#pick(['hop', 'dest', 'dest', 'route', 'frag'])
    if (name === 'frag') {
      return {
        name,
        items: [
          `id ${this.#nth}`,
          ...(this.#chance(4) ? [`offset ${this.#pick([1, 2, 4, 8, 6])}`] : []),
        ],
      }
    }
    if (name === 'route') {
      const [type, left] = [this.#pick([0, 2, 3, 4, 5, 253]), this.#pick([0, 0, 1, 2])]
      const head = [type, left].map(byte => byte.toString(16).padStart(2, '0')).join('')
      return {
        name,
        items: [
          head +
            this.#pick(['00000000', `00000000${'20010db8000000000000000000000001'}`, this.#hex(4)]),
        ],
      }
    }
    return { name, items: [this.#options6()] }
  }

  /** Options of IPv6, known and unknown, padded to a multiple of 8 in all with two bytes before. */
  #options6(): string {
    let hex = ''
    for (let n = this.#random.below(3); n >= 0; n--) {
      const type = this.#pick([
        0,
        1,
        5,
        0x04,
        0xc2,
        0xc9,
        0x1e,
        0x3e,
        0x5e,
        0x9e,
        0xde,
        0x63,
        0x7,
        0x31,
        this.#random.below(256),
      ])
      const length = this.#pick([0, 1, 2, 4, 6])
      const body =
        type === 0
          ? ''
          : length.toString(16).padStart(2, '0') + (type === 5 ? '0000' : this.#hex(length))
      hex += type.toString(16).padStart(2, '0') + body
    }
    const short = (8 - ((hex.length / 2 + 2) % 8)) % 8
    if (short === 1) return `${hex}00`
    return short === 0
      ? hex
      : `${hex}01${(short - 2).toString(16).padStart(2, '0')}${'00'.repeat(short - 2)}`
  }

  /** Options of IPv4: known ones, unknown ones and wrong ones, padded to a multiple of 4. */
  #options4(): string {
    const byte = (value: number) => value.toString(16).padStart(2, '0')
    let hex = ''
    for (let n = this.#random.below(2); n >= 0; n--) {
      const [type, length] = this.#pick([
        ...[
          [0, 1],
          [1, 1],
          [7, 3],
          [7, 7],
          [7, 11],
          [68, 4],
          [68, 8],
          [68, 12],
          [131, 3],
          [131, 7],
          [137, 7],
        ],
        ...[
          [148, 4],
          [134, 8],
          [130, 11],
          [136, 4],
          [94, 8],
          [7, 2],
          [68, 3],
          [148, 3],
          [131, 2],
          [30, 4],
          [222, 4],
        ],
        ...[[this.#random.below(256), this.#random.below(12)]],
      ] as [number, number][])
      if (type < 2) {
        hex += byte(type)
      } else {
        const body =
          byte(this.#pick([4, 4, 4, 5, 8, 9, 0, length + 1])) +
          this.#pick(['00', '01', '03', '10', 'f0'])
        const rest = this.#pick([
          body + 'c6120001'.repeat(3),
          body + '00'.repeat(12),
          `0000${this.#hex(12)}`,
          this.#hex(14),
        ])
        hex += byte(type) + byte(length) + rest.slice(0, Math.max(0, 2 * length - 4))
      }
    }
    return hex.slice(0, 80) + '00'.repeat((4 - ((Math.min(hex.length, 80) / 2) % 4)) % 4)
  }

  #upper(family: 4 | 6): Packet {
    const data = { name: 'data', items: [String(this.#pick([0, 1, 7, 8, 9, 56, 57, 600, 1300]))] }
    switch (this.#random.below(7)) {
      case 0:
      case 1:
        return [
          { name: 'udp', items: [this.#ports(), ...(this.#chance(12) ? ['sum 0'] : [])] },
          data,
        ]
      case 2:
        return [this.#tcp(), ...(this.#chance(2) ? [] : [data])]
      case 3:
        return this.#error(family)
      case 4: {
        const type =
          family === 4
            ? [13, 17, 15, 9, 10, 30, 0, 5, 3, 11, 12, 4]
            : [130, 133, 137, 139, 144, 129, 127, 1, 2, 3, 4, 100, 200, 255]
        const rest = this.#pick([[data], [{ name: 'hex', items: [this.#hex(12)] }]])
        return [
          {
            name: `icmp${family === 4 ? '' : '6'}`,
            items: [`type ${this.#pick(type)}`, `id ${this.#nth & 0xffff}`],
          },
          ...rest,
        ]
      }
      case 5:
        return [{ name: 'hex', items: [this.#hex(this.#random.below(40) + 1)] }]
      default:
        return [
          {
            name: `icmp${family === 4 ? '' : '6'}`,
            items: ['echo', `id ${this.#nth & 0xffff}`, 'seq 1'],
          },
          data,
        ]
    }
  }

  #ports(): string {
    return `from ${1024 + (this.#nth % 60_000)}, to ${this.#chance(2) ? OPEN_PORT : CLOSED_PORT}`
  }

  #tcp(): Part {
    const flags = this.#pick([
      2,
      2,
      2,
      16,
      4,
      20,
      18,
      1,
      17,
      0,
      41,
      3,
      6,
      24,
      0x22,
      0xc2,
      63,
      this.#random.below(256),
    ])
    const ack = this.#chance(3) ? [`ack ${this.#number(4)}`] : []
    const options = this.#chance(3) ? [`options ${this.#options()}`] : []
    return {
      name: 'tcp',
      items: [this.#ports(), `flags ${flags}`, `seq ${this.#number(4)}`, ...ack, ...options],
    }
  }

  /** Options of TCP, also wrong ones, padded to a multiple of 4. */
  #options(): string {
    const all = [
      '020405b4',
      '02040000',
      '0204ffff',
      '020300',
      '0402',
      '080a0000000100000000',
      '080a00000001',
      '030307',
      '03030f',
      '0303ff',
    ]
    all.push(
      '01',
      '00',
      '1e04abcd',
      `1312${'00'.repeat(16)}`,
      '2202',
      '220a0102030405060708',
      '0300',
      '0301',
      'ff',
    )
    let hex = ''
    for (let n = this.#random.below(4); n >= 0; n--) {
      hex += this.#pick([...all, this.#hex(this.#random.below(5))])
    }
    return (hex + '01'.repeat((4 - ((hex.length / 2) % 4)) % 4)).slice(0, 80)
  }

  /** An ICMP error about a packet of the host. */
  #error(family: 4 | 6): Packet {
    const kind =
      family === 4
        ? [
            [3, 0, 1, 2, 3, 4, 5, 9, 13],
            [11, 0, 1],
            [12, 0, 1],
            [4, 0],
            [5, 0, 1],
          ]
        : [
            [1, 0, 1, 3, 4, 5],
            [2, 0],
            [3, 0, 1],
            [4, 0, 1, 2],
          ]
    const [type, ...codes] = this.#pick(kind)
    const mtu = this.#chance(2)
      ? [`mtu ${this.#pick([0, 68, 576, 1280, 1279, 1300, 1500, 9000])}`]
      : []
    const quoted = this.#pick([
      ['udp', `from ${OPEN_PORT}, to ${1024 + this.#random.below(100)}`],
      ['tcp', `from ${OPEN_PORT}, to ${1024 + this.#random.below(100)}, flags 18`],
      [family === 4 ? 'icmp' : 'icmp6', 'reply'],
      [family === 4 ? 'icmp' : 'icmp6', 'echo'],
    ]) as [string, string]
    const name = family === 4 ? ['icmp', 'ip'] : ['icmp6', 'ip6']
    return [
      { name: name[0] as string, items: [`type ${type}`, `code ${this.#pick(codes)}`, ...mtu] },
      { name: name[1] as string, items: ['from host', 'to peer'] },
      { name: quoted[0], items: [quoted[1]] },
      { name: 'data', items: [String(this.#pick([0, 8, 64, 600]))] },
    ]
  }

  /** A packet in pieces, in some order; they may overlap, and some may be missing. */
  #fragments(family: 4 | 6): Packet[] {
    const length = this.#pick([24, 64, 200, 1480, 3000, 8000])
    const upper = this.#upper(family)
    const whole = length + (upper[0]?.name === 'tcp' ? 20 : 8)
    const cuts = Array.from(
      { length: this.#pick([1, 1, 2, 3]) },
      () => this.#random.below(whole / 8) * 8,
    )
    const edges = [...new Set([0, ...cuts, whole])].sort((a, b) => a - b)
    const head = upper.filter(({ name }) => name !== 'data' && name !== 'hex')
    const body = [...head, { name: 'data', items: [String(length)] }]
    const packets: Packet[] = edges.slice(1).map((edge, i): Packet => {
      const [from, to] = [edges[i] as number, edge]
      const overlap = this.#chance(12) ? this.#pick([-8, 8, 16, -16]) : 0
      const items = [
        `id ${this.#nth & 0xffff}`,
        `piece ${Math.max(0, from + overlap)}..${to}`,
        ...(to < whole ? ['more'] : []),
      ]
      if (family === 4) return [{ name: 'ip', items }, ...body]
      const before = this.#chance(10) ? [this.#extension()] : []
      return [{ name: 'ip6', items: [] }, ...before, { name: 'frag', items }, ...body]
    })
    for (let i = packets.length - 1; i > 0 && this.#chance(2); i--) {
      const other = this.#random.below(i + 1)
      ;[packets[i], packets[other]] = [packets[other] as Packet, packets[i] as Packet]
    }
    if (this.#chance(12)) {
      packets.splice(this.#random.below(packets.length), 1)
    }
    return packets.length === 0 ? this.#usual() : packets
  }

  #changed(packet: Packet): Packet {
    const parts = [...packet]
    switch (this.#random.below(10)) {
      case 0:
        return parts.at(-1)?.name === 'pad'
          ? parts
          : [...parts, { name: 'pad', items: [String(1 + this.#random.below(46))] }]
      case 1:
        return this.#tagged(parts)
      case 2: {
        const ip = parts.findIndex(
          ({ name, items }) => name === 'ip' && !items.some(item => item.startsWith('options')),
        )
        if (ip >= 0) return replaced(parts, ip, `options ${this.#options4()}`)
        break
      }
      case 3: {
        const ip = parts.findIndex(({ name }) => name === 'ip6')
        if (ip >= 0) return parts.toSpliced(ip + 1, 0, this.#extension())
      }
    }
    return this.#withField(parts)
  }

  #tagged(parts: readonly Part[]): Packet {
    const tag = {
      name: 'vlan',
      items: [`tci ${this.#pick([0, 0, 0xe000, 0x1000, 7, 0xfff, 0x6001])}`],
    }
    const isEther = parts[0]?.name === 'ether'
    return [
      {
        name: 'ether',
        items: isEther ? (parts[0] as Part).items.filter(item => !item.startsWith('type')) : [],
      },
      tag,
      ...parts.slice(isEther ? 1 : 0),
    ]
  }

  /** Gives a field of a layer some value. */
  #withField(parts: readonly Part[]): Packet {
    const all: Packet =
      parts[0]?.name === 'ether' ? parts : [{ name: 'ether', items: [] }, ...parts]
    const at = this.#random.below(all.length)
    const { name } = all[at] as Part
    const fields = LAYER_KINDS.get(name)?.fields
    if (fields === undefined || ['hop', 'dest', 'route'].includes(name)) return parts
    const key = this.#pick(Object.keys(fields))
    return replaced(all, at, `${key} ${this.#value(key, name, fields[key]?.[1] as number)}`)
  }

  #value(key: string, name: string, size: number): string | number {
    if (key === 'sum' && this.#chance(2)) return 'bad'
    if (size >= 4 && ADDRESS_FIELDS.test(key)) {
      if (size === 6) return this.#pick(MACS)
      return this.#pick(ADDRESSES[size === 4 ? 4 : 6])
    }
    if (key === 'len' && this.#chance(2)) {
      return this.#pick([0, 1, 7, 8, 19, 20, 28, 29, 36, 40, 48, 56, 84, 1500])
    }
    if (key === 'start') {
      return name === 'ip'
        ? this.#pick([0x44, 0x46, 0x4f, 0x40, 0x55, 0x65, 0x05])
        : this.#pick([0x40, 0x50, 0x6f, 0x70, 0])
    }
    if (key === 'offset' && name === 'ip') {
      return this.#pick([0x8000, 0x4000, 0x2000, 1, 0x2001, 0x1fff, 0x3fff, 0xe000, 0x4001, 0xffff])
    }
    if (key === 'proto' || key === 'next') {
      return this.#pick([
        0, 1, 2, 4, 6, 17, 41, 43, 44, 47, 50, 51, 58, 59, 60, 89, 103, 132, 135, 136, 253, 255,
      ])
    }
    return this.#number(size)
  }
}

function replaced(parts: readonly Part[], at: number, item: string): Packet {
  const { name, items } = parts[at] as Part
  const [key] = item.split(' ')
  return parts.with(at, {
    name,
    items: [...items.filter(each => each.split(' ')[0] !== key), item],
  })
}
