/** The control port: a program on the host makes the calls of cases (docs/conform-control.md). */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { formatAddress } from 'vnet/internal/packet/address'
import { pattern } from './layers.ts'
import { CLOSED_PORT, NotOffered } from './run.ts'
import type { Station } from './stations.ts'
import type { Program, World } from './world.ts'

/** Bytes of a write that fills the send buffer. */
const CHUNK = 4096
/** The most characters of a reply. */
const REPLY_MAX = 64
const POLL_MS = 1
/** How long a reply or an event may take, in milliseconds. */
const LIMIT_MS = 10_000
/** Requests that carry the words of a call. */
const AS_WRITTEN: ReadonlySet<string> = new Set(['shutdown', 'close', 'reset', 'unlisten'])

export class ControlPort {
  readonly #socket: Socket
  #last: Promise<unknown> = Promise.resolve()

  private constructor(socket: Socket) {
    this.#socket = socket.on('error', () => {})
  }

  static async open(host: string, port: number): Promise<ControlPort> {
    const socket = connect({ host, port, noDelay: true })
    await once(socket, 'connect', { signal: AbortSignal.timeout(LIMIT_MS) })
    return new ControlPort(socket)
  }

  get isClosed(): boolean {
    return this.#socket.destroyed || this.#socket.readableEnded
  }

  /** Returns the reply to a line, and `more` from what follows it. Requests wait for each other. */
  ask(line: string, bytes: Uint8Array = new Uint8Array(0)): Promise<Reply> {
    const reply = this.#last.then(() => this.#exchange(line, bytes))
    this.#last = reply.catch(() => {})
    return reply
  }

  close(): void {
    this.#socket.destroy()
  }

  async #exchange(line: string, bytes: Uint8Array): Promise<Reply> {
    this.#socket.write(`${line}\n`)
    this.#socket.write(bytes)
    let text = ''
    for (let next = ''; next !== '\n'; next = String(await this.#take(1))) {
      text += next
      if (text.length > REPLY_MAX) throw new Error(`the reply to '${line}' is not a line: ${text}`)
    }
    if (text === '?') throw new NotOffered(`'${line.split(' ')[0]}' at its control port`)
    const count = line.startsWith('read ') ? Number(text) || 0 : 0
    return { text, bytes: await this.#take(count) }
  }

  async #take(count: number): Promise<Uint8Array> {
    for (;;) {
      const bytes = count === 0 ? new Uint8Array(0) : this.#socket.read(count)
      if (bytes?.length === count) return bytes
      if (this.isClosed) throw new Error('the control port has closed the connection')
      await once(this.#socket, 'readable', { signal: AbortSignal.timeout(LIMIT_MS) })
    }
  }
}

interface Reply {
  /** A number, or the name of an error. */
  readonly text: string
  /** What was read. */
  readonly bytes: Uint8Array
}

/** The program, as a case uses it: one listener, and one socket at a time. */
export class ControlledProgram implements Program {
  port: number | undefined
  readonly #control: ControlPort
  readonly #world: Omit<World, 'program'>
  readonly #family: 4 | 6
  #failed = '0'
  /** Stream positions of the next written and the next read byte. */
  #written = 1
  #read = 1

  constructor(control: ControlPort, world: Omit<World, 'program'>, family: 4 | 6) {
    this.#control = control
    this.#world = world
    this.#family = family
  }

  /** Ends all sockets. */
  end(): void {
    this.#control.ask('end').catch(() => {})
  }

  async call(verb: string, words: readonly string[]): Promise<void> {
    const [word = '', , result = word] = words
    const { host, peer, port } = this.#world
    if (AS_WRITTEN.has(verb)) return this.#expect(verb, '0')
    switch (verb) {
      case 'connect': {
        const to = word === 'own' ? `${this.#addressOf(host)} ${CLOSED_PORT}` : `${this.#addressOf(peer)} ${port + 1}`
        this.#failed = await this.#ask(`connect ${to}`)
        return
      }
      case 'listen':
        this.port = Number(await this.#ask(`listen ${this.#addressOf(host)} ${Number(word) || 16}`))
        return
      case 'accept':
        return word === 'nothing' ? this.#expect('accept', '0') : this.#until('accept', '1')
      case 'skip':
        this.#read += Number(word)
        return
      case 'connected':
        await this.#until('ready', '1')
        return this.#expect('error', '0')
      case 'error':
        return this.#failed === '0' ? this.#until('error', word) : same(this.#failed, word)
      case 'write':
        return same(await this.#write(Number(word)), result)
      case 'fill':
        while ((await this.#write(CHUNK)) === String(CHUNK));
        return
      case 'writable':
        return this.#until('ready', '1')
      case 'read':
        return this.#reads(word)
      case 'nodelay':
        return this.#expect(`nodelay ${word === 'on' ? 1 : 0}`, '0')
      case 'keepalive': {
        const [idle = 0, interval = 0, probes] = words.map(Number)
        return this.#expect(`keepalive ${idle / 1000} ${interval / 1000} ${probes}`, '0')
      }
      case 'state':
        return this.#expect('state', word)
      default:
        throw new Error('no such verb')
    }
  }

  #addressOf({ ip, ip6 }: Station): string {
    return formatAddress((this.#family === 4 ? ip : ip6) as Uint8Array)
  }

  async #ask(line: string): Promise<string> {
    return (await this.#control.ask(line)).text
  }

  async #expect(line: string, expected: string): Promise<void> {
    same(await this.#ask(line), expected)
  }

  /** Asks until the reply is something else than 0, which must be `expected`. */
  async #until(line: string, expected: string): Promise<void> {
    for (let left = LIMIT_MS; left > 0; left -= POLL_MS) {
      const text = await this.#ask(line)
      if (text !== '0') return same(text, expected)
      await setTimeout(POLL_MS)
    }
    throw new Error('it has not happened')
  }

  async #write(length: number): Promise<string> {
    const bytes = pattern([this.#written, this.#written + length])
    const { text } = await this.#control.ask(`write ${length}`, bytes)
    this.#written += Number(text) || 0
    return text
  }

  async #reads(word: string): Promise<void> {
    const length = Number(word)
    const end = this.#read + (length || 1)
    for (let left = LIMIT_MS; this.#read < end && left > 0; ) {
      const { text, bytes } = await this.#control.ask(`read ${end - this.#read}`)
      if (text === 'EAGAIN' && word !== 'nothing') {
        await setTimeout(POLL_MS)
        left -= POLL_MS
      } else if (Number.isNaN(length)) return same(text, { nothing: 'EAGAIN', end: '0' }[word] ?? word)
      else if (bytes.length === 0) throw new Error(`not ${length}, but ${text === '0' ? 'the end' : text}`)
      else {
        const expected = pattern([this.#read, this.#read + bytes.length])
        if (Buffer.compare(bytes, expected) !== 0) throw new Error('other bytes than the peer has sent')
        this.#read += bytes.length
      }
    }
    if (this.#read < end) throw new Error('it has not happened')
  }
}

function same(actual: string, expected: string): void {
  if (actual !== expected) throw new Error(`${actual}, not ${expected}`)
}
