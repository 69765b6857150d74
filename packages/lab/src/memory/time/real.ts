/**
 * What one thread has once: the clock and timers of Node as they were before a world replaced them,
 * and the timeline of its worlds. It hangs on globalThis, because a second copy of this module,
 * loaded while a world runs, would take the world's timers for Node's.
 */
import { AsyncResource } from 'node:async_hooks'
import promises from 'node:timers/promises'
import type { Random } from 'vnet/net'
import type { Timeline } from './timeline.ts'

/** What all worlds of a thread share, as far as sockets know it. */
export interface SharedParts {
  readonly outside: {
    readonly hasRequests: boolean
    afterRequests(fn: () => void): void
    ended(id: number): void
  }
}

function ofThread() {
  const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, performance } =
    globalThis
  return {
    /** While a world runs: the timeline that the globals show. */
    timeline: undefined as Timeline | undefined,
    /** While there is a world. */
    shared: undefined as SharedParts | undefined,
    /** While an explored run draws from a seed; and whether functions ask for it. */
    random: undefined as Random | undefined,
    hasSeeds: false,
    /** Whether immediates belong to boots. */
    hasBoots: false,
    /** A context without the values of any AsyncLocalStorage, if the module is loaded in one. */
    root: new AsyncResource('VirtualTime', { requireManualDestroy: true }),
    setTimeout,
    clearTimeout,
    setInterval,
    clearInterval,
    setImmediate,
    promises: {
      setTimeout: promises.setTimeout,
      setInterval: promises.setInterval,
      setImmediate: promises.setImmediate,
    },
    signalAfter: AbortSignal.timeout.bind(AbortSignal),
    Date: globalThis.Date,
    now: performance.now.bind(performance),
    uptime: process.uptime,
    hrtime: process.hrtime,
    hrtimeBigint: process.hrtime.bigint,
  }
}

type Thread = ReturnType<typeof ofThread>

const KEY = Symbol.for('vnet.virtualTime')
const holder = globalThis as { [KEY]?: Thread }

holder[KEY] ??= ofThread()
export const thread: Thread = holder[KEY]
