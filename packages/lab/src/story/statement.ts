/** Makes statements, and the texts that they share. */
import { NSEC_PER_SEC } from 'vnet/internal/base/clock'
import { formatNumber } from 'vnet/internal/base/duration'
import type { Certainty, Statement, StatementKind, StoryPacket, Way } from './story.ts'

type Frames = readonly (number | undefined)[]
type More = Pick<Statement, 'verb' | 'lasted' | 'packetWay' | 'size'> & { readonly packet?: StoryPacket | undefined }

const FRAMES_MAX = 8
const STATEMENTS_MAX = 64

/** Makes a statement of a kind, a direction and a certainty. Frames that are 0 are left out. */
export function state(
  [kind, way, certainty]: readonly [StatementKind, Way, Certainty],
  time: number,
  frames: Frames,
  text: string,
  { packet, ...more }: More = {},
): Statement {
  const numbers = [...new Set(frames)].filter((frame): frame is number => (frame ?? 0) > 0).slice(0, FRAMES_MAX)
  return { kind, way, certainty, time, frames: numbers, text, ...more, ...(packet !== undefined && { packet }) }
}

/** Statements up to a limit; `more` counts the others. */
export class Statements {
  readonly list: Statement[] = []
  more = 0

  add(...given: Parameters<typeof state>): void {
    if (this.list.length < STATEMENTS_MAX) this.list.push(state(...given))
    else this.more++
  }
}

export const packetOf = (part: StoryPacket['part'], n: number, copy = 1): StoryPacket => ({ part, n, copy })
export const opposite = (way: Way): Way => (way === 'ab' ? 'ba' : 'ab')
/** The end that sends in a direction. */
export const senderOf = (way: Way): string => (way === 'ab' ? 'the client' : 'the server')
export const timeText = (ns: number): string => formatNumber(ns / NSEC_PER_SEC, 's')
