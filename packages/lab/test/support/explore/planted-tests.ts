/** Tests that explore finds a planted bug, and none in its repaired twin. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { explore } from '../../../src/index.ts'
import type { Planted } from '../../explore/planted/planted.ts'

interface NamedPlanted extends Planted {
  readonly name: string
  readonly world: 'memory' | 'kernel'
}

/** Milliseconds for an exploration: in the kernel, pauses and restarts take their time. */
const LIMIT = 600_000
/** For a run, which waits for the end of its fault. In memory its time is virtual. */
const TIMEOUT = '5min'

const folder = new URL('../../explore/planted/', import.meta.url)
const record = JSON.parse(
  readFileSync(new URL('../../../records/hunted.json', import.meta.url), 'utf8'),
)

export function plantedIn(world: NamedPlanted['world']): Promise<readonly NamedPlanted[]> {
  const url = new URL(`${world}/`, folder)
  return Promise.all(
    readdirSync(url).map(async file => {
      const module = (await import(new URL(file, url).href)) as Planted
      return { ...module, name: file.replace(/\.ts$/, ''), world }
    }),
  )
}

function exploring({ scenario, faults, links, world }: NamedPlanted, isBroken: boolean) {
  const options = {
    faults,
    world,
    timeout: TIMEOUT,
    captures: false,
    stopAt: 1,
    // A program that only reports a fault has the bug, too.
    strict: true,
  } as const
  return explore(scenario(isBroken), { ...options, ...(links !== undefined && { links }) })
}

export function testPlanted(planted: NamedPlanted): void {
  const { name, bug, program, faults, shows } = planted

  test(
    `explore finds that ${bug}`,
    async () => {
      const { cleanErrors, failures } = await exploring(planted, true)
      expect(cleanErrors).toEqual([])
      expect(failures.map(({ error }) => error.split('\n', 1)[0])).toEqual([
        expect.stringMatching(shows),
      ])
      for (const { faults: events, failed, runs } of failures) {
        expect(failed).toBe(runs)
        expect(events.length).toBeLessThanOrEqual(3)
        const found = faults.filter(fault => events.some(event => event.startsWith(`${fault} `)))
        const row = { bug, program, fault: `\`${found.join()}\``, events: events.length }
        expect(record.planted).toContainEqual(expect.objectContaining(row))
      }
    },
    LIMIT,
  )

  test(
    `explore finds no bug in the repaired twin of ${name}`,
    async () => {
      const { cleanErrors, failures, points } = await exploring(planted, false)
      expect(cleanErrors).toEqual([])
      expect(failures.map(({ faults, error }) => [faults, error])).toEqual([])
      expect(points.filter(({ verdict }) => verdict !== 'passed')).toEqual([])
    },
    LIMIT,
  )
}
