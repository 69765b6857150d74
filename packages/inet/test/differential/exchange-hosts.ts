/** Runs the lines of an exchange on a host in memory or in the kernel, and notes its segments. */

import type { Sent } from '@vnet/conform'
import { errorFrame, isForPeer, segmentOf, tcpFrame } from '../../../conform/src/frames.ts'
import { pattern } from '../../../conform/src/layers.ts'
import { parseCases, type Step } from '../../../conform/src/notation.ts'
import { Peer } from '../../../conform/src/peer.ts'
import { KernelHost } from '../tcp-conformance/kernel-host.ts'
import { KernelWorld } from '../tcp-conformance/kernel-world.ts'
import { MemoryWorld } from '../tcp-conformance/memory-world.ts'
import type { TestListener, TestSocket } from '../tcp-conformance/sockets.ts'
import { EXCHANGE_EXCEPTIONS } from './exceptions.ts'
import { describe } from './replies.ts'

type World = (KernelWorld | MemoryWorld) & { sentNow(): Sent[] }

/** Timers of the kernel may have run in an exchange that took longer, in nanoseconds. */
const HELD_UP = 15e6
const ATTEMPTS = 10
const READ = 65_536

/** The results of each line: segments of the host, and of calls. */
export type Results = readonly (readonly string[])[]

const steps = (lines: readonly string[]): readonly Step[] =>
  parseCases(`case exchange: an exchange\n may RFC 9293, 3\n${lines.join('\n')}\n`).flatMap(
    each => each.steps,
  )

class Exchange {
  readonly #world: World
  readonly #peer: Peer
  #socket: TestSocket | undefined
  #listener: TestListener | undefined
  #written = 1
  /** Whether a read has returned the end, or an error. */
  #hasEnded = false

  constructor(world: World, port: number) {
    this.#world = world
    this.#peer = new Peer(world.port + 1, port, () => world.now())
  }

  static async run(world: World, lines: readonly string[]): Promise<Results> {
    const listener = lines.includes('listen') ? world.sockets.listen(16) : undefined
    const exchange = new Exchange(world, listener?.port ?? 1)
    exchange.#listener = listener
    const results: string[][] = []
    for (const step of steps(lines.filter(line => line !== 'listen'))) {
      const called = await exchange.#step(step)
      const frames = world.sentNow().filter(({ frame }) => isForPeer(world, frame))
      results.push([...called, ...frames.map(({ frame }) => exchange.#describe(frame))])
    }
    results.push(
      exchange.#socket === undefined
        ? []
        : [exchange.#socket.state().replace(/CLOSED|TIME-WAIT/, 'UNCONN')],
    )
    for (const segment of exchange.#peer.abort()) {
      exchange.#inject(segment)
    }
    return results
  }

  #inject(segment: Uint8Array): void {
    const world = this.#world
    const context = { stations: world, port: world.port, sent: new Uint8Array(0) }
    world.inject(tcpFrame(context, 4, segment))
  }

  /** Returns the result of a call. */
  async #step({ verb, words, items }: Step): Promise<string[]> {
    const world = this.#world
    if (verb === 'icmp') {
      const packet = this.#peer.latest(undefined)
      const context = { stations: world, port: world.port, sent: new Uint8Array(0) }
      if (packet.length > 0) {
        world.inject(errorFrame(context, words[0] as string, words[1], packet))
      }
    } else if (items !== undefined) {
      for (const segment of this.#peer.segments(items)) {
        this.#inject(segment)
      }
    } else if (verb === 'connect') {
      this.#socket = world.sockets.connect(world.port + 1, 'peer')
    } else if (verb === 'accept') {
      if (!this.#listener?.hasConnection()) return ['no connection']
      this.#socket = await this.#listener.accept()
    } else if (this.#socket !== undefined) {
      return this.#call(this.#socket, verb, words)
    }
    return []
  }

  async #call(socket: TestSocket, verb: string, [word = '']: readonly string[]): Promise<string[]> {
    if (verb === 'write') {
      const result = socket.write(pattern([this.#written, this.#written + Number(word)]))
      this.#written += Math.max(result, 0)
      if (result < 0) {
        this.#hasEnded = true
      }
      return [`writes ${result}`]
    }
    if (verb === 'read') {
      let bytes = 0
      while (!this.#hasEnded && socket.isReadable()) {
        const result = await socket.read(READ)
        this.#hasEnded = result === null || typeof result === 'number'
        if (result === null || typeof result === 'number') {
          return [`reads ${bytes} bytes, ${result}`]
        }
        bytes += result.length
      }
      return [`reads ${bytes} bytes`]
    }
    if (verb === 'nodelay') {
      socket.setNoDelay(true)
    } else if (verb === 'shutdown') {
      await socket.shutdown()
    } else if (verb === 'close' || verb === 'reset') {
      socket[verb]()
      this.#socket = undefined
    }
    return []
  }

  /** A segment in the notation, without PSH and the size of its window, a row of linux.md. */
  #describe(frame: Uint8Array): string {
    const segment = segmentOf(frame)
    if (segment === undefined) return describe(frame)
    this.#peer.take(segment, this.#world.now())
    const text = this.#peer
      .describe(segment)
      .replace(/win [1-9]\d*/, 'win')
      .replace(/scale \d+/, 'scale')
      .replace('push, ', '')
    // The reset for a segment without an acknowledgment has a number that is not relative.
    return segment.isRst && segment.sequence === 0 ? text.replace(/seq -?\d+/, 'seq 0') : text
  }
}

export class ExchangeHosts {
  readonly #kernel = new KernelHost({ tcp_ecn: 0 })

  async linux(lines: readonly string[]): Promise<Results> {
    for (let left = ATTEMPTS; ; left--) {
      const world = new KernelWorld(this.#kernel, 4, false)
      try {
        const start = world.now()
        const results = await Exchange.run(world, lines)
        if (world.now() - start < HELD_UP || left === 1) return results
      } finally {
        world.close()
      }
    }
  }

  async memory(lines: readonly string[]): Promise<Results> {
    const world = new MemoryWorld(4, {})
    try {
      return await Exchange.run(world, lines)
    } finally {
      world.close()
    }
  }

  close(): void {
    this.#kernel.close()
  }
}

export interface ExchangeDifference {
  readonly lines: readonly string[]
  readonly linux: Results
  readonly memory: Results
}

/** Runs an exchange on both hosts. Returns it, up to the line where they differ, if they do. */
export async function compare(
  hosts: ExchangeHosts,
  lines: readonly string[],
  exceptions = EXCHANGE_EXCEPTIONS,
): Promise<ExchangeDifference | undefined> {
  const [linux, memory] = [await hosts.linux(lines), await hosts.memory(lines)]
  const [[theirs, theirAcks], [ours, ourAcks]] = [withoutDelayed(linux), withoutDelayed(memory)]
  const line = theirs.findIndex((results, i) => results.join('\n') !== ours[i]?.join('\n'))
  const isMissing = [...theirAcks.keys(), ...ourAcks.keys()].some(
    number => Math.abs((theirAcks.get(number) ?? 0) - (ourAcks.get(number) ?? 0)) > 2,
  )
  if (line < 0 && !isMissing) return undefined
  const at = line < 0 ? linux.length - 1 : line
  const until = lines.slice(0, at + 1 + (lines.includes('listen') ? 1 : 0))
  const isRow = exceptions.some(
    ({ explains }) =>
      explains(until, theirs[at] ?? [], ours[at] ?? []) ||
      explains(until, linux[at] ?? [], memory[at] ?? []),
  )
  if (line >= 0 && isRow) return undefined
  return { lines: until, linux: linux.slice(0, at + 1), memory: memory.slice(0, at + 1) }
}

const ACK = /^seq \d+, ack (\d+), win(?:, ts \d+)?$/

/**
 * Returns the results without acknowledgments of bytes, and how often each number is acknowledged.
 * When bytes are acknowledged depends on timers and buffers, so up to two may be missing: the
 * delayed one, and a reply to a segment that is below the acknowledged bytes.
 */
function withoutDelayed(results: Results): [Results, Map<string, number>] {
  const acks = new Map<string, number>()
  const others = results.map(texts =>
    texts.filter(text => {
      const [, number] = ACK.exec(text) ?? []
      if (number === undefined || number === '1') return true
      acks.set(number, (acks.get(number) ?? 0) + 1)
      return false
    }),
  )
  return [others, acks]
}

/** Removes lines and items as long as the hosts differ. */
export async function shrunkExchange(
  hosts: ExchangeHosts,
  first: ExchangeDifference,
): Promise<ExchangeDifference> {
  let best = first
  for (let hasShrunk = true; hasShrunk; ) {
    hasShrunk = false
    for (const lines of simpler(best.lines)) {
      const found = await compare(hosts, lines)
      if (found === undefined || kindOf(found) !== kindOf(first)) continue
      best = found
      hasShrunk = true
      break
    }
  }
  return best
}

const kindOf = ({ linux, memory }: ExchangeDifference): string =>
  [linux, memory].map(results => (results.at(-1) ?? []).join().replaceAll(/\d+/g, '#')).join('|')

function* simpler(lines: readonly string[]): Generator<string[]> {
  for (const [i, line] of lines.entries()) {
    if (!/^(listen|connect)$/.test(line)) {
      yield lines.toSpliced(i, 1)
    }
  }
  for (const [i, line] of lines.entries()) {
    if (!line.startsWith('in ')) continue
    const items = line.slice(3).split(', ')
    if (items.length === 1) continue
    for (const j of items.keys()) {
      yield lines.with(i, `in ${items.toSpliced(j, 1).join(', ')}`)
    }
  }
}

export function reportExchange({ lines, linux, memory }: ExchangeDifference): string {
  const text: string[] = []
  let i = 0
  for (const line of lines) {
    text.push(`    ${line}`)
    if (line === 'listen') continue
    const [ours, theirs] = [memory[i]?.join('; ') ?? '', linux[i]?.join('; ') ?? '']
    i++
    if (ours === theirs) {
      text.push(...(ours === '' ? [] : [`        ${ours}`]))
    } else {
      text.push(`        linux: ${theirs || 'nothing'}`, `        memory: ${ours || 'nothing'}`)
    }
  }
  if (i < linux.length) {
    text.push(`    state: linux ${linux[i]?.join()}, memory ${memory[i]?.join()}`)
  }
  return text.join('\n')
}
