/**
 * PortReader: reads the queues of a port while nothing prevents it. Otherwise they are paused, and
 * frames remain in the kernel's own ring, which is the back-pressure. It is the transmit side of a
 * device (tx-queue.ts) and the reading side of a Tap (linux/tap/reader.ts).
 */
import { type Clock, EBADFD, ENOBUFS } from '../base/index.ts'

/** Frames that one native call reads at most. */
export const BATCH = 16
/** Frames that one poll handles before other descriptors and timers have their turn. */
export const BUDGET = 64
/**
 * Nanoseconds after its first batch after which a poll reads no other batch, even if its budget is
 * not spent: frames of 64 KiB take 20 times as long as short ones, and the frames of other devices
 * wait meanwhile. A poll of one small batch, which most are, does not read the clock.
 */
const POLL_NS = 100_000
/** A queue that returned this many frames is read again: a batch of large frames may end early. */
export const BUSY = 4
/** 2^4 frames made in a poll, segments and copies, cost as much of its budget as one read. */
const MADE_SHIFT = 4

/** Why nothing is read; bits of `state`. A subclass has its own bits from OWN_REASON on. */
const NO_SLOT = 1 << 0
export const READ_FAILED = 1 << 1
export const OWN_REASON = 1 << 2

/** Milliseconds after a failed read: a queue that cannot be read is readable all the time. */
const REREAD_MS = 10

/**
 * Calls `readBatch`, which reads and handles some frames and returns how many, until it returns
 * few, POLL_NS of the clock are over, or the budget is spent on frames that were read and frames
 * that were made of them. `handled` is called after each batch. Returns true if more may wait.
 */
export function pollBatches(
  pool: { readonly allocated: number },
  readBatch: () => number,
  handled: () => void = () => {},
  clock?: Pick<Clock, 'now'>,
): boolean {
  let budget = BUDGET
  let end = 0
  while (budget > 0) {
    const before = pool.allocated
    const n = readBatch()
    if (n <= 0) break
    handled()
    budget -= n + ((pool.allocated - before) >> MADE_SHIFT)
    if (n < BUSY) break
    if (clock === undefined) continue
    const now = clock.now()
    if (end === 0) {
      end = now + POLL_NS
    } else if (now >= end) {
      break
    }
  }
  return budget <= BUDGET - BUSY
}

export abstract class PortReader {
  /** 0 while it reads. */
  protected state: number

  constructor(state: number) {
    this.state = state
  }

  /** Reads again: the memory has room. */
  slotFreed(): void {
    this.clear(NO_SLOT)
  }

  protected set(reason: number): void {
    if (this.state === 0) {
      this.pauseReading()
    }
    this.state |= reason
  }

  protected clear(reason: number): void {
    if ((this.state & reason) === 0) return
    this.state &= ~reason
    if (this.state === 0) {
      this.resumeReading()
    }
  }

  /** Only EBADFD means that the interface was deleted. Any other error may pass. */
  protected readFailed(error: number): void {
    if (error === -EBADFD) {
      this.lost()
    } else if (error === -ENOBUFS) {
      this.set(NO_SLOT)
      this.waitForSlot()
    } else {
      this.set(READ_FAILED)
      this.reread(REREAD_MS, error)
    }
  }

  protected abstract pauseReading(): void
  protected abstract resumeReading(): void
  /** Calls slotFreed() once the account has a slot. */
  protected abstract waitForSlot(): void
  protected abstract lost(): void
  /** Clears READ_FAILED after `ms`. `error` is a negative errno. */
  protected abstract reread(ms: number, error: number): void
}
