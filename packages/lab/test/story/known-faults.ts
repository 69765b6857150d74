/** Compares the losses of many runs in memory with the stories of both ends. */
import { APPLICATIONS, compare, runForStory, storyOf } from '../support/story-runs.ts'

const WIRES = [
  'delay 20ms loss 2%',
  'delay 5ms loss 5%',
  'delay 40ms rate 10mbit loss 1%',
  'delay 10ms drop tcp nth 5',
  'delay 30ms loss 8%',
  'delay 20ms 5ms ordered loss 2%',
  'delay 15ms match syn ( drop tcp first 1 )',
  "delay 15ms drop 'ip[33] & 1 != 0' first 1",
  'delay 25ms rate 5mbit limit 12',
  'delay 60ms loss 15%',
  'delay 12ms drop tcp nth 9',
]
/** Records are cut to this length in half of the runs. */
const SNAPLEN = 96

export interface Comparison {
  traced: number
  named: number
  untraced: number
  /** A line for each packet without a statement, and each statement without a lost packet. */
  readonly wrong: string[]
}

/** Runs the runs number 0 to `count`. */
export async function compareRuns(count: number): Promise<Comparison> {
  const all: Comparison = { traced: 0, named: 0, untraced: 0, wrong: [] }
  for (let i = 0; i < count; i++) {
    const application = APPLICATIONS[i % APPLICATIONS.length] ?? 'raw'
    const wire = WIRES[i % WIRES.length] ?? ''
    for (const capture of await runForStory({ application, wire, seed: i + 1, size: 60_000 })) {
      const { missed, invented } = compare(
        capture,
        storyOf(capture.packets, i % 2 === 0 ? SNAPLEN : undefined),
      )
      all.traced += capture.traced.length
      all.untraced += capture.untraced.length
      all.named += capture.traced.length - missed.length
      const run = `run ${i}, ${application} over ${wire}, ${capture.end}:`
      for (const { way, n, copy } of missed) {
        all.wrong.push(`${run} missed ${way} seq ${n} copy ${copy}`)
      }
      for (const { way, certainty, text, frames } of invented) {
        all.wrong.push(`${run} ${certainty} invented ${way} ${text}, ${frames.join(' ')}`)
      }
    }
  }
  return all
}
