/** The control port: a program makes the calls (packages/conform/docs/conform.md). */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatAddress, NSEC_PER_MSEC, reasonOf, UsageError } from 'vnet'
import { pattern } from './layers.ts'
import { CLOSED_PORT, NotOffered } from './run.ts'
import type { Station } from './stations.ts'
import type { Program, World } from './world.ts'

// Bytes of a write that fills the send buffer, and more than a send buffer takes.
const CHUNK = 4096
const FILL_MAX = 1 << 26

/** The most characters of a reply. */
const REPLY_MAX = 64
/** `?`, a number, or the name of an error or a state. */
const REPLY = /^(\?|\d{1,9}|[A-Z][A-Z\d-]*)\n$/
/** Errors, but not the state ESTAB or a call that would block. */
const ERROR = /^E(?!STAB|AGAIN)/
const POLL_MS = 1
/** How long a reply or an event may take, in milliseconds. */
const LIMIT_MS = 10_000
/** Requests that are written like their calls. */
const AS_WRITTEN: ReadonlySet<string> = new Set(['shutdown', 'close', 'reset', 'unlisten'])
/** Errors of a call that would block. */
const NOT_YET: ReadonlySet<string> = new Set(['EAGAIN', 'EINPROGRESS'])

/**
 * A connection to a program's control port, shared by all cases. After the first failure it gets no
 * more requests.
 */
export class ControlPort {
  /** Why the program gets no more requests. */
  failure: string | undefined
  /** The port of this machine. */
  readonly ownPort: number
  readonly #socket: Socket
  readonly #chunks: AsyncIterator<Buffer>
  #received = Buffer.alloc(0)
  #last: Promise<unknown> = Promise.resolve()

  private constructor(socket: Socket) {
    this.#socket = socket.on('error', () => {})
    this.ownPort = socket.localPort ?? 0
    this.#chunks = socket[Symbol.asyncIterator]()
  }

  /** Connects. Rejects with a UsageError if no program listens there within LIMIT_MS. */
  static async open(host: string, port: number): Promise<ControlPort> {
    const socket = connect({ host, port, noDelay: true })
    try {
      await once(socket, 'connect', { signal: AbortSignal.timeout(LIMIT_MS) })
      return new ControlPort(socket)
    } catch (error) {
      socket.destroy()
      throw new UsageError(`no program listens at the control port: ${reasonOf(error)}`, {
        cause: error,
      })
    }
  }

  /**
   * Sends a line with the bytes that belong to it, and returns its reply. Requests wait for each
   * other. Rejects if no proper reply comes within LIMIT_MS; the connection has then ended.
   */
  ask(line: string, bytes: Uint8Array = new Uint8Array(0)): Promise<Reply> {
    const reply = this.#last.then(() => this.#exchange(line, bytes))
    this.#last = reply.catch(() => {})
    return reply
  }

  close(): void {
    this.#socket.destroy()
  }

  /** An error ends the connection, because later replies would be to other lines. */
  async #exchange(line: string, bytes: Uint8Array): Promise<Reply> {
    const late = setTimeout(
      () => this.#socket.destroy(new Error('the control port does not reply')),
      LIMIT_MS,
    )
    try {
      if (this.#received.length > 0) {
        throw new Error('the control port has sent more than its reply')
      }
      this.#socket.write(Buffer.concat([Buffer.from(`${line}\n`), bytes]))
      return await this.#reply(line)
    } catch (error) {
      if (error instanceof NotOffered) throw error
      this.failure ??= (error as Error).message
      this.close()
      throw error
    } finally {
      clearTimeout(late)
    }
  }

  async #reply(line: string): Promise<Reply> {
    while (!this.#received.includes('\n') && this.#received.length < REPLY_MAX) {
      await this.#receive()
    }
    const start = String(this.#take(this.#received.indexOf('\n') + 1 || REPLY_MAX))
    const [, text] = REPLY.exec(start) ?? []
    if (text === '?') throw new NotOffered(`'${line.split(' ')[0]}' at its control port`)
    const [, most = 0] = /^read (\d+)$/.exec(line) ?? []
    const count = most === 0 ? 0 : Number(text) || 0
    if (text === undefined || count > Number(most)) {
      throw new Error(`the control port has replied ${JSON.stringify(start)} to '${line}'`)
    }
    while (this.#received.length < count) {
      await this.#receive()
    }
    return { text, bytes: this.#take(count) }
  }

  #take(count: number): Buffer {
    const bytes = this.#received.subarray(0, count)
    this.#received = this.#received.subarray(count)
    return bytes
  }

  async #receive(): Promise<void> {
    const { value, done } = await this.#chunks.next()
    if (done) throw new Error('the control port has closed the connection')
    this.#received = Buffer.concat([this.#received, value])
  }
}

interface Reply {
  /** A number, or the name of an error. */
  readonly text: string
  /** The read bytes. */
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
        const to =
          word === 'own'
            ? `${this.#addressOf(host)} ${CLOSED_PORT}`
            : `${this.#addressOf(peer)} ${port + 1}`
        this.#failed = await this.#ask(`connect ${to}`)
        return
      }
      case 'listen':
        return this.#listen(Number(word) || 16)
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
        for (
          let left = FILL_MAX;
          left > 0 && (await this.#write(CHUNK)) === String(CHUNK);
          left -= CHUNK
        ) {}
        return
      case 'writable':
        return this.#until('ready', '1')
      case 'read':
        return this.#reads(word)
      case 'nodelay':
        return this.#expect(`nodelay ${word === 'on' ? 1 : 0}`, '0')
      case 'keepalive':
        return this.#expect(`keepalive ${words.join(' ')}`, '0')
      case 'state':
        // A stack may take a received segment a little later than this process sees its reply.
        return same(
          (await this.#poll(verb, ({ text }) => text === word, this.#world.tolerance.grace)).text,
          word,
        )
      default:
        throw new Error('no such verb')
    }
  }

  #addressOf({ ip, ip6 }: Station): string {
    return formatAddress((this.#family === 4 ? ip : ip6) as Uint8Array)
  }

  async #ask(line: string, bytes?: Uint8Array): Promise<string> {
    const { text } = await this.#control.ask(line, bytes)
    return NOT_YET.has(text) ? '0' : text
  }

  async #expect(line: string, expected: string): Promise<void> {
    same(await this.#ask(line), expected)
  }

  /** Asks until the reply is not 0, and not that the call would block. */
  async #until(line: string, expected: string): Promise<void> {
    same((await this.#poll(line, ({ text }) => text !== '0' && !NOT_YET.has(text))).text, expected)
  }

  /** Asks until `isLast`, for LIMIT_MS or `within` ns. Returns the last reply. */
  async #poll(
    line: string,
    isLast: (reply: Reply) => boolean,
    within = LIMIT_MS * NSEC_PER_MSEC,
  ): Promise<Reply> {
    for (const end = this.#world.now() + within; ; await sleep(POLL_MS)) {
      const reply = await this.#control.ask(line)
      if (isLast(reply) || this.#world.now() >= end) return reply
    }
  }

  async #listen(backlog: number): Promise<void> {
    const text = await this.#ask(`listen ${this.#addressOf(this.#world.host)} ${backlog}`)
    this.port = Number(text)
    if (!(this.port > 0 && this.port < 0x10000)) throw new Error(`${text}, not a port`)
  }

  async #write(length: number): Promise<string> {
    const bytes = pattern([this.#written, this.#written + length])
    const text = await this.#ask(`write ${length}`, bytes)
    this.#written += Number(text) || 0
    return text
  }

  async #reads(word: string): Promise<void> {
    if (word === 'nothing') return same((await this.#control.ask('read 1')).text, 'EAGAIN')
    const length = Number(word)
    for (const end = this.#read + (length || 1); this.#read < end; ) {
      const { text, bytes } = await this.#poll(
        `read ${end - this.#read}`,
        reply => !NOT_YET.has(reply.text),
      )
      if (Number.isNaN(length)) return same(text, word === 'end' ? '0' : word)
      if (bytes.length === 0) {
        throw new Error(`not ${length}, but ${text === '0' ? 'the end' : text}`)
      }
      const expected = pattern([this.#read, this.#read + bytes.length])
      if (Buffer.compare(bytes, expected) !== 0) {
        throw new Error('other bytes than the peer has sent')
      }
      this.#read += bytes.length
    }
  }
}

/** The RFCs have no names of errors: any error is as good as the expected one. */
function same(actual: string, expected: string): void {
  if (actual !== expected && !(ERROR.test(actual) && ERROR.test(expected))) {
    throw new Error(`${actual}, not ${expected}`)
  }
}
