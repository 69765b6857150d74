/** LabProcess: the process of the lab, seen by the process that relays. */
import { type ChildProcess, fork } from 'node:child_process'
import type dgram from 'node:dgram'
import { once } from 'node:events'
import { Socket } from 'node:net'
import { UsageError } from 'vnet'
import { builtModule } from '../model/built-module.ts'
import { LabUnavailableError } from '../model/index.ts'
import type { WireDirections } from '../world/wire-spec.ts'

/** Where connections of a proxy cross the link: a port of the host `server`. */
export type LinkAddress = Readonly<{ port: number; address: string; isUdp: boolean }>

/** The calls that the process of the lab runs (lab-main.ts), with their arguments and results. */
interface LabCalls {
  /** Takes a port of the host `server` on the link; for TCP, it also listens there. */
  listen(isUdp: boolean, isV6: boolean): LinkAddress
  /** Frees such a port. TCP connections that are being made through it fail. */
  unlisten(port: number): undefined
  /** Connects by TCP over the link: `near` is the end of `client`, `far` the end of `server`. */
  connect(at: LinkAddress): readonly [near: Socket, far: Socket]
  /** Binds a UDP socket at `server` to the port of `at`, or one at `client` to any port. */
  bind(isServer: boolean, at: LinkAddress): readonly [dgram.Socket]
  /** Sets the impairments of the given directions. */
  wire(texts: WireDirections): undefined
}

export type LabCall = {
  [K in keyof LabCalls]: {
    readonly id: number
    readonly call: K
    readonly args: Parameters<LabCalls[K]>
  }
}[keyof LabCalls]

/**
 * A message of the process of the lab: the reply to call `id`, or a socket before it. `id` 0 is the
 * first message: the lab is ready, or could not be made, with the error.
 */
export interface LabReply {
  readonly id: number
  /** A socket comes with the message. Node drops both if the process may open no more files. */
  readonly isSocket?: boolean
  /** The result. After sockets it is their number, so no call has a number as its result. */
  readonly value?: unknown
  /** The reason for which the call failed, and whether it is a mistake of the user. */
  readonly error?: string
  readonly isUsage?: boolean
  /** The command that enters the namespaces of the lab, if it has some of its own. */
  readonly enter?: string | undefined
}

/** A call without its reply. It owns the sockets that have arrived until it returns them. */
interface Pending {
  readonly sockets: (Socket | dgram.Socket)[]
  resolve(value: never): void
  reject(error: Error): void
}

/**
 * The other process, in which the lab runs. Sockets that a call returns are the caller's. After the
 * process has ended, calls reject with the reason.
 */
export class LabProcess {
  /** Settles when calls are possible. Rejects with a LabUnavailableError that says why not. */
  readonly ready: Promise<void>
  /** Resolves with the reason, as an error, when the process has ended. Never rejects. */
  readonly ended: Promise<Error>
  readonly #child: ChildProcess
  readonly #pending = new Map<number, Pending>()
  #isReady = false
  /** Ends the start: Node reports no end of the streams of a child that was disconnected. */
  #stopStart = () => {}
  #enter: string | undefined
  #lastId = 0
  #failure: Error | undefined

  private constructor(child: ChildProcess) {
    this.#child = child
    this.ready = this.#start()
    this.ready.catch(() => {})
    const why = ([status, signal]: (number | string | null)[]) =>
      new Error(`the process of the lab has ended (${signal ?? `status ${status}`})`)
    // A process that could not be started has no end.
    const failure = once(child, 'exit').then(why, (error: Error) => error)
    this.ended = failure.then(error => this.#end(error))
  }

  /** Starts the lab, which the caller closes. */
  static start(seed: number): LabProcess {
    const stdio = ['ignore', 'ignore', 'pipe', 'ipc'] as const
    const child = fork(builtModule('./lab-main.ts', import.meta.url), [`${seed}`], {
      stdio: [...stdio],
      execArgv: [],
      // Ctrl-C does not reach another session: the relays end first, then the lab.
      detached: true,
    })
    return new LabProcess(child)
  }

  get isReady(): boolean {
    return this.#isReady
  }

  /** The command that enters the namespaces of the lab, if it has some of its own. */
  get enter(): string | undefined {
    return this.#enter
  }

  async #start(): Promise<void> {
    const child = this.#child
    const first = once(child, 'message').then(([reply]: LabReply[]) => reply)
    const ended = reasonOfEnd(child).then(reason => ({ id: 0, error: reason }))
    const stopped = new Promise<LabReply>(resolve => {
      this.#stopStart = () => resolve({ id: 0, error: '' })
    })
    const { error, enter } = (await Promise.race([first, ended, stopped])) as LabReply
    // Killed, it has no reason.
    if (error === '') throw await this.ended
    if (error !== undefined) throw new LabUnavailableError(error)
    this.#isReady = true
    this.#enter = enter
    child.on('message', (reply: LabReply, handle) => this.#settle(reply, handle))
    child.stderr?.removeAllListeners('data').pipe(process.stderr)
  }

  /**
   * Runs a call in the process of the lab. Rejects with a UsageError for a mistake of the user, and
   * with an Error for any other failure; sockets that have arrived are then closed.
   */
  call<K extends keyof LabCalls>(
    call: K,
    ...args: Parameters<LabCalls[K]>
  ): Promise<ReturnType<LabCalls[K]>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { sockets: [], resolve, reject })
      // A failure is followed by the end of the process.
      this.#child.send({ id, call, args }, () => {})
    })
  }

  /**
   * Closes the lab, also one that is not ready, and waits for the end of its process. Pending calls
   * reject.
   */
  async close(): Promise<void> {
    if (this.#child.connected) {
      this.#child.disconnect()
    }
    await this.ended
    this.#stopStart()
  }

  #end(failure: Error): Error {
    this.#failure = failure
    for (const pending of this.#pending.values()) {
      fail(pending, failure)
    }
    this.#pending.clear()
    return failure
  }

  #settle({ id, isSocket = false, value, error, isUsage }: LabReply, handle: unknown): void {
    const pending = this.#pending.get(id)
    if (isSocket) {
      if (handle !== undefined) {
        pending?.sockets.push(socketOf(handle))
      }
      return
    }
    this.#pending.delete(id)
    if (pending === undefined) return
    const { sockets } = pending
    if (error !== undefined) {
      fail(pending, isUsage ? new UsageError(error) : new Error(error))
    } else if (typeof value !== 'number') {
      pending.resolve(value as never)
    } else if (sockets.length === value) {
      pending.resolve(sockets as never)
    } else {
      fail(pending, new Error('too many open files'))
    }
  }
}

/**
 * Collects the standard error of a child process. Resolves when it has ended, with this text
 * without the name of the program.
 */
export async function reasonOfEnd(child: ChildProcess): Promise<string> {
  let output = ''
  child.stderr?.setEncoding('utf8').on('data', text => {
    output += text
  })
  // Not 'exit': a part of the text may still be unread.
  await once(child, 'close')
  return output.trim().replace(/^vnet: /, '')
}

function fail({ sockets, reject }: Pending, error: Error): void {
  for (const socket of sockets) {
    socket instanceof Socket ? socket.destroy() : socket.close()
  }
  reject(error)
}

/** Returns a datagram socket as it is, and the socket of a TCP handle, which reads nothing yet. */
function socketOf(handle: unknown): Socket | dgram.Socket {
  const isUdp = typeof (handle as dgram.Socket).address === 'function'
  return isUdp ? (handle as dgram.Socket) : new Socket({ handle, allowHalfOpen: true } as object)
}
