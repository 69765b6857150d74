/** The file of --log: the decisions of the wires of a vnet that has ended. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { jsonLines } from './vnet-process.ts'

/** A line of the log. */
export interface Decision {
  /** Time of the wire, ns. */
  readonly t: number
  readonly direction: 'ab' | 'ba'
  /** The number of the packet in its direction. */
  readonly n: number
  readonly stage: string
  readonly verdict: string
  readonly amount?: number
  readonly why?: string
  readonly text?: string
  readonly seed?: number
}

export class DecisionsFile {
  readonly path: string

  constructor(directory: string, name = 'decisions') {
    this.path = join(directory, name)
  }

  /** Returns all decisions. Fails if the log left lines out. */
  read(): Decision[] {
    const [first, ...lines] = jsonLines(readFileSync(this.path, 'utf8'))
    expect(first).toEqual({ format: 2 })
    expect(lines.filter(line => 'lost' in line)).toEqual([])
    return lines as unknown as Decision[]
  }
}

/** Counts the decisions with this verdict, of a direction if it is given. */
export function countOf(
  decisions: readonly Decision[],
  verdict: string,
  direction?: 'ab' | 'ba',
): number {
  return decisions.filter(
    each => each.verdict === verdict && (direction ?? each.direction) === each.direction,
  ).length
}
