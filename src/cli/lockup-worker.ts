/**
 * The worker of the lockup watchdog. It pauses the main thread for an instant, which works while
 * that thread loops, and logs its position. It writes to the descriptors of the process, because
 * the main thread does not return to write for it.
 */
import { writeSync } from 'node:fs'
import type { Session } from 'node:inspector'
import { workerData } from 'node:worker_threads'
import { driverFrame } from '../base/exception.ts'
import { LOGLEVEL_ERR } from '../base/log.ts'
import { printable } from '../base/printable.ts'
import { loadNative, type Native } from '../linux/native.ts'
import { cpuTimeOf, statOf } from '../linux/proc-stat.ts'
import { logLine } from './io.ts'
import type { LockupWorkerData } from './lockup.ts'

/** Milliseconds that the main thread may take to be paused. In a system call it is not paused. */
const PATIENCE_MS = 1000

function watch({ beats, tickMs, limitMs, name, json }: LockupWorkerData, native: Native): void {
  let lastBeat = -1
  let lastCpuMs = 0
  /** How long the main thread has not returned. */
  let stuckMs = 0
  let isLocked = false
  let session: Session | undefined
  /** The function that has not returned, with its place, or the name; set once it is logged. */
  let what: string | undefined

  setInterval(() => {
    const fields = statOf(`self/task/${process.pid}`) ?? ['S']
    const cpuMs = cpuTimeOf(fields)
    const usedMs = cpuMs - lastCpuMs
    lastCpuMs = cpuMs
    const beat = Atomics.load(beats, 0)
    if (beat !== lastBeat) {
      lastBeat = beat
      if (isLocked) returned()
      // The timer may run for the next time when a tick has passed.
      stuckMs = -tickMs
      return
    }
    // The time for which it waits for a CPU does not count.
    stuckMs += fields[0] === 'S' ? tickMs : usedMs
    if (stuckMs >= limitMs && !isLocked) locked()
    if (stuckMs >= limitMs + PATIENCE_MS) report(name)
  }, tickMs)

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
        if (reply !== undefined) report(driverFrame(String(reply.result.value).split('\n')) ?? name)
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

watch(workerData, loadNative())
