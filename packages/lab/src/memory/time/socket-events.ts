/**
 * Events of sockets in memory come in immediates, as libuv's come in turns of the event loop. While
 * a request to the thread pool is pending they wait, like the clock. Otherwise the machine would
 * decide whether the request or an event of the same moment is first.
 */
import { thread } from './real.ts'

/** Calls `fn` in a turn of the event loop without a pending request. Calls remain in order. */
export function soon(fn: () => void): void {
  thread.setImmediate(run, fn)
}

function run(fn: () => void): void {
  const outside = thread.shared?.outside
  if (outside?.hasRequests) outside.afterRequests(() => soon(fn))
  else fn()
}
