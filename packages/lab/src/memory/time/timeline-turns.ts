/**
 * Turns: lets a timeline ring when nothing else can run. It takes a turn of the event loop, an
 * immediate, for each entry. Between two turns, Node runs all microtasks, ticks, immediates and
 * events. A turn rings nothing if another immediate ran before it or was queued after it, or if
 * `Outside` is busy.
 *
 * A turn with its checks takes about 1 us. Without armed entries it takes no turns, and the
 * process may end.
 */
import type { Outside } from './outside.ts'
import { thread } from './real.ts'
import type { Timeline } from './timeline.ts'

/** The turns after which time passes for a program that always queues another immediate. */
const STIRS_MAX = 10_000

export class TimelineTurns {
  readonly #timeline: Timeline
  readonly #outside: Outside
  #isScheduled = false
  #isRunning = false
  /** The scheduled turn, or the last one. */
  #next: NodeJS.Immediate | undefined
  /**
   * Whether code of the program runs before the scheduled turn. It may have sent a message, which
   * arrives before the next turn, or queued an immediate of Node's C++ parts, such as a write of
   * HTTP/2, which no hook reports.
   */
  #isFollowed = false
  #isRinging = false
  #stirs = 0
  #rung = 0
  readonly #many: number
  readonly #onMany: () => void

  /** `onMany` is called once, when `many` entries have rung. */
  constructor(timeline: Timeline, outside: Outside, many: number, onMany: () => void) {
    this.#timeline = timeline
    this.#outside = outside
    this.#many = many
    this.#onMany = onMany
  }

  start(): void {
    this.#isRunning = true
    this.#timeline.onArm = this.wake
    this.wake()
  }

  /** No entry rings after it. */
  stop(): void {
    this.#isRunning = false
    this.#timeline.onArm = () => {}
  }

  /** Makes a turn follow, if it is not scheduled and something is armed. */
  readonly wake = (): void => {
    if (!this.#isRunning || this.#timeline.size === 0) return
    if (!this.#isRinging) {
      this.#isFollowed = true
    }
    this.#follow()
  }

  #follow(): void {
    if (!this.#isRunning || this.#timeline.size === 0) return
    if (this.#isScheduled) {
      if (this.#timeline.isRef) {
        this.#next?.ref()
      }
      return
    }
    this.#isScheduled = true
    // Entries of a network must not run in the context of the program that armed the first one.
    thread.root.runInAsyncScope(this.#schedule)
  }

  readonly #schedule = (): void => {
    if (this.#outside.hasStirred) {
      this.#isFollowed = true
    }
    this.#next = thread.setImmediate(this.#turn)
    if (!this.#timeline.isRef && !isLoopAlive()) {
      this.#next.unref()
    }
    // Immediates that are queued already run before this one.
    this.#outside.expectNothing()
  }

  readonly #turn = (): void => {
    this.#isScheduled = false
    if (!this.#isRunning) return
    const isFollowed = this.#isFollowed || this.#outside.hasStirred
    this.#isFollowed = false
    if (isFollowed && ++this.#stirs < STIRS_MAX) {
      this.#follow()
      return
    }
    // When that may have changed, it calls `wake`.
    if (this.#outside.isBusy(this.#timeline.isRef)) return
    this.#stirs = 0
    if (++this.#rung === this.#many) {
      this.#onMany()
    }
    this.#isRinging = true
    try {
      this.#timeline.ringNext()
    } finally {
      this.#isRinging = false
      // An exception of an entry is uncaught, as in Node, and the others still ring.
      this.#follow()
    }
  }
}

/** Handles that have a ref even if they wait for nothing, such as standard output. */
const MAYBE = ['PipeWrap', 'TCPSocketWrap', 'TTYWrap']

/** A native stream of Node: the handle of a socket. */
interface Stream {
  readonly reading?: boolean
  /** Bytes. */
  readonly writeQueueSize?: number
}

/** Returns whether something other than this world keeps the process alive. */
function isLoopAlive(): boolean {
  if (process.connected && process.listenerCount('message') > 0) return true
  const names = process.getActiveResourcesInfo().filter(name => name !== 'Immediate')
  return names.some(name => !MAYBE.includes(name)) || streams().some(isUsed)
}

/** The handles that Node lists, of which others than streams have names of their own. */
function streams(): Stream[] {
  const { _getActiveHandles: handles } = process as unknown as {
    _getActiveHandles(): (Stream & { readonly _handle?: Stream })[]
  }
  return handles().map(each => each._handle ?? each)
}

/** Whether a stream waits for bytes, or for others to take them. */
function isUsed({ reading, writeQueueSize = 0 }: Stream): boolean {
  return reading === true || writeQueueSize > 0
}
