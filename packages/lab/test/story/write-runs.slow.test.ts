/** The messages and faults of captures of many runs, as written tests repeat them. */
import { expect, test } from 'vitest'
import { either } from '#support/scale.ts'
import { formatFault } from '../../src/explore/fault-text.ts'
import { explore } from '../../src/index.ts'
import { storyModule } from '../../src/story/write-text.ts'
import { APPLICATIONS, runForStory, storyOf } from '../support/story-runs.ts'

const WIRES = [
  'delay 20ms loss 2%',
  'delay 40ms rate 10mbit loss 1%',
  'delay 30ms loss 8%',
  'delay 20ms 5ms ordered loss 2%',
  'delay 15ms match syn ( drop tcp first 1 )',
  'delay 25ms rate 5mbit limit 12',
  'delay 60ms loss 15%',
]
/** Each pair of an application and a wire, or each wire once and each application twice. */
const RUNS = either(APPLICATIONS.length * WIRES.length, 8)

test('every message arrives in a run with the faults of a capture, and every fault hits its packet', async () => {
  const failed: string[] = []
  let count = 0
  for (let i = 0; i < RUNS; i++) {
    const [application, wire] = [APPLICATIONS[i % APPLICATIONS.length]!, WIRES[i % WIRES.length]!]
    for (const { end, packets } of await runForStory({
      application,
      wire,
      seed: i + 1,
      size: 60_000,
    })) {
      const { faults, text, timeout } = storyModule(storyOf(packets))
      count += faults.length
      const url = new URL(`data:text/javascript,${encodeURIComponent(text)}`)
      const options = { timeout, world: 'memory', rtoMin: false } as const
      await explore.repeat(url, faults.map(formatFault), options).catch(error => {
        failed.push(`${application} over ${wire} at the ${end}: ${error.message}`)
      })
    }
  }
  expect(failed).toEqual([])
  expect(count).toBeGreaterThan(RUNS)
}, 300_000)
