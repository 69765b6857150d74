/**
 * The watchdog for lockups: JavaScript of a driver that does not return, so that no frame passes
 * and no signal is handled. A thread of the addon notices. A worker finds out where: through Node's
 * inspector it can interrupt the main thread. Only the driver files of users have a worker, because
 * it takes memory and CPU time; a lockup in a driver of the program is logged without a place.
 */
import { Worker } from 'node:worker_threads'
import { LOGLEVEL_ERR } from '../base/log.ts'
import { startPoller } from '../linux/errno.ts'
import { loadNative } from '../linux/native.ts'
import { NETDEV_CHANGENAME, NETDEV_UP } from '../netdev/if.ts'
import type { Net } from '../netdev/net.ts'
import {
  LOCKUP_TIMES,
  type LockupRun,
  type LockupTimes,
  type LockupWorkerData,
  lockedLine,
  returnedLine,
} from './lockup-reporter.ts'
import { logLine } from './log-line.ts'

/** Taken before the driver of an exercise is restricted. Some builds of Node have none. */
const inspector = process.getBuiltinModule('node:inspector')

/** Watches the thread that calls it, which must be the main one, to the end of the process. */
export class LockupWatch {
  readonly #times: LockupTimes
  #worker: Worker | undefined
  /** Set by start(): continues without the worker. */
  #withoutPlaces: (() => void) | undefined

  /** `times` are shorter in tests. */
  constructor(times: LockupTimes = LOCKUP_TIMES) {
    this.#times = times
  }

  /** Starts the thread of the addon. Returns its descriptor of events, or -errno. */
  begin(): number {
    return this.#set('', 2)
  }

  /**
   * Watches a driver file, which is loaded next and then, after start(), runs. Settles when the
   * worker runs or has failed; the worker does not start while this thread loops.
   */
  startFile(file: string): Promise<void> {
    const events = this.begin()
    // Without a watchdog a driver runs as well.
    if (events < 0 || isDebugged()) return Promise.resolve()
    const workerData: LockupWorkerData = { ...this.#times, events, name: file }
    // Without the preloaded modules of this thread, which are the user's.
    const worker = new Worker(new URL('./lockup-worker.js', import.meta.url), { workerData, execArgv: [] })
    this.#worker = worker
    return new Promise(resolve => {
      worker.once('online', () => {
        worker.unref()
        resolve()
      })
      worker.on('error', () => {
        this.#worker = undefined
        this.#withoutPlaces?.()
        resolve()
      })
    })
  }

  /** Reports from now on for a run of the driver `name`: as JSON, or by the names of devices. */
  start(net: Net, name: string, json: boolean): void {
    this.#withoutPlaces = () => this.#startNet(net, name, json)
    if (this.#worker === undefined) this.#withoutPlaces()
    else this.#worker.postMessage({ name, json } satisfies LockupRun)
  }

  #startNet(net: Net, name: string, json: boolean): void {
    const rename = () => {
      const line = lockedLine(`${name} (${net.devices.map(({ name }) => name).join(', ')})`, this.#times)
      return this.#set(logLine(json, LOGLEVEL_ERR, line), json ? 1 : 2)
    }
    const events = rename()
    if (events < 0) return
    net.registerNetdeviceNotifier(event => {
      if (event === NETDEV_UP || event === NETDEV_CHANGENAME) rename()
    })
    const native = loadNative()
    // The addon logs the beginning of a lockup, and this thread its end.
    const poller = startPoller(native, events, () => {
      const ms = native.timerfdRead(events)
      if (ms >= this.#times.limitMs) net.log.err(returnedLine(name, ms))
    })
    poller.unref()
  }

  /**
   * Returns the descriptor of events, or -errno. `line` is the line that the addon writes to `out`.
   */
  #set(line: string, out: number): number {
    return loadNative().watchLockups(this.#times.limitMs, isDebugged() ? 0 : 1, out, Buffer.from(line))
  }
}

/** Whether Node's debugger is open, which may pause the program. */
function isDebugged(): boolean {
  return inspector?.url() !== undefined
}
