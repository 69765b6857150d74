/** The page's side of the playground's worker: it starts one, and ends one that hangs. */
import type { CommandRequest, CommandResult, FeedMessage } from '@vnet/web/kit'
import { syntaxErrorIn } from '../check.ts'
import { type ConfinedWorker, confinedWorker, silence } from '../confined-worker.ts'
import type { PlaygroundDriver, PlaygroundReply, PlaygroundRequest } from './messages.ts'

/** Milliseconds without a beat, of which one arrives every second. */
const SILENCE_MS = 5000
/** Milliseconds until the first message: the worker may wait for the network. */
const LOADING_MS = 60_000
/**
 * Lines of the log between two messages of the worker's own, of which it sends one a second: a
 * number that is the same on a page that is too slow to handle them in that time.
 */
const LINES_MAX = 1000

/** The page, as its worker sees it. */
export interface LinkListener {
  receive(message: FeedMessage): void
  /** A line about what programs at the hosts see, or about the worker. */
  log(line: string): void
  /** The worker has ended. */
  ended(): void
}

type Reply = Extract<PlaygroundReply, { readonly reply: number }>
type Sent = Exclude<PlaygroundRequest, { readonly do: 'start' | 'command' | 'capture' }>

/**
 * The page's link to the worker of the current driver, which runs from start() to its end. A worker
 * that is silent for SILENCE_MS, or logs without end, is ended.
 */
export class CarriedLink {
  readonly #url: string
  readonly #listener: LinkListener
  readonly #waiting = new Map<number, (reply: Reply | undefined) => void>()
  #worker: Worker | undefined
  #endWorker: ConfinedWorker['end'] | undefined
  #starts = 0
  #sequence = 0
  readonly #silence = silence(ms =>
    this.#end(
      `The driver has not returned for ${ms / 1000} s: a loop without end. It was stopped.`,
    ),
  )

  /** `url` is the bundle's playground-worker.js. */
  constructor(url: string, listener: LinkListener) {
    this.#url = url
    this.#listener = listener
  }

  /** Starts a driver in a new worker, and ends the one before. */
  async start(driver: PlaygroundDriver, wire: string): Promise<void> {
    this.close()
    const start = ++this.#starts
    const syntaxError = typeof driver === 'string' ? undefined : await syntaxErrorIn(driver.text)
    if (start !== this.#starts) return
    const { worker, end } = await confinedWorker(this.#url)
    if (start !== this.#starts) return end()
    this.#worker = worker
    this.#endWorker = end
    let lines = 0
    worker.addEventListener('message', (event: MessageEvent<PlaygroundReply>) => {
      if (worker !== this.#worker) return
      lines = 'told' in event.data ? lines + 1 : 0
      if (lines > LINES_MAX) {
        this.#end('The driver logs lines without end. It was stopped.')
      } else {
        this.#take(event.data)
      }
    })
    worker.addEventListener('error', event => {
      event.preventDefault()
      if (worker === this.#worker) {
        this.#end(`The driver has ended: ${event.message ?? `${this.#url} does not load`}.`)
      }
    })
    this.#silence.restart(LOADING_MS)
    worker.postMessage({ do: 'start', driver, wire, syntaxError } satisfies PlaygroundRequest)
  }

  send(request: Sent): void {
    this.#worker?.postMessage(request)
  }

  /**
   * Sends a command and returns its result. Never rejects: if the worker has ended, the result says
   * so.
   */
  async command({ id, command }: CommandRequest): Promise<CommandResult> {
    const reply = await this.#ask(seq => ({ do: 'command', seq, id, command }))
    return reply !== undefined && 'result' in reply
      ? reply.result
      : { ok: false, message: 'The driver has ended.' }
  }

  /** Returns a pcapng file of the latest frames; undefined if the worker has ended. */
  async capture(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const reply = await this.#ask(seq => ({ do: 'capture', seq }))
    return reply !== undefined && 'capture' in reply ? Uint8Array.from(reply.capture) : undefined
  }

  /** Ends the worker without a line about it. */
  close(): void {
    this.#starts++
    this.#silence.stop()
    this.#endWorker?.()
    this.#endWorker = undefined
    this.#worker = undefined
    for (const resolve of this.#waiting.values()) {
      resolve(undefined)
    }
    this.#waiting.clear()
  }

  #ask(request: (seq: number) => PlaygroundRequest): Promise<Reply | undefined> {
    const worker = this.#worker
    if (worker === undefined) return Promise.resolve(undefined)
    const seq = ++this.#sequence
    return new Promise(resolve => {
      this.#waiting.set(seq, resolve)
      worker.postMessage(request(seq))
    })
  }

  #take(data: PlaygroundReply): void {
    // A loop that logs is one, too: only the worker's own messages end the silence.
    if (!('told' in data)) {
      this.#silence.restart(SILENCE_MS)
    }
    if ('feed' in data) {
      this.#listener.receive(data.feed)
    } else if ('told' in data) {
      this.#listener.log(data.told)
    } else if ('reply' in data) {
      this.#waiting.get(data.reply)?.(data)
      this.#waiting.delete(data.reply)
    }
  }

  #end(line: string): void {
    this.close()
    this.#listener.log(line)
    this.#listener.ended()
  }
}
