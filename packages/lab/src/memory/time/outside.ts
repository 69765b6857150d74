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
import { AsyncResource, createHook } from 'node:async_hooks'
import { NSEC_PER_MSEC } from 'vnet'
import { formatDuration } from 'vnet/kit/base'
import { type Kind, kindOf, methodOf, nameOf, pipesOf, type Wrap } from './async-types.ts'
import { Patches } from './globals.ts'
import { thread } from './real.ts'

interface OutsideOptions {
  /** Real milliseconds without an event of a real thing after which the world continues. */
  readonly patience: number
  /** Is given each line about what the world no longer waits for. */
  readonly log: (line: string) => void
}

/** How many times as long as a real thing a request may take: it ends by itself. */
const REQUEST_PATIENCE = 12
/** Real ms between two looks at what no event reports. */
const LOOK = 20
/** For requests of before the world: a program just starts, and they take less than 1 ms. */
const LOOK_AT_EARLIER = 1

interface FileWrap extends Wrap {
  readonly onread?: unknown
  readonly bytesRead: number
}

interface Tracked {
  readonly kind: Kind
  readonly type: string
  /** Weak, because nothing reports that a thing is closed, or that a part of it is not used. */
  readonly wrap: WeakRef<Wrap>
}

/**
 * Watches what the program waits for outside of virtual time, such as files, child processes and
 * real sockets. While it waits, the clock stands still, but not longer than `patience` without an
 * event.
 */
export class Outside {
  readonly #options: OutsideOptions
  /** Called when `isBusy` may have changed. */
  readonly #onChange: () => void
  readonly #tracked = new Map<number, Tracked>()
  /** The ids of callers. */
  readonly #callers = new WeakMap<object, number>()
  /** The files that Node has opened, by their ids. */
  readonly #files = new Map<number, WeakRef<FileWrap>>()
  readonly #patches = new Patches()
  readonly #hook: ReturnType<typeof createHook>
  #requests = 0
  /** Whether requests of before `open` may be pending, whose end no hook reports. */
  #mayHaveEarlier = true
  /** Called when no request is pending. */
  readonly #afterRequests: (() => void)[] = []
  /** Whether a program has sent a datagram, and may wait for a reply. */
  #hasSent = false
  #holds = 0
  #hasStirred = false
  /** Inside a caller's method. */
  #isCalling = false
  /** Real ms of the last event. */
  #last = 0
  #deadline: NodeJS.Timeout | undefined

  constructor(options: OutsideOptions, onChange: () => void) {
    this.#options = options
    this.#onChange = onChange
    const hooks = {
      init: (id: number, type: string, trigger: number, wrap: object) =>
        this.#onInit(id, type, trigger, wrap as Wrap),
      before: (id: number) => {
        if (this.#tracked.size > 0) {
          this.#onBefore(id)
        }
      },
      trackPromises: false,
    }
    this.#hook = createHook(hooks)
  }

  open(): void {
    // Made now, if a program has not used them yet, so that they are not taken for its pipes.
    void [process.stdout, process.stderr]
    this.#last = thread.now()
    this.#hook.enable()
    // fetch of Node 20 and 22 compiles its parser when it is first used.
    const wasm = Reflect.get(globalThis, 'WebAssembly') as object
    this.#holdWhile(wasm, 'compile')
    this.#holdWhile(wasm, 'instantiate')
  }

  close(): void {
    this.#hook.disable()
    this.#patches.restore()
    this.#tracked.clear()
    this.#files.clear()
    this.#requests = 0
    this.#hasSent = false
    thread.clearTimeout(this.#deadline)
    this.#endRequests()
  }

  get hasRequests(): boolean {
    return this.#requests > 0
  }

  /** Ends a request of which no event reports the end. */
  ended(id: number): void {
    this.#onBefore(id)
  }

  /** Calls `fn` when no request is pending. */
  afterRequests(fn: () => void): void {
    this.#afterRequests.push(fn)
  }

  /** The number of native objects that can cause an event, and were not freed. */
  get size(): number {
    this.#forgetFreed()
    return this.#tracked.size
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

  /**
   * Whether, since `expectNothing`, a program has queued an immediate or a message has arrived in
   * this thread. More may follow then, so the event loop has to turn once more.
   */
  get hasStirred(): boolean {
    return this.#hasStirred
  }

  /** The thing that it waits for, as log lines call it. */
  get awaited(): readonly string[] {
    const names = this.#earlierRequests().map(type => nameOf(type, undefined))
    for (const { kind, type, wrap } of this.#tracked.values()) {
      const thing = wrap.deref()
      if (kind === 'request' || (kind === 'thing' && this.#isOpen(type, thing))) {
        names.push(nameOf(type, thing))
      }
    }
    return names
  }

  /** Whether it waits for a request or a real thing. */
  get isWaiting(): boolean {
    return (
      this.#requests > 0 ||
      this.#holds > 0 ||
      this.#hasThing() ||
      this.#earlierRequests().length > 0
    )
  }

  expectNothing(): void {
    this.#hasStirred = false
  }

  /**
   * Returns whether the clock must stand still. `onChange` reports that this may have changed. With
   * `isRef`, the process is kept alive until then.
   */
  isBusy(isRef: boolean): boolean {
    // A pending look would be taken for something that keeps the process alive.
    thread.clearTimeout(this.#deadline)
    if (!this.isWaiting) return false
    const patience = this.#options.patience * (this.#requests > 0 ? REQUEST_PATIENCE : 1)
    if (this.#holds === 0 && thread.now() - this.#last >= patience) {
      this.#giveUp(patience)
      return false
    }
    // A closed handle is not reported, and neither is one that the program no longer refs.
    const look = this.#earlierRequests().length > 0 ? LOOK_AT_EARLIER : LOOK
    this.#deadline = thread.setTimeout(this.#onChange, Math.min(patience, look))
    if (!isRef) {
      this.#deadline.unref()
    }
    return true
  }

  #onInit(id: number, type: string, trigger: number, wrap: Wrap | AsyncResource): void {
    if (type === 'PROMISE' || type === 'TickObject') return
    if (type === 'Immediate') {
      this.#hasStirred = true
      return
    }
    const kind = kindOf(type)
    if (type === 'FILEHANDLE') {
      this.#files.set(id, new WeakRef(wrap as FileWrap))
    }
    if (type === 'FSREQCALLBACK' && this.#files.has(trigger)) {
      this.#onRead(trigger, type, wrap as Wrap)
      return
    }
    // A program may have types of its own with such a name.
    if (kind === undefined || wrap instanceof AsyncResource) return
    // The end of a read for a blob is not reported, but the end of `pull`, which waits for it, is.
    if (kind !== 'caller' && (this.#isCalling || wrap.constructor === Object)) return
    if (kind === 'caller') {
      this.#watchCalls(id, wrap, type)
    } else {
      this.#add(id, { kind, type, wrap: new WeakRef(wrap) })
      if (type === 'UDPWRAP') {
        this.#watchSends(wrap)
      }
    }
  }

  /**
   * C++ reads a file, for respondWithFile() of HTTP/2 or for a blob. Only the end of the file is
   * reported, so this polls for other bytes. If the stream of HTTP/2 were closed or the file freed
   * in the meantime, Node would crash at the end of the read.
   */
  #onRead(id: number, type: string, wrap: Wrap): void {
    const file = this.#files.get(id)?.deref()
    // Files of blobs have no listener.
    if (file?.onread === undefined) return
    const from = file.bytesRead
    const read: Tracked = { kind: 'request', type, wrap: new WeakRef(wrap) }
    const poll = () => {
      if (this.#tracked.get(id) !== read) return
      if (file.bytesRead === from) {
        thread.setImmediate(poll)
      } else {
        this.#onBefore(id)
      }
    }
    // The read before has ended.
    if (this.#tracked.has(id)) {
      this.#endRequest(id)
    }
    this.#add(id, read)
    thread.setImmediate(poll)
  }

  #add(id: number, tracked: Tracked): void {
    this.#last = thread.now()
    if (this.#tracked.has(id)) return
    this.#tracked.set(id, tracked)
    if (tracked.kind === 'request') {
      this.#requests++
    }
  }

  /** Before a callback of an object: an event. */
  #onBefore(id: number): void {
    const tracked = this.#tracked.get(id)
    if (tracked === undefined) return
    this.#last = thread.now()
    this.#hasStirred = true
    if (tracked.kind === 'request') {
      this.#endRequest(id)
    } else if (tracked.kind === 'part' && tracked.type !== 'MESSAGEPORT') {
      this.#tracked.delete(id)
    }
    this.#onChange()
  }

  #endRequest(id: number): void {
    if (this.#tracked.delete(id) && --this.#requests === 0) {
      this.#endRequests()
    }
  }

  #endRequests(): void {
    for (const fn of this.#afterRequests.splice(0)) {
      fn()
    }
  }

  /** Counts a request for each call of a caller's method, until the caller's next event. */
  #watchCalls(id: number, wrap: Wrap, type: string): void {
    this.#callers.set(wrap, id)
    this.#patches.wrap(Object.getPrototypeOf(wrap), methodOf(type) as string, (self, args, was) => {
      const caller = this.#callers.get(self)
      if (caller !== undefined) {
        this.#add(caller, { kind: 'request', type, wrap: new WeakRef(self) })
      }
      this.#isCalling = true
      try {
        const result = Reflect.apply(was, self, args)
        // The result of a job of crypto that ran in this thread: no event follows.
        if (caller !== undefined && Array.isArray(result)) {
          this.#endRequest(caller)
        }
        return result
      } finally {
        this.#isCalling = false
      }
    })
  }

  #watchSends(wrap: Wrap): void {
    for (const name of ['send', 'send6']) {
      this.#patches.wrap(Object.getPrototypeOf(wrap), name, (self, args, was) => {
        this.#hasSent = true
        this.#last = thread.now()
        return Reflect.apply(was, self, args)
      })
    }
  }

  /** Stops the clock until the promise of a function is settled: work of other threads of V8. */
  #holdWhile(owner: object, name: string): void {
    this.#patches.wrap(owner, name, (self, args, was) => {
      const promise = Reflect.apply(was, self, args) as Promise<unknown>
      const release = this.hold()
      promise.then(release, release)
      return promise
    })
  }

  /** Whether a real thing is open and keeps the process alive. */
  #hasThing(): boolean {
    if (this.#tracked.size === 0) return false
    this.#forgetFreed()
    for (const { kind, type, wrap } of this.#tracked.values()) {
      if (kind === 'thing' && this.#isOpen(type, wrap.deref())) return true
    }
    return false
  }

  /**
   * Returns the types of the requests that were pending before `open` and are still, such as the
   * close of a module's file by Node 20. Node lists no requests of crypto and zlib.
   */
  #earlierRequests(): string[] {
    if (!this.#mayHaveEarlier || this.#requests > 0) return []
    const types = process.getActiveResourcesInfo().map(name => name.toUpperCase())
    const requests = types.filter(type => kindOf(type) === 'request')
    this.#mayHaveEarlier = requests.length > 0
    return requests
  }

  /** Forgets freed objects, except requests: another thread works on them. */
  #forgetFreed(): void {
    for (const [id, { kind, wrap }] of this.#tracked) {
      if (kind !== 'request' && wrap.deref() === undefined) {
        this.#tracked.delete(id)
      }
    }
  }

  /** Whether a thing is open, has a ref, and is neither standard input nor an idle UDP server. */
  #isOpen(type: string, thing: Wrap | undefined): boolean {
    return thing?.hasRef?.() === true && thing.fd !== 0 && (type !== 'UDPWRAP' || this.#hasSent)
  }

  #giveUp(patience: number): void {
    const isOfProcess = new Set<unknown>()
    for (const { wrap, type } of this.#tracked.values()) {
      if (type === 'PROCESSWRAP') {
        for (const pipe of pipesOf(wrap.deref())) {
          isOfProcess.add(pipe)
        }
      }
    }
    const given = this.#earlierRequests().map(type => nameOf(type, undefined))
    this.#mayHaveEarlier = false
    for (const [id, { kind, type, wrap }] of this.#tracked) {
      const thing = wrap.deref()
      if (kind === 'request') {
        this.#requests--
      } else if (kind !== 'thing' || !this.#isOpen(type, thing)) {
        continue
      }
      this.#tracked.delete(id)
      if (!isOfProcess.has(thing)) {
        given.push(nameOf(type, thing))
      }
    }
    const after = formatDuration(patience * NSEC_PER_MSEC)
    for (const name of given) {
      this.#options.log(
        `vnet: the lab waits for ${name}: in a lab in memory real programs take real time, and after ` +
          `${after} without an event the clock no longer waits for this one`,
      )
    }
    this.#endRequests()
  }
}
