/**
 * The watchdog for lockups: JavaScript of a driver that does not return, so that no frame passes
 * and no signal is handled. A thread of the addon notices. A worker finds out where: through Node's
 * inspector it can interrupt the main thread. The worker takes 11 MB and some 35 ms of CPU time, so
 * only the driver files of users have one; a lockup in a driver of the program is logged without a
 * place.
 */
import { Worker } from 'node:worker_threads'
import { startPoller } from '../linux/errno.ts'
import type { Native } from '../linux/native.ts'
import { NETDEV_CHANGENAME, NETDEV_UP } from '../netdev/if.ts'
import { LOGLEVEL_ERR } from '../netdev/log.ts'
import type { Net } from '../netdev/net.ts'
import { LIMIT_MS, type LockupWorkerData, lockedLine, returnedLine } from './lockup-reporter.ts'
import { logLine } from './log-line.ts'

export class LockupWatch {
  readonly #native: Native
  readonly #name: string
  readonly #json: boolean
  readonly #isDebugged: boolean
  readonly #events: number

  /**
   * Watches the calling thread, which must be the main one, to the end of the process.
   * `isDebugged`: the process has a debugger, in which it may be paused. Never throws: without a
   * watchdog a driver runs as well.
   */
  constructor(native: Native, name: string, json: boolean, isDebugged: boolean) {
    this.#native = native
    this.#name = name
    this.#json = json
    this.#isDebugged = isDebugged
    this.#events = this.#set(name)
  }

  /** Reports from now on by the names of the devices of `net`, or by the place in a driver file. */
  start(net: Net, isDriverFile: boolean): void {
    if (this.#events < 0) return
    const rename = () => this.#set(`${this.#name} (${net.devices.map(({ name }) => name).join(', ')})`)
    net.registerNetdeviceNotifier(event => {
      if (event === NETDEV_UP || event === NETDEV_CHANGENAME) rename()
    })
    if (!isDriverFile || this.#isDebugged) {
      this.#listen(net)
      return
    }
    const workerData: LockupWorkerData = { events: this.#events, json: this.#json, name: this.#name }
    // Without the preloaded modules of this thread, which are the user's.
    const worker = new Worker(new URL('./lockup-worker.js', import.meta.url), { workerData, execArgv: [] })
    worker.unref()
    worker.on('error', () => this.#listen(net))
  }

  #set(what: string): number {
    const line = logLine(this.#json, LOGLEVEL_ERR, lockedLine(what))
    return this.#native.watchLockups(LIMIT_MS, this.#isDebugged ? 0 : 1, this.#json ? 1 : 2, Buffer.from(line))
  }

  /** Logs the end of a lockup, whose beginning the addon logged. */
  #listen(net: Net): void {
    const poller = startPoller(this.#native, this.#events, () => {
      const ms = this.#native.timerfdRead(this.#events)
      if (ms >= LIMIT_MS) net.log.err(returnedLine(this.#name, ms))
    })
    poller.unref()
  }
}
