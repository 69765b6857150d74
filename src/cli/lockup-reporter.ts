/**
 * The worker of the lockup watchdog: it pauses the main thread for an instant, which works while
 * that thread loops, and logs its position. It writes to the descriptors of the process, because
 * the main thread does not return to write for it.
 */
import { readFileSync, writeSync } from 'node:fs'
import type { Debugger, InspectorNotification, Session } from 'node:inspector'
import { NSEC_PER_MSEC } from '../base/clock.ts'
import { attempt } from '../base/errno.ts'
import { OWN, stackFrame } from '../base/exception.ts'
import { LOGLEVEL_ERR } from '../base/log.ts'
import { printable } from '../base/printable.ts'
import { startPoller } from '../linux/errno.ts'
import type { Native } from '../linux/native.ts'
import { cpuTimeOf, statOf } from '../linux/proc-stat.ts'
import { logLine } from './log-line.ts'

export interface LockupTimes {
  /** Milliseconds after which a call counts as a lockup. */
  readonly limitMs: number
  /**
   * Milliseconds that the main thread may take to be interrupted. A system call is not interrupted.
   */
  readonly patienceMs: number
}

export const LOCKUP_TIMES: LockupTimes = { limitMs: 2000, patienceMs: 1000 }

/** Milliseconds until a main thread that waits for a CPU is looked at again. */
const AGAIN_MS = 500

/** Callers that are logged. */
const CALLERS_MAX = 8

/** A run of a driver. Its name is logged for a lockup whose place is not found. */
export interface LockupRun {
  readonly name: string
  readonly json: boolean
}

/** The worker's data. `name` names a driver file until the driver runs. */
export interface LockupWorkerData extends LockupTimes {
  /** The eventfd of Native.watchLockups. */
  readonly events: number
  readonly name: string
}

export class LockupReporter {
  readonly #native: Native
  readonly #data: LockupWorkerData
  #run: LockupRun
  /**
   * The function that has not returned, with its place, or the driver; set while a lockup is
   * logged.
   */
  #what: string | undefined
  /** Set while the main thread is to be interrupted, which may happen after the lockup. */
  #session: Session | undefined
  /** Set until the lockup is logged. */
  #patience: NodeJS.Timeout | undefined
  /** Set while the main thread waits for a CPU. */
  #again: NodeJS.Timeout | undefined

  constructor(native: Native, data: LockupWorkerData) {
    this.#native = native
    this.#data = data
    this.#run = { name: data.name, json: false }
  }

  /** Reports from now on for this run. */
  setRun(run: LockupRun): void {
    this.#run = run
  }

  /** Reports lockups to the end of the process. */
  start(): void {
    const { events } = this.#data
    startPoller(this.#native, events, () => {
      const value = this.#native.timerfdRead(events)
      if (value === 1) this.#locked()
      else if (value > 1) this.#returned(value)
    })
  }

  #locked(): void {
    this.#again = undefined
    if (isStarved(this.#data.limitMs)) {
      this.#again = setTimeout(() => this.#locked(), AGAIN_MS)
      return
    }
    this.#patience = setTimeout(() => this.#report([]), this.#data.patienceMs)
    if (this.#session !== undefined) return
    // A Node without an inspector cannot find places.
    this.#interrupt().catch(() => this.#report([]))
  }

  #returned(ms: number): void {
    clearTimeout(this.#again)
    if (this.#again !== undefined || (this.#patience ?? this.#what) === undefined) {
      const isLockup = this.#again === undefined && !wasStarved(this.#data.limitMs, ms)
      this.#again = undefined
      if (!isLockup) return
    }
    // Its beginning may have been read with its end, as one value.
    const what = this.#what ?? this.#logLocked([])
    this.#what = undefined
    this.#log(returnedLine(what, ms))
  }

  async #interrupt(): Promise<void> {
    const { Session } = await import('node:inspector')
    const session = new Session()
    const urls = new Map<string, string>()
    session.on('Debugger.scriptParsed', ({ params }: InspectorNotification<Debugger.ScriptParsedEventDataType>) => {
      urls.set(params.scriptId, params.url)
    })
    session.on('Debugger.paused', ({ params }: InspectorNotification<Debugger.PausedEventDataType>) => {
      session.post('Debugger.resume')
      session.disconnect()
      this.#session = undefined
      this.#report(driverFrames(params.callFrames, urls))
    })
    session.connectToMainThread()
    this.#session = session
    session.post('Debugger.enable')
    session.post('Debugger.pause')
  }

  /** Logs the lockup unless that is done. */
  #report(frames: readonly string[]): void {
    if (this.#patience !== undefined) this.#logLocked(frames)
  }

  /** Returns the function or driver that has not returned. */
  #logLocked(frames: readonly string[]): string {
    clearTimeout(this.#patience)
    this.#patience = undefined
    this.#what = frames[0] ?? this.#run.name
    this.#log(lockedLine(this.#what, this.#data, frames.slice(1, 1 + CALLERS_MAX)))
    return this.#what
  }

  #log(message: string): void {
    const { json } = this.#run
    try {
      writeSync(json ? 1 : 2, logLine(json, LOGLEVEL_ERR, message))
    } catch {
      // The reader has closed its pipe, or the pipe is full.
    }
  }
}

/**
 * Whether the main thread waits for a CPU and has used less CPU time, in its life, than it would
 * have used in a lockup of `ms`. A busy machine may take seconds to load a driver.
 */
function isStarved(ms: number): boolean {
  const fields = statOf(`self/task/${process.pid}`) ?? []
  return fields[0] === 'R' && cpuTimeOf(fields) < ms
}

/**
 * Whether the main thread waited for a CPU for so much of a call of `ms` that the rest is shorter
 * than `limitMs`, and has used less CPU time, in its life, than it would have used in a lockup. The
 * call has returned, so the thread's state says nothing. Waits of earlier calls count as well.
 */
function wasStarved(limitMs: number, ms: number): boolean {
  const stat = attempt(() => readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1'))
  const [used, waited] = (stat?.split(' ') ?? []).map(ns => Number(ns) / NSEC_PER_MSEC)
  return used !== undefined && waited !== undefined && used < limitMs && ms - waited < limitMs
}

/**
 * Returns the functions of the driver, `startXmit (/my-driver.js:12:7)`, innermost first, up to the
 * call by vnet. Without a function of the driver, returns vnet's innermost function.
 */
function driverFrames(callFrames: readonly Debugger.CallFrame[], urls: ReadonlyMap<string, string>): string[] {
  const frames = callFrames.map(({ functionName, location: { scriptId, lineNumber, columnNumber = 0 } }) => {
    const at = `${urls.get(scriptId)}:${lineNumber + 1}:${columnNumber + 1}`
    return stackFrame(`    at ${functionName === '' ? at : `${functionName} (${at})`}`)
  })
  const known = frames.filter(frame => frame !== undefined)
  const isOwn = (frame: string) => frame.includes(OWN)
  const first = known.findIndex(frame => !isOwn(frame))
  if (first < 0) return known.slice(0, 1)
  const driver = known.slice(first)
  const end = driver.findIndex(isOwn)
  return end < 0 ? driver : driver.slice(0, end)
}

/**
 * Returns the log line of a lockup: LOCKUP in worker.ts of @vnet/learn reads it. `what` is a
 * function or a driver.
 */
export function lockedLine(what: string, { limitMs }: LockupTimes, callers: readonly string[] = []): string {
  const calledBy = callers.length === 0 ? '' : `; called by ${callers.join(', ')}`
  return printable(`vnet: ${what} has not returned for ${limitMs / 1000} s${calledBy}`)
}

/** Returns the log line of the end of a lockup. */
export function returnedLine(what: string, ms: number): string {
  return printable(`vnet: ${what} returned after ${(ms / 1000).toFixed(1)} s`)
}
