/**
 * The frames' side of the front: a process of low priority that serves clients without
 * rights (front-process.ts, relay.ts). It accepts all clients, and passes those with rights to this
 * side. It limits connections, parses requests and refuses them. Requests that need data of the
 * vnet arrive here over one socket, in batches; identical ones have become one. This side serves
 * them with `dispatch`, bounded by Batches.
 *
 * It is a process and not a thread because the frames' thread has a descriptor table of its own
 * (prepareThread in cli/run.ts). Node's helper threads have another table. They would wake a thread
 * that is started later by a descriptor that they lack, and libuv then aborts. A process also has
 * compilers and garbage collectors of low priority.
 *
 * The socket carries netlink messages. A request of a family has a number of the relay's in `seq`,
 * and its reply has the same. Other messages have types of their own, below NLMSG_MIN_TYPE:
 *
 * | type | from the front | to the front |
 * |---|---|---|
 * | FRONT_READY | it takes clients | |
 * | FRONT_MORE | make the next part of the dump `seq` | a part of it is complete |
 * | FRONT_FORGET | no client wants the rest of the dump `seq` | |
 * | FRONT_BEAT | | this side returns to its event loop |
 *
 * Clients pass over a second socket: a descriptor, and the bytes that were read from it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Turns, VnetError, type Work } from '../../base/index.ts'
import { check, closeFd, closeFds, closingOnError, startPoller } from '../../linux/errno.ts'
import type { Native, Poller } from '../../linux/native.ts'
import { MSG_DONTWAIT, SOCK_NONBLOCK, SOCK_SEQPACKET, SOCK_STREAM } from '../../linux/uapi.ts'
import { MessageBuilder, NLMSG_MIN_TYPE, readMessage } from '../../netlink/index.ts'
import type { Family, Heir } from '../operations/operation.ts'
import { Connection, type ConnectionListener, MESSAGE_MAX } from '../sockets/connection.ts'
import type { Batches } from './batches.ts'
import { type Client, type Dispatch, dispatch, type Parts } from './dispatch.ts'
import { MESSAGE_DESCRIPTORS } from './listening-socket.ts'

/** Types of messages, of which none ends a reply. */
export const FRONT_READY = 8
export const FRONT_MORE = 9
export const FRONT_FORGET = 10
export const FRONT_BEAT = 11

// The descriptors of the front: the two sockets, and the socket on which the vnet listens.
export const FRONT_MESSAGES = 3
export const FRONT_CLIENTS = 4
export const FRONT_LISTENING = 5

/** Bytes that may be read from a client before it is passed on. */
export const READ_MAX = MESSAGE_MAX

/** Milliseconds between two looks at the listening socket. */
const WAIT_MS = 100

/** Arguments of Node: a small heap, and no threads that compile or collect garbage. */
const NODE_ARGS = ['--max-old-space-size=64', '--max-semi-space-size=1', '--single-threaded']

/** The argument of the front, as JSON. */
export interface FrontData {
  /** True if the listening socket refuses descriptors of clients. */
  readonly isRefusing: boolean
  /** See Rights. */
  readonly owners: readonly number[]
  readonly captureGroup: number | undefined
  /** True if FRONT_BEAT arrives; without it, another thread accepts clients for a while. */
  readonly beats: boolean
  /** The family vnet_nl, with what its operations can do. */
  readonly family: Omit<Family, 'operations'>
  readonly operations: readonly {
    readonly cmd: number
    readonly doit: boolean
    readonly dumpit: boolean
  }[]
}

/**
 * The options of a Front: the process that serves clients without rights, so that they take no time
 * from frames.
 */
export interface FrontOptions
  extends Pick<FrontData, 'isRefusing' | 'owners' | 'captureGroup' | 'beats'> {
  readonly native: Native
  readonly turns: Turns
  readonly batches: Batches
  readonly families: Dispatch['families']
  readonly vnet: Family
  /** The listening socket. */
  readonly listening: number
  readonly onDefect: Dispatch['onDefect']
  /** Takes a client that this side serves. */
  readonly take: (fd: number, input: Uint8Array) => void
  /** Called if clients have waited to be accepted for WAIT_MS or longer. */
  readonly onWaiting: () => void
  /** Called once if the front has failed, with the clients that it has not taken. */
  readonly onFailure: (clients: readonly number[]) => void
}

export class Front implements Work, Client, ConnectionListener {
  readonly share = 'front'
  readonly privileged = false
  /** The front refuses changes, with the right that the client lacks. */
  readonly missing = 'only root and the owner may do this'
  readonly missingToCapture = this.missing
  onDrained: (() => void) | undefined
  readonly #options: FrontOptions
  readonly #dispatch: Dispatch
  readonly #connection: Connection
  readonly #passing: ClientSocket
  readonly #process: ChildProcess
  /** The dumps that are not complete, by their numbers. */
  readonly #dumps = new Map<number, Parts>()
  readonly #builder = new MessageBuilder()
  readonly #beat = new MessageBuilder().message(FRONT_BEAT, 0, 0).bytes
  /** The number of the request in hand. */
  #seq = 0
  /** The clients until the front is ready. */
  #clients: number[] | undefined = []
  #timer: NodeJS.Timeout | undefined
  /** True if a client waited to be accepted at the last look. */
  #wasWaiting = false
  #isOpen = true

  /** Starts the process. Throws an Error if memory is short, or if it is not permitted. */
  constructor(options: FrontOptions) {
    const {
      native,
      families,
      onDefect,
      vnet,
      listening,
      isRefusing,
      owners,
      captureGroup,
      beats,
      turns,
    } = options
    this.#options = options
    this.#dispatch = { families, onDefect, builder: new MessageBuilder() }
    const { operations: all, ...family } = vnet
    const operations = all.map(({ cmd, doit, dumpit }) => ({ cmd, doit: !!doit, dumpit: !!dumpit }))
    const data: FrontData = { isRefusing, owners, captureGroup, beats, family, operations }
    const [messages, theirMessages] = socketpair(native, SOCK_STREAM)
    const [clients, theirClients] = closingOnError(native, [messages, theirMessages], () =>
      socketpair(native, SOCK_SEQPACKET),
    )
    const theirs = [theirMessages, theirClients]
    this.#process = closingOnError(native, [messages, clients, ...theirs], () =>
      start(data, [...theirs, listening]),
    )
    closeFds(native, theirs)
    this.#passing = closingOnError(
      native,
      [messages, clients],
      () => new ClientSocket(native, clients, () => turns.add(this)),
    )
    const connection = Connection.of(native, messages, this)
    if (typeof connection === 'number') {
      this.#passing.close()
      throw new VnetError(connection, 'epoll_ctl')
    }
    connection.unref()
    this.#passing.poller.unref()
    this.#connection = connection
    this.#process.on('error', error => this.#fail(error))
    this.#process.on('exit', () =>
      this.#fail(new Error('the process for clients without rights has ended')),
    )
  }

  /** Passes a client to the front. */
  serve(fd: number): void {
    if (this.#clients === undefined) {
      this.#pass(fd)
    } else {
      this.#clients.push(fd)
    }
  }

  /** Reports to the front that this side returns to its event loop. */
  beat(): void {
    if (this.#isOpen) {
      this.send(this.#beat)
    }
  }

  /** Ends the front, and with it the connections of its clients. */
  close(): void {
    if (!this.#isOpen) return
    this.#release()
    closeFds(this.#options.native, this.#clients ?? [])
    this.#clients = undefined
  }

  send(bytes: Uint8Array): void {
    if (this.#connection.send(bytes) < 0) {
      this.#fail(new Error('the socket of the front is full'))
    }
  }

  dump(parts: Parts): void {
    this.#dumps.set(this.#seq, parts)
    this.#sendPart(this.#seq)
  }

  /** The front passes on clients that subscribe or capture. */
  notify(): boolean {
    return false
  }

  handOver(heir: Heir): void {
    heir.close()
  }

  step(): boolean {
    const connection = this.#connection
    if (!this.#isOpen) return false
    if (connection.pending > 0 || !this.#options.batches.admit(this)) {
      this.wait()
      return false
    }
    const client = this.#passing.receive()
    if (client !== undefined) {
      this.#options.take(client.fd, client.input)
    }
    if (client !== undefined || connection.receive(1) > 0) return true
    connection.resume()
    this.#passing.poller.start()
    return false
  }

  wait(): void {
    this.#connection.pause()
    this.#passing.poller.stop()
  }

  onReadable(): void {
    this.#options.turns.add(this)
  }

  onDrain(): void {
    this.#options.turns.add(this)
  }

  onMessage(bytes: Uint8Array, at: number, length: number): void {
    const { type, seq } = readMessage(bytes, at, at + length)
    this.#seq = seq
    if (type >= NLMSG_MIN_TYPE) {
      dispatch(this.#dispatch, this, bytes, at, length)
    } else if (type === FRONT_MORE) {
      this.#sendPart(seq)
    } else if (type === FRONT_FORGET) {
      this.#dumps.delete(seq)
    } else if (type === FRONT_READY) {
      this.#begin()
    }
  }

  onEnd(): void {
    this.#fail(new Error('the process for clients without rights has closed its socket'))
  }

  #sendPart(seq: number): void {
    const next = this.#dumps.get(seq)?.next()
    if (next === undefined) return
    this.send(next.value)
    if (next.done) {
      this.#dumps.delete(seq)
    } else {
      this.send(this.#builder.reset().message(FRONT_MORE, 0, seq).bytes)
    }
  }

  #begin(): void {
    const clients = this.#clients ?? []
    this.#clients = undefined
    for (const fd of clients) {
      this.#pass(fd)
    }
    this.#timer = setInterval(() => this.#check(), WAIT_MS).unref()
  }

  #pass(fd: number): void {
    this.#passing.send(fd)
    closeFd(this.#options.native, fd)
  }

  /** On a busy machine the front may get no time: this side then accepts for it, for the owner. */
  #check(): void {
    const { native, listening, onWaiting } = this.#options
    const isWaiting = native.poll(listening) > 0
    if (isWaiting && this.#wasWaiting) {
      onWaiting()
    }
    this.#wasWaiting = isWaiting
  }

  #fail(error: unknown): void {
    if (!this.#isOpen) return
    this.#release()
    this.#options.onDefect(error)
    this.#options.onFailure(this.#clients ?? [])
  }

  #release(): void {
    this.#isOpen = false
    clearInterval(this.#timer)
    this.#dumps.clear()
    // It would end with its socket, but only when a CPU is idle.
    this.#process.kill('SIGKILL')
    this.#connection.close()
    this.#passing.close()
    this.#options.turns.delete(this)
    this.#options.batches.delete(this)
  }
}

function socketpair(native: Native, type: number): [number, number] {
  const pair = new Int32Array(2)
  check(native.socketpair(type | SOCK_NONBLOCK, pair), 'socketpair')
  return [pair[0], pair[1]]
}

/** Starts the process with descriptors from FRONT_MESSAGES on. */
function start(data: FrontData, fds: readonly number[]): ChildProcess {
  const here = fileURLToPath(new URL('./front-process.js', import.meta.url))
  // The process runs built code, also if this module is a source, as in tests.
  const program = here.replace(/\/src(\/control\/server\/[^/]*)$/, '/dist$1')
  // The options in the environment would load the modules of the user.
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(process.execPath, [...NODE_ARGS, program, JSON.stringify(data)], {
    stdio: ['ignore', 'ignore', 'ignore', ...fds],
    env,
  })
  child.unref()
  // If the constructor throws, nothing else listens. The process ends with its sockets.
  child.on('error', () => {})
  return child
}

/** One end of the socket over which clients pass from one process to the other. */
export class ClientSocket {
  readonly #native: Native
  readonly #fd: number
  readonly poller: Poller
  readonly #bytes = new Uint8Array(1 + READ_MAX)
  readonly #found = new Int32Array(MESSAGE_DESCRIPTORS)
  #isReadable = false

  /** Takes over a descriptor; calls `onReadable` while a client waits. Throws a VnetError. */
  constructor(native: Native, fd: number, onReadable: () => void) {
    this.#native = native
    this.#fd = fd
    this.poller = startPoller(native, fd, () => {
      this.#isReadable = true
      onReadable()
    })
  }

  /** Sends a client, which also remains open here. Returns false while the socket is full. */
  send(fd: number, input: Uint8Array = new Uint8Array(0)): boolean {
    // A message without bytes would look like the end of the socket.
    const message = Buffer.concat([Uint8Array.of(0), input])
    return this.#native.sendDescriptors(this.#fd, message, MSG_DONTWAIT, Int32Array.of(fd)) >= 0
  }

  /** Returns the next client, if one waits. */
  receive(): { readonly fd: number; readonly input: Uint8Array } | undefined {
    if (!this.#isReadable) return undefined
    const length = this.#native.recvDescriptors(this.#fd, this.#bytes, MSG_DONTWAIT, this.#found)
    const [fd] = this.#found
    if (length > 0 && fd >= 0) return { fd, input: this.#bytes.slice(1, length) }
    this.#isReadable = false
    return undefined
  }

  close(): void {
    this.poller.close()
    closeFd(this.#native, this.#fd)
  }
}
