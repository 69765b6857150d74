/**
 * The watchdog for lockups: JavaScript that does not return, so that no frame passes and no signal
 * is handled. A worker notices that the timer of the main thread has stopped. vnet's own drivers
 * are not watched, because a worker takes memory and CPU time.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Deputy } from '../control/server/snapshot.ts'

/** Taken before the driver of an exercise is restricted. Some builds of Node have none. */
const inspector = process.getBuiltinModule('node:inspector')

/** Whether a debugger is attached, which may pause the program. */
export const isDebugged = (): boolean => inspector?.url() !== undefined

/** Lets the worker reply to clients: the listening socket; a Snapshot's messages, then zeros. */
export type LockupMessage = Readonly<{ listening: number; bytes: Uint8Array }>

/** The worker's data. */
export interface LockupWorkerData {
  /** The number of times that the timer of the main thread has run, every `tickMs`. */
  readonly beats: Int32Array
  readonly tickMs: number
  /** Milliseconds after which a call counts as a lockup. */
  readonly limitMs: number
  /** Logged for a lockup without a known place. */
  readonly name: string
  readonly json: boolean
}

/**
 * Watches the main thread, which calls it, to the end of the process. Settles when the worker has
 * opened its descriptors, which the main thread writes to: the main thread may unshare its own from
 * then on. Resolves to undefined, without a worker, while a debugger is attached.
 */
export async function watchLockups(name: string, limitMs = 2000): Promise<Deputy | undefined> {
  if (isDebugged()) return undefined
  const tickMs = limitMs / 4
  const beats = new Int32Array(new SharedArrayBuffer(4))
  let onBeat = () => true
  const beat = () => {
    Atomics.add(beats, 0, 1)
    onBeat()
  }
  setInterval(beat, tickMs).unref()
  const json = process.argv.includes('--json')
  const workerData: LockupWorkerData = { beats, tickMs, limitMs, name, json }
  // Without the preloaded modules of this thread, which are the user's.
  const worker = new Worker(new URL('./lockup-worker.js', import.meta.url), {
    workerData,
    execArgv: [],
  })
  // A driver also runs without a watchdog.
  worker.on('error', () => {})
  await once(worker, 'online').catch(() => {})
  worker.unref()
  return {
    serve(listening, next) {
      let bytes: Uint8Array = new Uint8Array(0)
      onBeat = () => {
        const found = next()
        if (found === undefined) return false
        if (found.length > bytes.length) {
          bytes = new Uint8Array(new SharedArrayBuffer(2 * found.length))
          const message: LockupMessage = { listening, bytes }
          worker.postMessage(message)
        }
        bytes.set(found)
        // A message without a type ends the snapshot.
        bytes.fill(0, found.length)
        return true
      }
      return onBeat
    },
  }
}
