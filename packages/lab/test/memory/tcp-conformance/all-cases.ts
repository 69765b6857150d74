/** All conformance cases. */
import { closing } from './cases/closing.ts'
import { data } from './cases/data.ts'
import { handshake } from './cases/handshake.ts'
import { listening } from './cases/listening.ts'
import { resets } from './cases/resets.ts'
import type { Case } from './notation.ts'

export const ALL: readonly Case[] = [...handshake, ...listening, ...data, ...closing, ...resets]

/** Whether a case waits so long in real time that `npm test` leaves it out. */
export function isSlow({ steps }: Case): boolean {
  const times = steps.map(({ verb, words, time }) => (verb === 'quiet' ? Number(words[0]) : (time?.[0] ?? 0)))
  return times.reduce((sum, time) => sum + time, 0) > 700
}
