/**
 * Outside: everything that takes real time, so that the clock of a world in memory stands still
 * until it ends: requests to libuv's thread pool (files, crypto, zlib, dns.lookup), and real things
 * that were made while the world runs (sockets, pipes, child processes, worker threads).
 *
 * async_hooks report all of them in every version of Node, even if a program imported the function
 * before the world ran. process.getActiveResourcesInfo() leaves out crypto, zlib and,
 * since Node 26, readFile. The price, measured: an `await` takes 0.12 instead of 0.05 us on Node 20
 * and 22, and nothing since Node 24, where promises need not be tracked.
 */
import { createHook } from 'node:async_hooks'
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'
import { formatDuration } from 'vnet/internal/base/duration'
import { thread } from './real.ts'

export interface OutsideOptions {
  /** Real milliseconds without an event of a real thing after which the world continues. */
  readonly patience: number
  /** Is given each line about what the world no longer waits for. */
  readonly log: (line: string) => void
}

/** How many times as long as a real thing a request may take: it ends by itself. */
const REQUEST_PATIENCE = 12

/** A native object of Node. */
interface Wrap {
  getAsyncId(): number
  hasRef?(): boolean
  readonly pid?: number
}

/** `part` is an operation or a part of a real thing, such as a port of a worker thread. */
type Kind = 'request' | 'thing' | 'part' | 'called' | undefined

/** The types of real things in async_hooks, and their names in log lines. */
const THINGS: Readonly<Record<string, string>> = {
  PROCESSWRAP: 'a child process',
  WORKER: 'a worker thread',
  TCPWRAP: 'a real TCP connection',
  UDPWRAP: 'a real UDP socket',
  PIPEWRAP: 'a real pipe',
}
const PARTS = ['MESSAGEPORT', 'TCPCONNECTWRAP', 'PIPECONNECTWRAP', 'WRITEWRAP', 'SHUTDOWNWRAP', 'UDPSENDWRAP']
/** Types of objects that make many requests, each by a call of this method. */
const CALLED: Readonly<Record<string, string>> = { ZLIB: 'write', BLOBREADER: 'pull' }
/** FSREQCALLBACK, GETADDRINFOREQWRAP, SCRYPTREQUEST ... */
const REQUEST = /^(?!HTTP)[A-Z\d]*(REQ(UEST|CALLBACK|PROMISE|WRAP)?|QUERYWRAP)$/

interface Tracked {
  readonly kind: Kind
  readonly type: string
  /** For a thing. Weak, because nothing reports that it is closed. */
  readonly wrap?: WeakRef<Wrap>
}

export class Outside {
  readonly #options: OutsideOptions
  /** Called when `isBusy` may have changed. */
  readonly #onChange: () => void
  readonly #kinds = new Map<string, Kind>()
  readonly #tracked = new Map<number, Tracked>()
  readonly #patched: { readonly wrap: object; readonly name: string; readonly was: unknown }[] = []
  readonly #hook: ReturnType<typeof createHook>
  #requests = 0
  #things = 0
  #holds = 0
  #hasStirred = false
  /** Real ms of the last event. */
  #last = 0
  #deadline: NodeJS.Timeout | undefined

  constructor(options: OutsideOptions, onChange: () => void) {
    this.#options = options
    this.#onChange = onChange
    const hooks = {
      init: (id: number, type: string, _trigger: number, wrap: object) => this.#onInit(id, type, wrap),
      before: (id: number) => {
        if (this.#tracked.size > 0) this.#onBefore(id)
      },
      trackPromises: false,
    }
    this.#hook = createHook(hooks)
  }

  open(): void {
    this.#hook.enable()
  }

  close(): void {
    this.#hook.disable()
    for (const { wrap, name, was } of this.#patched) Object.defineProperty(wrap, name, { value: was })
    this.#patched.length = 0
    this.#tracked.clear()
    this.#requests = this.#things = 0
    thread.clearTimeout(this.#deadline)
  }

  /** Stops the clock until the returned function is called. */
  hold(): () => void {
    let isHeld = true
    this.#holds++
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#holds--
      this.#onChange()
    }
  }

  /** Returns whether a message has arrived in this thread since the last call: more may follow. */
  hasStirred(): boolean {
    const has = this.#hasStirred
    this.#hasStirred = false
    return has
  }

  /** Returns whether the clock must stand still. `onChange` reports that this may have changed. */
  isBusy(): boolean {
    if (this.#requests === 0 && this.#holds === 0 && !this.#hasThing()) return false
    const patience = this.#options.patience * (this.#requests > 0 ? REQUEST_PATIENCE : 1)
    if (this.#holds === 0 && thread.now() - this.#last >= patience) {
      this.#giveUp(patience)
      return false
    }
    // A closed handle is not reported, and neither is one that the program no longer refs.
    thread.clearTimeout(this.#deadline)
    this.#deadline = thread.setTimeout(this.#onChange, Math.min(patience, 20)).unref()
    return true
  }

  #onInit(id: number, type: string, wrap: object): void {
    if (type === 'PROMISE' || type === 'TickObject') return
    const kind = this.#kindOf(type)
    if (kind === undefined || !isWrap(wrap)) return
    if (kind === 'called') this.#watchCalls(wrap, type)
    // Its end is not reported. Its reader, a BLOBREADER, is.
    else if (wrap.constructor.name === 'FileHandleReadWrap') return
    else if (kind === 'thing') this.#add(id, { kind, type, wrap: new WeakRef(wrap) })
    else this.#add(id, { kind, type })
  }

  #kindOf(type: string): Kind {
    if (this.#kinds.has(type)) return this.#kinds.get(type)
    const kind =
      type in THINGS
        ? 'thing'
        : type in CALLED
          ? 'called'
          : PARTS.includes(type)
            ? 'part'
            : REQUEST.test(type)
              ? 'request'
              : undefined
    this.#kinds.set(type, kind)
    return kind
  }

  #add(id: number, tracked: Tracked): void {
    this.#last = thread.now()
    if (this.#tracked.has(id)) return
    this.#tracked.set(id, tracked)
    if (tracked.kind === 'request') this.#requests++
    else if (tracked.kind === 'thing') this.#things++
  }

  /** Before a callback of an object: an event. */
  #onBefore(id: number): void {
    const tracked = this.#tracked.get(id)
    if (tracked === undefined) return
    this.#last = thread.now()
    this.#hasStirred = true
    if (tracked.kind === 'request') {
      this.#tracked.delete(id)
      this.#requests--
    } else if (tracked.kind === 'part' && tracked.type !== 'MESSAGEPORT') this.#tracked.delete(id)
    this.#onChange()
  }

  /** Counts a request for each call of a method of a class of Node, until its next event. */
  #watchCalls(wrap: Wrap, type: string): void {
    const name = CALLED[type] as string
    const prototype = Object.getPrototypeOf(wrap) as Record<string, (...args: unknown[]) => unknown>
    const was = prototype[name]
    if (was === undefined || this.#patched.some(patch => patch.wrap === prototype)) return
    const start = (id: number) => this.#add(id, { kind: 'request', type })
    const value = function (this: Wrap, ...args: unknown[]): unknown {
      start(this.getAsyncId())
      return was.apply(this, args)
    }
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true })
    this.#patched.push({ wrap: prototype, name, was })
  }

  /** Whether a real thing is open and keeps the process alive. Forgets freed things. */
  #hasThing(): boolean {
    if (this.#things === 0) return false
    let has = false
    for (const [id, { wrap }] of this.#tracked) {
      if (wrap === undefined) continue
      const thing = wrap.deref()
      if (thing === undefined) {
        this.#tracked.delete(id)
        this.#things--
      } else if (thing.hasRef?.() === true) has = true
    }
    return has
  }

  #giveUp(patience: number): void {
    const isOfProcess = new Set<unknown>()
    for (const { wrap, type } of this.#tracked.values()) {
      if (type === 'PROCESSWRAP') for (const pipe of pipesOf(wrap?.deref())) isOfProcess.add(pipe)
    }
    const after = formatDuration(patience * NSEC_PER_MSEC)
    for (const [id, { kind, type, wrap }] of this.#tracked) {
      const thing = wrap?.deref()
      if (kind === 'request') this.#requests--
      else if (kind !== 'thing' || thing?.hasRef?.() !== true) continue
      else this.#things--
      this.#tracked.delete(id)
      if (isOfProcess.has(thing)) continue
      const what = THINGS[type] ?? 'a request of the thread pool'
      this.#options.log(
        `vnet: the lab waits for ${what}${detailsOf(type, thing)}: in a lab in memory only programs in Node's own ` +
          `thread have its time; after ${after} without an event its clock runs on`,
      )
    }
  }
}

function isWrap(object: object): object is Wrap {
  return 'getAsyncId' in object
}

/** Returns the object of a program to which a native object belongs. */
function ownerOf(wrap: Wrap | undefined): Record<string, unknown> | undefined {
  const key = wrap && Object.getOwnPropertySymbols(wrap).find(symbol => symbol.description === 'owner_symbol')
  return key && (wrap as unknown as Record<symbol, Record<string, unknown>>)[key]
}

/** Returns the native pipes of a child process's standard streams. */
function pipesOf(wrap: Wrap | undefined): unknown[] {
  const stdio = ownerOf(wrap)?.stdio
  return Array.isArray(stdio) ? stdio.filter(Boolean).map(stream => stream._handle) : []
}

/** Returns what identifies a thing, such as ` (node server.js, pid 123)`. */
function detailsOf(type: string, wrap: Wrap | undefined): string {
  if (type.endsWith('REQUEST') || wrap === undefined) return ` (${type})`
  const owner = ownerOf(wrap)
  if (type === 'PROCESSWRAP') {
    const args = owner?.spawnargs
    const words = Array.isArray(args) ? `${args.join(' ')}, ` : ''
    return ` (${words}pid ${wrap.pid})`
  }
  const port = owner?.remotePort
  return port === undefined ? '' : ` (to ${owner?.remoteAddress}:${port})`
}
