/** Shows in a word of memory that an attachment has a frame in work. */
import type { Clock } from '../base/clock.ts'

export interface InWork {
  /** The first word has `number` while a frame of the attachment is in work, otherwise 0. */
  readonly word: Int32Array
  readonly number: number
}

/** Returns a clock for the wires of the attachment, because alarms of wires pass frames on. */
export function clockInWork(clock: Clock, { word, number }: InWork): Clock {
  const alarm = (fn: () => void) =>
    clock.alarm(() => {
      word[0] = number
      try {
        fn()
      } finally {
        word[0] = 0
      }
    })
  return { now: () => clock.now(), ...(clock.slack !== undefined && { slack: clock.slack }), alarm }
}
