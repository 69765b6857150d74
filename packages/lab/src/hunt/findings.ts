/** Findings: verdicts that are alike are one finding. */
import type { ClientRun } from './client-run.ts'
import { isSilence, type StreamPoint } from './conversation.ts'
import type { Point } from './points.ts'
import { lastLineOf, type Verdict } from './verdicts.ts'

/** A point that was tried. */
export interface Tried {
  readonly point: Point
  readonly run: ClientRun
  readonly verdict: Verdict
}

/**
 * Points with one verdict, one last line of errors, and one kind of fault: `fin` and `reset` end a
 * connection, `silence` and `mute` do not.
 */
export interface Group {
  readonly verdict: Verdict
  /** The last line of errors without its numbers; '' without one. */
  readonly said: string
  readonly points: Point[]
}

/** Numbers, addresses in memory, and versions. */
const NUMBER = /0x[\da-f]+|\d+(?:\.\d+)*/gi

/** Collects the points of one client. */
export class Groups {
  readonly #groups = new Map<string, Group>()

  /** Returns the group of a point. */
  add({ point, run, verdict }: Tried): Group {
    const said = lastLineOf(run.err).replace(NUMBER, 'N')
    const key = [verdict, isSilence(point.fault), said].join('\n')
    const group = this.#groups.get(key) ?? { verdict, said, points: [] }
    this.#groups.set(key, group)
    group.points.push(point)
    return group
  }

  get all(): readonly Group[] {
    return [...this.#groups.values()]
  }
}

/** Returns a point as people read it: `fin at byte 9805 of the server, connection 1`. */
export function pointText({ fault, connection, from, byte }: StreamPoint): string {
  const place = byte < 0 ? `the SYN of the ${from}` : `byte ${byte} of the ${from}`
  return `${fault} at ${place}, connection ${connection}`
}
