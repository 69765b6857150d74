/** node:timers/promises and AbortSignal.timeout in the time of a world in memory. */
import { thread } from './real.ts'
import { clearTimeout, setInterval, setTimeout } from './timers.ts'

type Options = Readonly<{ signal?: AbortSignal | undefined; ref?: boolean | undefined }>

function invalid(name: string, type: string): TypeError {
  const error = new TypeError(`The "${name}" argument must be ${type}`)
  return Object.assign(error, { code: 'ERR_INVALID_ARG_TYPE' })
}

function check(options: unknown): Options {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'of type object')
  const { signal, ref } = options as Options
  if (signal !== undefined && !(typeof signal === 'object' && 'aborted' in signal)) {
    throw invalid('options.signal', 'an instance of AbortSignal')
  }
  if (ref !== undefined && typeof ref !== 'boolean') throw invalid('options.ref', 'of type boolean')
  return options
}

function abortError(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason })
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' })
}

export async function sleep<T>(delay?: number, value?: T, options: Options = {}): Promise<T> {
  if (thread.timeline === undefined) {
    return thread.promises.setTimeout(delay, value as T, options as object)
  }
  const { signal, ref = true } = check(options)
  if (signal?.aborted) throw abortError(signal)
  return await new Promise<T>((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer)
      reject(abortError(signal as AbortSignal))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve(value as T)
    }, delay)
    if (!ref) {
      timer.unref()
    }
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

export async function* every<T>(
  delay?: number,
  value?: T,
  options: Options = {},
): AsyncGenerator<T> {
  if (thread.timeline === undefined) {
    return yield* thread.promises.setInterval(delay, value as T, options as object)
  }
  const { signal, ref = true } = check(options)
  if (signal?.aborted) throw abortError(signal)
  // Rings that the consumer has not taken yet, and a function that continues a waiting consumer.
  let rings = 0
  let wake = () => {}
  const timer = setInterval(() => {
    rings++
    wake()
  }, delay)
  if (!ref) {
    timer.unref()
  }
  const onAbort = () => wake()
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    while (true) {
      if (rings === 0 && !signal?.aborted) {
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
      for (; rings > 0; rings--) {
        yield value as T
      }
      if (signal?.aborted) throw abortError(signal)
    }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

/** scheduler.wait */
export const wait = (delay: number, options?: Options): Promise<void> =>
  sleep(delay, undefined, options)

/** AbortSignal.timeout */
export function signalAfter(delay: number): AbortSignal {
  if (thread.timeline === undefined) return thread.signalAfter(delay)
  if (!(Number.isInteger(delay) && delay >= 0 && delay < 2 ** 32)) {
    const error = new RangeError(
      `The value of "delay" is out of range. It must be an integer >= 0. Received ${delay}`,
    )
    throw Object.assign(error, { code: 'ERR_OUT_OF_RANGE' })
  }
  const controller = new AbortController()
  const abort = () =>
    controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'))
  setTimeout(abort, delay).unref()
  return controller.signal
}
