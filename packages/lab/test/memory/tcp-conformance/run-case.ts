/** Runs a conformance case in a world, line after line. */
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'
import { errnoName } from 'vnet/internal/base/errno'
import type { Case, Items, Step } from './notation.ts'
import { PEER_PORTS, Peer, pattern } from './peer.ts'
import { decode } from './segment.ts'
import type { IcmpError, Sent, TestListener, TestSocket, World } from './world.ts'

/** "Immediately", in milliseconds. */
const IMMEDIATELY = [0, 1] as const
/** Without a segment for so long, a host has nothing more to send. */
const DRAINED = 50 * NSEC_PER_MSEC
/** Verbs that do nothing to a connection: the time of the next line counts from the one before. */
const OBSERVING: ReadonlySet<string> = new Set(['accept', 'read', 'skip', 'state', 'writable'])
/** A port of the host on which nothing listens. */
const CLOSED_PORT = 9

/** Rejects with the line that failed and everything that happened before. The world is closed. */
export async function runCase({ steps }: Case, world: World): Promise<void> {
  const run = new Run(world)
  try {
    for (const step of steps) {
      try {
        await run.step(step)
      } catch (error) {
        const { message } = error as Error
        throw new Error(`${step.text}: ${message}\n${run.log.join('\n')}`, { cause: error })
      }
    }
    await run.end()
  } finally {
    world.close()
  }
}

class Run {
  readonly log: string[] = []
  readonly #world: World
  readonly #peers = new Map<number, Peer>()
  readonly #start: number
  /** When the previous step happened. */
  #before: number
  #sentAfterQuiet: Sent | undefined
  #socket: TestSocket | undefined
  #listener: TestListener | undefined
  /** Stream positions of the next written and the next read byte. */
  #written = 1
  #read = 1

  constructor(world: World) {
    this.#world = world
    this.#start = world.now()
    this.#before = this.#start
  }

  async step(step: Step): Promise<void> {
    const { verb, words, time, items } = step
    const world = this.#world
    if (verb === 'out') return this.#out(items as Items, time ?? IMMEDIATELY)
    if (verb === 'drain') return this.#drain()
    if (verb === 'finally') return this.#finally(items as Items, time ?? IMMEDIATELY)
    if (verb === 'quiet') return this.#quiet(Number(words[0]))
    if (verb === 'connected' || verb === 'error') {
      await this.#call(verb, words)
      this.#note(step.text)
      return this.#checkTime(world.now(), time ?? IMMEDIATELY, time !== undefined)
    }
    if (time !== undefined) await world.sleepUntil(this.#before + time[0] * NSEC_PER_MSEC)
    if (!OBSERVING.has(verb)) this.#before = world.now()
    this.#note(step.text)
    if (items === undefined) return this.#call(verb, words)
    for (const segment of this.#peer(items.peer).segments(items)) world.inject(segment)
  }

  /** Checks that nothing else was sent. */
  async end(): Promise<void> {
    const sent = this.#sentAfterQuiet ?? (await this.#world.next(this.#world.now()))
    if (sent !== undefined)
      throw new Error(`one more segment at the end: ${this.#describe(sent)}\n${this.log.join('\n')}`)
  }

  async #out(items: Items, time: readonly [number, number]): Promise<void> {
    const sent = await this.#next(this.#before + time[1] * NSEC_PER_MSEC)
    const segment = decode(sent.segment)
    const index = segment.destinationPort - PEER_PORTS
    const text = this.#describe(sent)
    const wrong = this.#peer(index).compare(segment, sent.segment, items)
    if (index !== items.peer) wrong.push(`it is for peer ${index}`)
    this.#note(`out ${text}`, sent.at)
    if (wrong.length > 0) throw new Error(wrong.join('; '))
    this.#checkTime(sent.at, time)
  }

  /** Skips acknowledgments until one of what `items` acknowledge. */
  async #finally(items: Items, time: readonly [number, number]): Promise<void> {
    for (;;) {
      const sent = await this.#next(this.#before + time[1] * NSEC_PER_MSEC)
      const segment = decode(sent.segment)
      const wrong = this.#peer(items.peer).compare(segment, sent.segment, items)
      this.#note(`out ${this.#describe(sent)}`, sent.at)
      if (wrong.length === 0) return this.#checkTime(sent.at, time)
      if (!wrong.some(text => text.startsWith('ack is')) || segment.data.length > 0) throw new Error(wrong.join('; '))
    }
  }

  /** Acknowledges what the host sends, until it sends nothing more. */
  async #drain(): Promise<void> {
    for (;;) {
      const sent = await this.#world.next(this.#world.now() + DRAINED)
      if (sent === undefined) return
      for (const segment of this.#peer(1).acknowledge(decode(sent.segment))) this.#world.inject(segment)
    }
  }

  async #quiet(milliseconds: number): Promise<void> {
    const end = this.#before + milliseconds * NSEC_PER_MSEC
    const sent = await this.#world.next(end)
    if (sent !== undefined && sent.at <= end) throw new Error(`the host has sent ${this.#describe(sent)}`)
    this.#sentAfterQuiet = sent
    this.#before = end
    this.#note('quiet', end)
  }

  /** Returns the next segment, or throws if there is none until `latest`. */
  async #next(latest: number): Promise<Sent> {
    const sent = this.#sentAfterQuiet ?? (await this.#world.next(latest + this.#world.tolerance.late))
    this.#sentAfterQuiet = undefined
    if (sent === undefined) throw new Error('the host has sent nothing')
    return sent
  }

  #checkTime(at: number, [earliest, latest]: readonly [number, number], isStep = true): void {
    const { tolerance } = this.#world
    const elapsed = at - this.#before
    if (earliest > 0 && elapsed < earliest * NSEC_PER_MSEC - tolerance.early) {
      throw new Error(`too early, after ${elapsed / NSEC_PER_MSEC} ms`)
    }
    if (elapsed > latest * NSEC_PER_MSEC + tolerance.late) {
      throw new Error(`too late, after ${elapsed / NSEC_PER_MSEC} ms`)
    }
    if (isStep) this.#before = at
  }

  async #call(verb: string, words: readonly string[]): Promise<void> {
    const world = this.#world
    const [word = ''] = words
    switch (verb) {
      case 'connect':
        this.#socket = word === 'own' ? world.connect(CLOSED_PORT, 'own') : world.connect(PEER_PORTS + 1, 'peer')
        return
      case 'listen':
        this.#listener = world.listen(Number(word) || 16)
        return
      case 'unlisten':
        return this.#listener?.close()
      case 'accept':
        return this.#accept(word)
      case 'skip':
        this.#read += Number(word)
        return
      case 'icmp': {
        const at = words.indexOf('seq')
        const error = { kind: word, mtu: Number(words[1]) } as IcmpError
        return world.injectError(error, this.#peer(1).latest(at < 0 ? undefined : Number(words[at + 1])))
      }
    }
    const socket = this.#socket
    if (socket === undefined) throw new Error('there is no socket')
    switch (verb) {
      case 'connected':
        return same(resultName(await socket.connected()), '0')
      case 'error':
        return same(resultName(await socket.error()), word)
      case 'write':
        return this.#write(socket, Number(word), words[2] ?? word)
      case 'fill':
        while (socket.write(pattern([this.#written, this.#written + 4096])) === 4096) this.#written += 4096
        return
      case 'writable':
        return socket.writable()
      case 'read':
        return this.#reads(socket, word)
      case 'shutdown':
        return socket.shutdown()
      case 'close':
        return socket.close()
      case 'reset':
        return socket.reset()
      case 'nodelay':
        return socket.setNoDelay(word === 'on')
      case 'keepalive': {
        const [idle = 0, interval = 0, probes = 0] = words.map(Number)
        return socket.setKeepAlive(idle * NSEC_PER_MSEC, interval * NSEC_PER_MSEC, probes)
      }
      case 'state':
        return same(socket.state(), word)
      default:
        throw new Error('no such verb')
    }
  }

  async #accept(word: string): Promise<void> {
    const listener = this.#listener
    if (listener === undefined) throw new Error('there is no listener')
    if (word !== 'nothing') this.#socket = await listener.accept()
    else if (listener.hasConnection()) throw new Error('there is a connection')
  }

  #write(socket: TestSocket, length: number, result: string): void {
    const written = socket.write(pattern([this.#written, this.#written + length]))
    if (written > 0) this.#written += written
    same(resultName(written), result)
  }

  async #reads(socket: TestSocket, word: string): Promise<void> {
    if (word === 'nothing') return same(String(socket.isReadable()), 'false')
    const length = Number(word)
    if (Number.isNaN(length)) {
      const result = await socket.read(1)
      return same(
        result === null ? 'end' : typeof result === 'number' ? resultName(result) : `${result.length} bytes`,
        word,
      )
    }
    for (const end = this.#read + length; this.#read < end; ) {
      const result = await socket.read(end - this.#read)
      if (result === null || typeof result === 'number') throw new Error(`not ${length}, but ${result ?? 'the end'}`)
      const expected = pattern([this.#read, this.#read + result.length])
      if (Buffer.compare(result, expected) !== 0) throw new Error('other bytes than the peer has sent')
      this.#read += result.length
    }
  }

  #peer(index: number): Peer {
    const known = this.#peers.get(index)
    if (known !== undefined) return known
    const peer = new Peer(index, this.#listener?.port ?? CLOSED_PORT)
    this.#peers.set(index, peer)
    return peer
  }

  #describe({ segment }: Sent): string {
    const decoded = decode(segment)
    return this.#peer(decoded.destinationPort - PEER_PORTS).describe(decoded)
  }

  #note(text: string, at = this.#world.now()): void {
    this.log.push(`${((at - this.#start) / NSEC_PER_MSEC).toFixed(1).padStart(9)} ms  ${text}`)
  }
}

function resultName(result: number): string {
  return result < 0 ? errnoName(result) : String(result)
}

function same(actual: string, expected: string): void {
  if (actual !== expected) throw new Error(`${actual}, not ${expected}`)
}
