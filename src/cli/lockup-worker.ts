/**
 * The worker of the lockup watchdog. It pauses the main thread for an instant, which works while
 * that thread loops, and logs its position. It writes to the descriptors of the process, because
 * the main thread does not return to write for it.
 */
import { writeSync } from 'node:fs'
import type { Session } from 'node:inspector'
import { parentPort, workerData } from 'node:worker_threads'
import { driverFrame, LOGLEVEL_ERR, messageOrDescription, printable } from '../base/index.ts'
import { check, closing, cpuTimeOf, loadNative, type Native, statOf } from '../linux/index.ts'
import { align4, getU32, NLMSG_HDRLEN } from '../netlink/index.ts'
import type { LockupMessage, LockupWorkerData } from './lockup.ts'
import { logLine } from './process/io.ts'

/** Milliseconds that the main thread may take to be paused, which it never is in a system call. */
const PATIENCE_MS = 1000

/** Times the main thread by its beats, and reports when it does not return for too long. */
class LockupWatch {
  readonly #data: LockupWorkerData
  readonly #native: Native
  #lastBeat = -1
  #lastCpuMs = 0
  /** How long the main thread has not returned. */
  #stuckMs = 0
  #isLocked = false
  #session: Session | undefined
  /** When the main thread returned last, in ms of performance.now(). */
  #returnedAt = performance.now()
  #served: LockupMessage | undefined
  #standing: Promise<Disposable | undefined> | undefined
  /** The function that has not returned, with its place, or the name; set once it is logged. */
  #what: string | undefined

  constructor(data: LockupWorkerData, native: Native) {
    this.#data = data
    this.#native = native
  }

  /** Watches until the process ends. */
  start(): void {
    parentPort?.on('message', (message: LockupMessage) => {
      this.#served = message
    })
    setInterval(() => this.#look(), this.#data.tickMs)
  }

  #look(): void {
    const { beats, tickMs, limitMs, name } = this.#data
    const fields = statOf(`self/task/${process.pid}`) ?? ['S']
    const cpuMs = cpuTimeOf(fields)
    const usedMs = cpuMs - this.#lastCpuMs
    this.#lastCpuMs = cpuMs
    const beat = Atomics.load(beats, 0)
    if (beat !== this.#lastBeat) {
      this.#lastBeat = beat
      this.#beaten()
      return
    }
    // The time for which it waits for a CPU does not count.
    this.#stuckMs += fields[0] === 'S' ? tickMs : usedMs
    if (this.#stuckMs >= limitMs / 4) {
      this.#standing ??= this.#stand()
    }
    if (this.#stuckMs >= limitMs && !this.#isLocked) {
      this.#locked()
    }
    if (this.#stuckMs >= limitMs + PATIENCE_MS) {
      this.#report(name)
    }
  }

  /** The main thread has returned to its event loop since the last look. */
  #beaten(): void {
    this.#returnedAt = performance.now()
    if (this.#isLocked) {
      this.#returned()
    }
    void this.#standing?.then(found => found?.[Symbol.dispose]())
    this.#standing = undefined
    // The timer may run for the next time when a tick has passed.
    this.#stuckMs = -this.#data.tickMs
  }

  /** Replies to the vnet's clients in place of the main thread. */
  async #stand(): Promise<Disposable | undefined> {
    if (this.#served === undefined) return undefined
    const { bytes, listening: theirs } = this.#served
    try {
      const { standIn } = await import('../control/server/stand-in.ts')
      const listening = this.#ownDescriptor(theirs)
      const snapshot = () => bytes.slice(0, lengthOf(bytes))
      const busyMs = () => performance.now() - this.#returnedAt
      return standIn({ native: this.#native, listening, snapshot, busyMs })
    } catch (error) {
      this.#log(`no replies to clients meanwhile: ${messageOrDescription(error)}`)
      return undefined
    }
  }

  /** The main thread may have a descriptor table of its own. */
  #ownDescriptor(fd: number): number {
    const native = this.#native
    const pidfd = check(native.pidfdOpen(process.pid, 0), 'pidfd_open')
    return closing(native, pidfd, () => check(native.pidfdGetfd(pidfd, fd), 'pidfd_getfd'))
  }

  #locked(): void {
    this.#isLocked = true
    // First, because a write may wait for a terminal.
    this.#native.endBySignals(1)
    // Some builds of Node have none.
    const inspector = process.getBuiltinModule('node:inspector')
    if (inspector === undefined) return
    const paused = new inspector.Session()
    this.#session = paused
    paused.on('Debugger.paused', () => {
      paused.post('Runtime.evaluate', { expression: 'new Error().stack' }, (_, reply) => {
        if (reply === undefined) return
        this.#report(driverFrame(String(reply.result.value).split('\n')) ?? this.#data.name)
      })
      paused.post('Debugger.resume')
    })
    paused.connectToMainThread()
    paused.post('Debugger.enable')
    paused.post('Debugger.pause')
  }

  #returned(): void {
    this.#native.endBySignals(0)
    this.#isLocked = false
    this.#session?.disconnect()
    this.#report(this.#data.name)
    this.#log(`${this.#what} returned after ${(this.#stuckMs / 1000).toFixed(1)} s`)
    this.#what = undefined
  }

  /** Logs the lockup unless that is done. LOCKUP in worker.ts of @vnet/learn reads the line. */
  #report(place: string): void {
    if (this.#what !== undefined) return
    this.#what = place
    this.#log(`${place} has not returned for ${this.#data.limitMs / 1000} s`)
  }

  #log(text: string): void {
    const { json } = this.#data
    try {
      writeSync(json ? 1 : 2, logLine(json, LOGLEVEL_ERR, printable(`vnet: ${text}`)))
    } catch {
      // The reader has closed its pipe, or the pipe is full.
    }
  }
}

/** The length of the messages before the zeros. */
function lengthOf(bytes: Uint8Array): number {
  let length = 0
  while (length + NLMSG_HDRLEN <= bytes.length && getU32(bytes, length) > 0) {
    length += align4(getU32(bytes, length))
  }
  return length
}

new LockupWatch(workerData, loadNative()).start()
