/** The end that a user asks for, for commands that go on until then. */
import type { Io } from './io.ts'

export interface UserEnd extends Disposable {
  /** Settles when the user asks, or reads no further. Rejects with a defect of the program. */
  readonly asked: Promise<void>
  /** True as soon as the user asks, false when `ms` are over. Rejects as `asked`. */
  within(ms: number): Promise<boolean>
}

/** Listens until disposed of. */
export function endOf(io: Io): UserEnd {
  let stop = () => {}
  const asked = new Promise<void>((resolve, reject) => {
    const stopEnd = io.onEnd(end => ('defect' in end ? reject(end.defect) : resolve()))
    const stopClosed = io.onClosed?.(resolve)
    stop = () => {
      stopEnd()
      stopClosed?.()
    }
  })
  // A defect that comes when nobody waits any more.
  asked.catch(() => {})
  return {
    asked,
    async within(ms) {
      let timer: NodeJS.Timeout | undefined
      const over = new Promise<false>(resolve => {
        timer = setTimeout(() => resolve(false), ms)
      })
      const ended = await Promise.race([asked.then(() => true), over])
      clearTimeout(timer)
      return ended
    },
    [Symbol.dispose]: stop,
  }
}
