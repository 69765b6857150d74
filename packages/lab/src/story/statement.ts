/** Makes statements, and the texts that they share. */
import { NSEC_PER_SEC } from 'vnet'
import { formatNumber } from 'vnet/kit/base'
import type { Certainty, Statement, StatementKind, StoryPacket, Way } from './story.ts'

type Frames = readonly (number | undefined)[]
type More = Pick<Statement, 'verb' | 'lasted' | 'packetWay' | 'size'> & {
  readonly packet?: StoryPacket | undefined
}

const FRAMES_MAX = 8
/** Seconds that are better read as minutes. */
const LONG = 600
const STATEMENTS_MAX = 64

/** Makes a statement of a kind, a direction and a certainty. Frames that are 0 are left out. */
export function state(
  [kind, way, certainty]: readonly [StatementKind, Way, Certainty],
  time: number,
  frames: Frames,
  text: string,
  { packet, ...more }: More = {},
): Statement {
  const numbers = [...new Set(frames)]
    .filter((frame): frame is number => (frame ?? 0) > 0)
    .slice(0, FRAMES_MAX)
  return {
    kind,
    way,
    certainty,
    time,
    frames: numbers,
    text,
    ...more,
    ...(packet !== undefined && { packet }),
  }
}

/** Statements up to a limit; `more` counts the others. */
export class Statements {
  readonly list: Statement[] = []
  more = 0

  add(...given: Parameters<typeof state>): void {
    if (this.list.length < STATEMENTS_MAX) {
      this.list.push(state(...given))
    } else {
      this.more++
    }
  }
}

export const packetOf = (part: StoryPacket['part'], n: number, copy = 1): StoryPacket => ({
  part,
  n,
  copy,
})
export const opposite = (way: Way): Way => (way === 'ab' ? 'ba' : 'ab')
/** The end that sends in a direction. */
export const senderOf = (way: Way): string => (way === 'ab' ? 'the client' : 'the server')
export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`

/** Returns a time as text, such as `1.5 ms`, `12 min` and `3 h`. */
export function timeText(ns: number): string {
  const s = ns / NSEC_PER_SEC
  if (s < LONG) return formatNumber(s, 's')
  return s < 60 * LONG ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`
}
