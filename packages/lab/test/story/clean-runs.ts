/** Compares the stories of runs without planned faults with the wires that the runs had. */
import { APPLICATIONS, compare, runForStory, storyOf } from '../support/story-runs.ts'

interface CleanWire {
  readonly wire: string
  /** The least round trip in ms. */
  readonly trip?: number
  /** The median of round trips in ms. */
  readonly median?: number
  /** Bits a second, of frames. */
  readonly rate?: number
  /** Whether packets overtake each other. */
  readonly reorders?: true
}

const WIRES: readonly CleanWire[] = [
  { wire: 'delay 20ms', trip: 40, median: 40 },
  { wire: 'delay 10ms 8ms ordered' },
  { wire: 'delay 25ms rate 5mbit limit 100', trip: 50, rate: 5e6 },
  { wire: 'delay 15ms rate 8mbit limit 20', trip: 30, rate: 8e6 },
  { wire: 'delay 40ms 10ms', median: 80, reorders: true },
  { wire: 'rate 10mbit', rate: 10e6 },
  { wire: 'delay 2ms', trip: 4, median: 4 },
  { wire: 'delay 30ms rate 3mbit limit 30', trip: 60, rate: 3e6 },
  { wire: 'delay 100ms 30ms ordered rate 20mbit' },
]
/** The rate of a wire counts frames, the rate of a story IP packets. */
const IP_SHARE = 1500 / 1514

export interface CleanResults {
  /** Packets that full queues lost, and left a trace. */
  lost: number
  missed: number
  readonly invented: string[]
  /** Errors as shares of the right value. */
  readonly trips: number[]
  readonly rates: number[]
}

/** Runs the runs number 0 to `count`. */
export async function cleanRuns(count: number): Promise<CleanResults> {
  const all: CleanResults = { lost: 0, missed: 0, invented: [], trips: [], rates: [] }
  for (let i = 0; i < count; i++) {
    const { wire, trip, median, rate, reorders } = WIRES[i % WIRES.length] as CleanWire
    const application = APPLICATIONS[i % APPLICATIONS.length] ?? 'raw'
    for (const capture of await runForStory({ application, wire, seed: i + 1, size: 1_000_000 })) {
      const story = storyOf(capture.packets, i % 2 === 0 ? 96 : undefined)
      const { missed, invented } = compare(capture, story)
      all.lost += capture.traced.length
      all.missed += missed.length
      for (const { kind, certainty, text } of invented) {
        // It rejects an overtaken segment with an old timestamp (PAWS), and its sender repeats it.
        if (reorders && (kind !== 'lost' || text.includes('after this capture'))) continue
        all.invented.push(
          `run ${i}, ${application} over ${wire}, ${capture.end}: ${certainty} ${text}`,
        )
      }
      const [flow] = story.flows
      const way = capture.end === 'client' ? 'ab' : 'ba'
      const measured = flow?.rtt[way]
      if (trip !== undefined && measured !== undefined) {
        all.trips.push(Math.abs(measured.min / 1e6 / trip - 1))
      }
      if (median !== undefined && measured !== undefined && measured.samples >= 50) {
        all.trips.push(Math.abs(measured.median / 1e6 / median - 1))
      }
      const found = flow?.ways.ba.rate
      if (rate !== undefined && found !== undefined) {
        all.rates.push(Math.abs(found / rate / IP_SHARE - 1))
      }
    }
  }
  return all
}
