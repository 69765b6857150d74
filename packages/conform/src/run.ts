/** Run: the lines of a case in a world, and everything that happened. */

import type { Segment } from '@vnet/inet/kit'
import { NSEC_PER_MSEC, tcp } from 'vnet'
import { errorFrame, isForPeer, lateType, segmentOf, tcpFrame, wrongChecksum } from './frames.ts'
import { build, type Context, differences, type Layer, parseLayers } from './layers.ts'
import { type Items, type Range, range, type Step } from './notation.ts'
import { Peer } from './peer.ts'
import type { World } from './world.ts'

/** "Immediately", in milliseconds. */
const IMMEDIATELY = [0, 1] as const
/** Without a segment for so long, a host has nothing more to send. */
const DRAINED = 50 * NSEC_PER_MSEC
const NOTHING = 'the host has sent nothing'
/** The identifier of the pings of `none`. */
const PING = 0x7ffe
/** How many repetitions `backs-off` compares. */
const BACKOFFS = 3
/** How many ports of the peer a case has. */
export const PORTS = 16
/** Verbs that do nothing to a connection: the time of the next line counts from the one before. */
const OBSERVING: ReadonlySet<string> = new Set(['accept', 'read', 'skip', 'state', 'writable'])
/** A port of the host on which nothing listens. */
export const CLOSED_PORT = 1

/** The host does not offer an option that the case needs. */
export class NotOffered extends Error {}

/** A frame of a case, with its time in nanoseconds. */
export interface Recorded {
  readonly frame: Uint8Array
  readonly at: number
  readonly isFromHost: boolean
}

/** Flags and bytes of segments that `none` is about. */
const WORDS: Readonly<Record<string, (segment: Segment) => boolean>> = {
  data: ({ length }) => length > 0,
  rst: ({ isRst }) => isRst,
  syn: ({ isSyn }) => isSyn,
  fin: ({ isFin }) => isFin,
  ping: () => false,
}

/** The flag that a word of `none` is about. */
const FLAG_OF: Readonly<Record<string, number>> = {
  rst: tcp.TCP_RST,
  syn: tcp.TCP_SYN,
  fin: tcp.TCP_FIN,
}

/** An error about one of the frames of the case. */
export class WrongFrame extends Error {
  readonly index: number

  constructor(message: string, index: number) {
    super(message)
    this.index = index
  }
}

/**
 * One run of a case. `log` and `frames` are complete up to the step that failed. After the last
 * step, its owner calls close() and then clean().
 */
export class Run {
  readonly log: string[] = []
  readonly frames: Recorded[] = []
  /** The longest time by which a line was late. */
  longest = 0
  readonly #world: World
  readonly #family: 4 | 6
  readonly #context: Context
  readonly #peers = new Map<number, Peer>()
  readonly #start: number
  /** When the previous step happened. */
  #before: number
  #sentAfterQuiet: SentSegment | undefined
  /** The number of frames up to the latest one of the peer. */
  #lastOwn = 0
  /** What lines asked for, by the index of the frame that was like it. */
  readonly #asked = new Map<number, Items | readonly Layer[]>()
  /** The type of a message that is ignored unless a line is about it, from that line on. */
  #late: number | undefined
  /** The port of the host to which peers connect, unless a program listens. */
  #port = CLOSED_PORT
  #pings = 0

  constructor(world: World, family: 4 | 6) {
    this.#world = world
    this.#family = family
    this.#context = { stations: world, port: world.port, sent: new Uint8Array(0) }
    this.#start = world.now()
    this.#before = this.#start
  }

  /**
   * Runs a step. Rejects with an Error if the host did something else, with a WrongFrame if a frame
   * shows it, with a NotOffered if the host lacks an option that the case needs.
   */
  async step(step: Step): Promise<void> {
    const { verb, words, time, items, layers } = step
    const world = this.#world
    const limits = time ?? IMMEDIATELY
    if (verb === 'out') return this.#out(items as Items, limits)
    if (verb === 'some') return this.#some(items as Items, limits)
    if (verb === 'backs-off') return this.#backsOff(items as Items, limits)
    if (verb === 'stream') return this.#stream(words, limits)
    if (verb === 'recv') return this.#recv(layers as readonly Layer[], limits)
    if (verb === 'ping') return this.#none(undefined, [verb])
    if (verb === 'none') return this.#none(layers, words)
    if (verb === 'clean') return
    if (verb === 'needs' && !this.#peer(1).hasOffered(words[0] as string)) {
      throw new NotOffered(words[0])
    }
    if (verb === 'needs') return
    if (verb === 'drain') return this.#drain()
    if (verb === 'finally') return this.#finally(items as Items, limits)
    if (verb === 'quiet') return this.#quiet(Number(words[0]))
    if (verb === 'end') return this.#end()
    if (verb === 'connected' || verb === 'error') {
      await this.#call(verb, words)
      this.#note(step.text)
      return this.#checkTime(
        { at: world.now(), index: this.frames.length - 1 },
        limits,
        time !== undefined,
      )
    }
    const planned = this.#before + (time?.[0] ?? 0) * NSEC_PER_MSEC
    if (time !== undefined) {
      await world.sleepUntil(planned)
    }
    if (!OBSERVING.has(verb)) {
      this.#before = world.now()
      this.longest = Math.max(this.longest, this.#before - planned)
    }
    this.#note(step.text)
    if (verb === 'send') return this.#inject(build(this.#context, layers as readonly Layer[]))
    if (verb === 'icmp') return this.#icmp(words)
    if (items === undefined) return this.#call(verb, words)
    for (const segment of this.#peer(items.peer).segments(items)) {
      this.#injectTcp(segment)
    }
  }

  /** Ends the connections of the peer. */
  close(): void {
    if (this.#world.program !== undefined) return
    for (const peer of this.#peers.values()) {
      for (const segment of peer.abort()) {
        this.#injectTcp(segment)
      }
    }
  }

  /** Sends the frames of `clean`, so that the host keeps nothing, and waits until it has them. */
  async clean(steps: readonly Step[]): Promise<void> {
    const frames = steps
      .filter(({ verb }) => verb === 'clean')
      .map(({ layers }) => layers as readonly Layer[])
    if (frames.length === 0) return
    for (const layers of frames) {
      this.#inject(build(this.#context, layers))
    }
    if (this.#world.isImmediate) return
    // A host that fails now failed before, or fails the next case.
    await this.#none(undefined, ['ping']).catch(() => {})
  }

  #inject(frame: Uint8Array): void {
    this.#lastOwn = this.frames.push({ frame, at: this.#world.now(), isFromHost: false })
    this.#world.inject(frame)
  }

  #injectTcp(segment: Uint8Array): void {
    this.#inject(tcpFrame(this.#context, this.#family, segment))
  }

  /** Checks that nothing else was sent. Without a program, the host may have more to send. */
  async #end(): Promise<void> {
    if (this.#world.program === undefined) return
    const sent = this.#sentAfterQuiet ?? (await this.#nextSegment(this.#world.now()))
    if (sent !== undefined) throw new Error(`there is one more segment: ${this.#describe(sent)}`)
  }

  async #out(items: Items, time: readonly [number, number]): Promise<void> {
    const sent = await this.#next(this.#before + time[1] * NSEC_PER_MSEC)
    const index = sent.segment.destinationPort - this.#world.port
    const text = this.#describe(sent)
    const wrong = this.#peer(index).compare(sent.segment, items)
    if (index !== items.peer) {
      wrong.push(`it is for peer ${index}`)
    }
    this.#note(`out ${text}`, sent.at)
    if (wrong.length > 0) throw new WrongFrame(wrong.join('; '), sent.index)
    this.#asked.set(sent.index, items)
    this.#checkTime(sent, time)
  }

  /** Skips acknowledgments until one of what `items` acknowledge. */
  async #finally(items: Items, time: readonly [number, number]): Promise<void> {
    for (;;) {
      const sent = await this.#next(this.#before + time[1] * NSEC_PER_MSEC)
      const wrong = this.#peer(items.peer).compare(sent.segment, items)
      this.#note(`out ${this.#describe(sent)}`, sent.at)
      if (wrong.length === 0) return this.#checkTime(sent, time)
      if (!wrong.some(text => text.startsWith('ack is')) || sent.segment.length > 0) {
        throw new WrongFrame(wrong.join('; '), sent.index)
      }
    }
  }

  /** Skips segments until one is like `items`. */
  async #some(items: Items, time: readonly [number, number]): Promise<void> {
    const latest = this.#before + time[1] * NSEC_PER_MSEC
    let last: Error | undefined
    for (;;) {
      const sent = await this.#next(latest, () => last)
      const { segment } = sent
      const index = segment.destinationPort - this.#world.port
      const wrong = this.#peer(index).compare(segment, items, true)
      if (index !== items.peer) continue
      this.#note(`out ${this.#describe(sent)}`, sent.at)
      if (wrong.length === 0) {
        this.#asked.set(sent.index, items)
      }
      if (wrong.length === 0) return this.#checkTime(sent, time)
      last = new WrongFrame(`${this.#describe(sent)}: ${wrong.join('; ')}`, sent.index)
      if (segment.isRst) throw last
    }
  }

  /**
   * Skips segments until three are like `items`, and checks that the time before the third one is
   * at least twice the time before the first one. An exact backoff makes it four times as long, but
   * a host on a busy machine may be late.
   */
  async #backsOff(items: Items, time: readonly [number, number]): Promise<void> {
    const times = [this.#before]
    for (let n = 0; n < BACKOFFS; n++) {
      await this.#some(items, time)
      times.push(this.#before)
    }
    const [first = 0, , third = 0] = times
      .slice(1)
      .map((at, i) => (at - (times[i] as number)) / NSEC_PER_MSEC)
    if (third >= 2 * first) return
    const text = `sent again after ${first.toFixed()} ms, and the third time after ${third.toFixed()} ms`
    throw new WrongFrame(text, this.frames.length - 1)
  }

  /**
   * Acknowledges what the host sends, also SYN again and FIN, until all of it has arrived, in
   * segments of at most a size if one is given.
   */
  async #stream(
    [bytes = '', size]: readonly string[],
    time: readonly [number, number],
  ): Promise<void> {
    const [, to] = range(bytes)
    const most = Number(size ?? Number.POSITIVE_INFINITY)
    const peer = this.#peer(1)
    const latest = this.#before + time[1] * NSEC_PER_MSEC
    while (peer.received < to) {
      const missing = new Error(`its bytes end at ${peer.received}, not at ${to}`)
      const sent = await this.#next(latest, () => missing)
      const { segment } = sent
      const wrong = peer.compare(
        segment,
        { flags: segment.flags & (tcp.TCP_FIN | tcp.TCP_SYN), peer: 1 },
        true,
      )
      if (segment.length > most) {
        wrong.push(`length is ${segment.length}, more than ${most}`)
      }
      this.#note(`out ${this.#describe(sent)}`, sent.at)
      if (wrong.length > 0) throw new WrongFrame(wrong.join('; '), sent.index)
      if (segment.space > 0) {
        for (const reply of peer.acknowledge(segment)) {
          this.#injectTcp(reply)
        }
      }
    }
    this.#before = this.#world.now()
  }

  /** Skips frames until one is like `layers`. */
  async #recv(layers: readonly Layer[], time: readonly [number, number]): Promise<void> {
    const latest = this.#before + time[1] * NSEC_PER_MSEC + this.#world.tolerance.late
    this.#late = lateType(layers)
    let last = new Error(NOTHING)
    for (;;) {
      const sent = await this.#nextFrame(latest)
      if (sent === undefined) throw last
      const wrong = differences(this.#context, sent.frame, layers)
      if (wrong?.length === 0) {
        this.#asked.set(sent.index, layers)
      }
      if (wrong?.length === 0) return this.#checkTime(sent, time)
      if (wrong !== undefined) {
        last = new WrongFrame(wrong.join('; '), sent.index)
      }
    }
  }

  /**
   * Sends a ping, and checks that no such frame precedes the reply, nor came with what the lines
   * before asked for.
   */
  async #none(
    layers: readonly Layer[] | undefined,
    [word = '', bytes]: readonly string[],
  ): Promise<void> {
    const such = { layers, word, bytes: bytes === undefined ? undefined : range(bytes) }
    const early = this.#findUnasked(such)
    if (early >= 0) throw new WrongFrame('the host has replied', early)
    const id = `id ${PING}, seq ${++this.#pings} / data 8`
    const [ip, icmp] = this.#family === 4 ? ['ip', 'icmp'] : ['ip6', 'icmp6']
    const { sent } = this.#context
    let isAnswered = word !== 'ping' && this.#world.isImmediate === true
    if (!isAnswered) {
      this.#inject(build(this.#context, parseLayers(`${ip} / ${icmp} echo, ${id}`)))
    }
    this.#context.sent = sent
    const reply = parseLayers(`${ip}, from host, to peer / ${icmp} reply, ${id}`)
    const latest = this.#world.now() + this.#world.tolerance.late
    const grace = this.#world.tolerance.grace
    let until = isAnswered ? this.#world.now() + grace : latest
    for (;;) {
      const next = await this.#nextFrame(until)
      if (next === undefined && isAnswered) break
      if (next === undefined) throw new Error('the host has not replied to the ping after it')
      if (differences(this.#context, next.frame, reply)?.length === 0) {
        if (word === 'ping') break
        isAnswered = true
        until = this.#world.now() + grace
      } else if (this.#isSuch(next.frame, such)) {
        throw new WrongFrame('the host has replied', next.index)
      }
    }
    this.#before = this.#world.now()
  }

  /**
   * Returns the index of such a frame since the latest one of the peer: a line before may have
   * skipped it, or taken it for less than it is. Returns -1 without one.
   */
  #findUnasked(such: Such): number {
    const { layers, word } = such
    if (layers === undefined && WORDS[word] === undefined) return -1
    const isAsked = (index: number): boolean => {
      const asked = this.#asked.get(index)
      if (asked === undefined || !('flags' in asked)) return asked !== undefined
      return word === 'data' ? asked.data !== undefined : (asked.flags & (FLAG_OF[word] ?? 0)) !== 0
    }
    return this.frames.findIndex(
      ({ frame, isFromHost }, i) =>
        i >= this.#lastOwn && isFromHost && !isAsked(i) && this.#isSuch(frame, such),
    )
  }

  #isSuch(frame: Uint8Array, { layers, word, bytes }: Such): boolean {
    if (layers !== undefined) return differences(this.#context, frame, layers)?.length === 0
    const segment = segmentOf(frame)
    if (segment !== undefined && !this.#isOfCase(segment)) return false
    const test = WORDS[word]
    if (segment === undefined || test === undefined) return test === undefined
    return test(segment) && (bytes === undefined || this.#peer(1).hasBytesIn(segment, bytes))
  }

  /** Whether a segment is not one that the host repeats for an earlier case. */
  #isOfCase({ destinationPort }: Segment): boolean {
    return (destinationPort ^ this.#world.port) < PORTS
  }

  #icmp([kind = '', ...words]: readonly string[]): void {
    const at = words.indexOf('seq')
    const packet = this.#peer(1).latest(at < 0 ? undefined : Number(words[at + 1]))
    this.#inject(errorFrame(this.#context, kind, words[0], packet))
  }

  /** Acknowledges what the host sends, until it sends nothing more. */
  async #drain(): Promise<void> {
    for (;;) {
      const sent = await this.#nextSegment(this.#world.now() + DRAINED)
      if (sent === undefined) return
      for (const segment of this.#peer(1).acknowledge(sent.segment)) {
        this.#injectTcp(segment)
      }
    }
  }

  async #quiet(milliseconds: number): Promise<void> {
    const end = this.#before + milliseconds * NSEC_PER_MSEC
    const sent = await this.#nextSegment(end)
    if (sent !== undefined && sent.at <= end) {
      throw new WrongFrame(`the host has sent ${this.#describe(sent)}`, sent.index)
    }
    this.#sentAfterQuiet = sent
    this.#before = end
    this.#note('quiet', end)
  }

  /** Returns the next segment, or throws `otherwise` if none is sent until `latest`. */
  async #next(latest: number, otherwise?: () => Error | undefined): Promise<SentSegment> {
    const sent =
      this.#sentAfterQuiet ?? (await this.#nextSegment(latest + this.#world.tolerance.late))
    this.#sentAfterQuiet = undefined
    if (sent === undefined) throw otherwise?.() ?? new Error(NOTHING)
    return sent
  }

  async #nextSegment(until: number): Promise<SentSegment | undefined> {
    for (;;) {
      const sent = await this.#nextFrame(until)
      if (sent === undefined) return undefined
      if (sent.segment !== undefined) return { ...sent, segment: sent.segment }
    }
  }

  /** Returns the next frame to the peer, with right checksums and no bytes beyond its window. */
  async #nextFrame(until: number): Promise<Received | undefined> {
    for (;;) {
      const sent = await this.#world.next(until)
      if (sent === undefined) return undefined
      const { frame, at } = sent
      if (!isForPeer(this.#world, frame, this.#late)) continue
      const index = this.frames.push({ frame, at, isFromHost: true }) - 1
      const checksum = wrongChecksum(sent)
      if (checksum !== undefined) throw new WrongFrame(`${checksum} is wrong`, index)
      const segment = segmentOf(frame)
      if (segment === undefined || !this.#isOfCase(segment)) {
        return { frame, at, index, segment: undefined }
      }
      const port = segment.destinationPort - this.#world.port
      // Port 0 is the port of `send`.
      const wrong = port > 0 ? this.#peer(port).take(segment, at) : undefined
      if (wrong !== undefined) throw new WrongFrame(wrong, index)
      return { frame, at, index, segment }
    }
  }

  #checkTime(
    { at, index }: Moment,
    [earliest, latest]: readonly [number, number],
    isStep = true,
  ): void {
    const { tolerance } = this.#world
    const elapsed = at - this.#before
    if (earliest > 0 && elapsed < earliest * NSEC_PER_MSEC - tolerance.early) {
      throw new WrongFrame(`too early, after ${elapsed / NSEC_PER_MSEC} ms`, index)
    }
    if (elapsed > latest * NSEC_PER_MSEC + tolerance.late) {
      throw new WrongFrame(`too late, after ${elapsed / NSEC_PER_MSEC} ms`, index)
    }
    if (isStep) {
      this.#before = at
    }
  }

  async #call(verb: string, words: readonly string[]): Promise<void> {
    const { program } = this.#world
    if (verb === 'port') {
      this.#port = Number(words[0])
    } else if (program === undefined) {
      throw new Error('there is no program on the host')
    } else {
      await program.call(verb, words)
    }
  }

  #peer(index: number): Peer {
    const known = this.#peers.get(index)
    if (known !== undefined) return known
    const { port, program } = this.#world
    const peer = new Peer(port + index, program?.port ?? this.#port, () => this.#world.now())
    this.#peers.set(index, peer)
    return peer
  }

  #describe({ segment }: SentSegment): string {
    return this.#peer(segment.destinationPort - this.#world.port).describe(segment)
  }

  #note(text: string, at = this.#world.now()): void {
    this.log.push(`${((at - this.#start) / NSEC_PER_MSEC).toFixed(1).padStart(9)} ms  ${text}`)
  }
}

/** What `none` forbids. */
interface Such {
  readonly layers: readonly Layer[] | undefined
  readonly word: string
  /** The bytes that segments with data have. */
  readonly bytes: Range | undefined
}

/** When something happened, and the index of its frame. */
interface Moment {
  readonly at: number
  readonly index: number
}

interface Received extends Moment {
  readonly frame: Uint8Array
  /** The segment, if the frame has one of the case. */
  readonly segment: Segment | undefined
}

interface SentSegment extends Moment {
  readonly segment: Segment
}
