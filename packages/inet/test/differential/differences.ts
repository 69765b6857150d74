/** Sends packets of a case to two hosts, and finds the simplest ones about which they differ. */
import { ETH_HLEN, ETH_P_IP, etherType } from '#src/packet/ethernet.ts'
import * as ipv4 from '#src/packet/ipv4.ts'
import * as ipv6 from '#src/packet/ipv6.ts'
import { put16, put32, swap } from '#src/packet/octets.ts'
import * as tcp from '#src/packet/tcp.ts'
import { completeChecksum } from '#src/packet/upper-header.ts'
import { segmentOf } from '../../../conform/src/frames.ts'
import { build, type Context, parseLayers } from '../../../conform/src/layers.ts'
import { EXCEPTIONS } from './exceptions.ts'
import { type Done, KernelHost, MemoryHost, STATIONS, type TestedHost } from './hosts.ts'
import { type Packet, PacketSource, textOf } from './packets.ts'
import { describe } from './replies.ts'

/** Packets for one pair of hosts: what they remember of them, such as fragments, is limited. */
const CHUNK = 1000
/** The shortest frame that the kernel takes. */
const LEAST = ETH_HLEN

export interface Difference {
  /** The packets until the one about which the hosts differ. */
  readonly packets: readonly Packet[]
  readonly linux: readonly string[]
  readonly memory: readonly string[]
}

/** The hosts that get the same packets. */
export class Pair {
  readonly #linux: TestedHost = new KernelHost()
  readonly #memory: TestedHost = new MemoryHost()

  /** Returns the replies of both hosts to a packet. */
  replies(text: string): { linux: string[]; memory: string[] } {
    const frame = build(
      { stations: STATIONS, port: 40_000, sent: new Uint8Array(0) },
      parseLayers(text),
    )
    return { linux: shown(this.#linux.receive(frame)), memory: shown(this.#memory.receive(frame)) }
  }

  /** Returns the first difference that no row explains. */
  run(packets: readonly Packet[]): Difference | undefined {
    const context: Context = { stations: STATIONS, port: 40_000, sent: new Uint8Array(0) }
    const done: [Done[], Done[]] = [[], []]
    try {
      for (const [i, packet] of packets.entries()) {
        const text = textOf(packet)
        const frame = build(context, parseLayers(text))
        if (frame.length < LEAST) continue
        const linux = this.#linux.receive(frame)
        const memory = this.#memory.receive(frame)
        done[0].push(linux)
        done[1].push(memory)
        const [ours, theirs] = [shown(memory), shown(linux)]
        if (ours.join('\n') === theirs.join('\n')) continue
        const sent = packets
          .slice(0, i + 1)
          .map(textOf)
          .join('; ')
        if (!EXCEPTIONS.some(each => each.explains(sent, theirs, ours))) {
          return { packets: packets.slice(0, i + 1), linux: theirs, memory: ours }
        }
      }
      return undefined
    } finally {
      for (const each of done[0]) {
        end(this.#linux, each)
      }
      for (const each of done[1]) {
        end(this.#memory, each)
      }
    }
  }

  close(): void {
    this.#linux.close()
    this.#memory.close()
  }
}

const shown = ({ frames, delivered }: Done): string[] => [...frames.map(describe), ...delivered]

/** Resets the connections that a host has replied to, so that it does not repeat the reply. */
function end(host: TestedHost, { frames }: Done): void {
  for (const frame of frames) {
    const segment = segmentOf(frame)
    if (segment === undefined || !segment.isSyn) continue
    const reset = frame.slice(0, segment.at)
    const at =
      ETH_HLEN +
      (etherType(frame, 0) === ETH_P_IP ? ipv4.headerLength(frame, ETH_HLEN) : ipv6.IPV6_HLEN)
    swap(reset, 0, 6)
    if (etherType(frame, 0) === ETH_P_IP) {
      ipv4.swapAddresses(reset, ETH_HLEN)
      ipv4.setTotalLength(reset, ETH_HLEN, reset.length - ETH_HLEN)
      ipv4.fillHeaderChecksum(reset, ETH_HLEN)
    } else {
      ipv6.swapAddresses(reset, ETH_HLEN)
    }
    swap(reset, at, 2)
    put32(reset, at + 4, segment.acknowledgment)
    reset[at + 13] = tcp.TCP_RST
    put16(reset, at + 16, 0)
    completeChecksum(reset, 0, reset.length)
    host.receive(reset)
  }
}

/** Returns the differences of the cases of a seed. */
export function* differences(
  seed: number,
  count: number,
): Generator<{ nth: number; difference: Difference }> {
  for (let start = 0; start < count; start += CHUNK) {
    const pair = new Pair()
    try {
      for (let nth = start; nth < Math.min(start + CHUNK, count); nth++) {
        const found = pair.run(new PacketSource(seed, nth).draw())
        if (found !== undefined) {
          yield { nth, difference: found }
        }
      }
    } finally {
      pair.close()
    }
  }
}

/** The kinds of the replies in which the hosts differ: a simpler case has the same ones. */
function kindOf({ linux, memory }: Difference): string {
  const isEqual = linux.length === memory.length
  const kinds = (replies: readonly string[], others: readonly string[]) =>
    replies.map((reply, i) => {
      const [kind] = /\b(arp|tcp [a-z+]+|icmp type \d+, code \d+|piece|protocol|receives)/.exec(
        reply,
      ) ?? ['']
      const other = others[i]?.split(', ') ?? []
      const items = isEqual ? reply.split(', ').filter((item, j) => item !== other[j]) : []
      return `${kind} ${items.map(item => item.replaceAll(/[\d:.]+|\b[\da-f]+\b/g, '#')).join()}`
    })
  return [...kinds(linux, memory), '|', ...kinds(memory, linux)].join('\n')
}

/** Finds the simplest forms of differences, on a pair of hosts of its own. */
export class Shrinker {
  #pair = new Pair()
  #tries = 0

  /** Removes packets, layers and items as long as the hosts differ alike. */
  shrink(difference: Difference): Difference {
    const first = this.#run(difference.packets)
    if (first === undefined) return difference
    let best: Difference = first
    const kind = kindOf(best)
    for (;;) {
      const found: Difference | undefined = firstOf(simpler(best.packets), packets => {
        const next = this.#run(packets)
        return next !== undefined && kindOf(next) === kind ? next : undefined
      })
      if (found === undefined) return best
      best = found
    }
  }

  /**
   * The hosts may remember the fragments of earlier tries, so each has identifiers of its own, and
   * MTUs of paths, so the next try has its own hosts.
   */
  #run(packets: readonly Packet[]): Difference | undefined {
    const n = ++this.#tries
    const renumbered = packets.map(packet =>
      packet.map(({ name, items }) => {
        if (name !== 'ip' && name !== 'frag') return { name, items }
        const others = items.filter(item => !item.startsWith('id '))
        return { name, items: [`id ${(0x5000 + n) & 0xffff}`, ...others] }
      }),
    )
    const found = this.#pair.run(renumbered)
    if (packets.some(packet => /icmp6? type [23]\b/.test(textOf(packet)))) {
      this.#pair.close()
      this.#pair = new Pair()
    }
    return found && { ...found, packets: packets.slice(0, found.packets.length) }
  }

  close(): void {
    this.#pair.close()
  }
}

function firstOf<T, R>(all: Iterable<T>, fn: (each: T) => R | undefined): R | undefined {
  for (const each of all) {
    const result = fn(each)
    if (result !== undefined) return result
  }
  return undefined
}

function* simpler(packets: readonly Packet[]): Generator<Packet[]> {
  for (let i = 0; i < packets.length && packets.length > 1; i++) {
    yield packets.toSpliced(i, 1)
  }
  for (const [i, packet] of packets.entries()) {
    for (const each of simplerPackets(packet)) {
      yield packets.with(i, each)
    }
  }
}

function* simplerPackets(packet: Packet): Generator<Packet> {
  for (const [i, part] of packet.entries()) {
    if (packet.length > 1) {
      yield packet.toSpliced(i, 1)
    }
    for (const j of part.items.keys()) {
      if (['data', 'pad', 'hex', 'hop', 'dest', 'route'].includes(part.name)) break
      yield packet.with(i, { name: part.name, items: part.items.toSpliced(j, 1) })
    }
  }
}

/** Returns a difference as text, with frames in hexadecimal. */
export function report({ packets, linux, memory }: Difference): string {
  const context: Context = { stations: STATIONS, port: 40_000, sent: new Uint8Array(0) }
  const lines = packets.flatMap(packet => {
    const text = textOf(packet)
    return [
      `    send ${text}`,
      `        ${Buffer.from(build(context, parseLayers(text))).toString('hex')}`,
    ]
  })
  const list = (name: string, replies: readonly string[]) =>
    (replies.length === 0 ? ['nothing'] : replies).map(reply => `    ${name}: ${reply}`)
  return [...lines, ...list('linux', linux), ...list('memory', memory)].join('\n')
}
