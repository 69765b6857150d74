/** The end that a user asks for, for commands that go on until then. */
import type { Io } from './io.ts'

export interface UserEnd extends Disposable {
  /** Settles when the user asks. */
  readonly asked: Promise<void>
  /** True as soon as the user asks, false when `ms` are over. */
  within(ms: number): Promise<boolean>
}

/** Listens until disposed of. A defect of the program ends it as a signal does. */
export function endOf(io: Io): UserEnd {
  let stop = () => {}
  const asked = new Promise<void>(resolve => {
    stop = io.onEnd(() => resolve())
  })
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
    [Symbol.dispose]: () => stop(),
  }
}
