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

function watch({ beats, tickMs, limitMs, name, json }: LockupWorkerData, native: Native): void {
  let lastBeat = -1
  let lastCpuMs = 0
  /** How long the main thread has not returned. */
  let stuckMs = 0
  let isLocked = false
  let session: Session | undefined
  /** When the main thread returned last, in ms of performance.now(). */
  let returnedAt = performance.now()
  let served: LockupMessage | undefined
  let standing: Promise<Disposable | undefined> | undefined
  /** The function that has not returned, with its place, or the name; set once it is logged. */
  let what: string | undefined

  parentPort?.on('message', (message: LockupMessage) => {
    served = message
  })

  setInterval(() => {
    const fields = statOf(`self/task/${process.pid}`) ?? ['S']
    const cpuMs = cpuTimeOf(fields)
    const usedMs = cpuMs - lastCpuMs
    lastCpuMs = cpuMs
    const beat = Atomics.load(beats, 0)
    if (beat !== lastBeat) {
      lastBeat = beat
      returnedAt = performance.now()
      if (isLocked) {
        returned()
      }
      void standing?.then(found => found?.[Symbol.dispose]())
      standing = undefined
      // The timer may run for the next time when a tick has passed.
      stuckMs = -tickMs
      return
    }
    // The time for which it waits for a CPU does not count.
    stuckMs += fields[0] === 'S' ? tickMs : usedMs
    if (stuckMs >= limitMs / 4) {
      standing ??= stand()
    }
    if (stuckMs >= limitMs && !isLocked) {
      locked()
    }
    if (stuckMs >= limitMs + PATIENCE_MS) {
      report(name)
    }
  }, tickMs)

  /** Replies to the vnet's clients in place of the main thread. */
  async function stand(): Promise<Disposable | undefined> {
    if (served === undefined) return undefined
    const { bytes, listening: theirs } = served
    try {
      const { standIn } = await import('../control/server/stand-in.ts')
      const listening = ownDescriptor(theirs)
      const snapshot = () => bytes.slice(0, lengthOf(bytes))
      return standIn({ native, listening, snapshot, busyMs: () => performance.now() - returnedAt })
    } catch (error) {
      log(`no replies to clients meanwhile: ${messageOrDescription(error)}`)
      return undefined
    }
  }

  /** The main thread may have a descriptor table of its own. */
  function ownDescriptor(fd: number): number {
    const pidfd = check(native.pidfdOpen(process.pid, 0), 'pidfd_open')
    return closing(native, pidfd, () => check(native.pidfdGetfd(pidfd, fd), 'pidfd_getfd'))
  }

  function locked(): void {
    isLocked = true
    // First, because a write may wait for a terminal.
    native.endBySignals(1)
    // Some builds of Node have none.
    const inspector = process.getBuiltinModule('node:inspector')
    if (inspector === undefined) return
    const paused = new inspector.Session()
    session = paused
    paused.on('Debugger.paused', () => {
      paused.post('Runtime.evaluate', { expression: 'new Error().stack' }, (_, reply) => {
        if (reply !== undefined) {
          report(driverFrame(String(reply.result.value).split('\n')) ?? name)
        }
      })
      paused.post('Debugger.resume')
    })
    paused.connectToMainThread()
    paused.post('Debugger.enable')
    paused.post('Debugger.pause')
  }

  function returned(): void {
    native.endBySignals(0)
    isLocked = false
    session?.disconnect()
    report(name)
    log(`${what} returned after ${(stuckMs / 1000).toFixed(1)} s`)
    what = undefined
  }

  /** Logs the lockup unless that is done. LOCKUP in worker.ts of @vnet/learn reads the line. */
  function report(place: string): void {
    if (what !== undefined) return
    what = place
    log(`${what} has not returned for ${limitMs / 1000} s`)
  }

  function log(text: string): void {
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

watch(workerData, loadNative())
