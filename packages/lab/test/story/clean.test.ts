import { writeFileSync } from 'node:fs'
import { test } from 'vitest'
import { pcapOf } from '#support/capture-records.ts'
import { APPLICATIONS, compare, runForStory, storyOf } from '../support/story-runs.ts'

const N = Number(process.env.RUNS ?? 20)
test('clean', { timeout: 600_000 }, async () => {
  const wires = [
    'delay 20ms',
    'delay 10ms 8ms ordered',
    'delay 25ms rate 5mbit limit 100',
    'delay 15ms rate 8mbit limit 20',
    'delay 40ms 10ms',
    'rate 10mbit',
    'delay 2ms',
    'delay 30ms rate 3mbit limit 30',
    'delay 100ms 30ms ordered rate 20mbit',
  ]
  for (let i = 0; i < N; i++) {
    const wire = wires[i % wires.length] as string
    const application = APPLICATIONS[i % 4] as 'raw'
    for (const capture of await runForStory({ application, wire, seed: i + 1, size: 1_000_000 })) {
      const story = storyOf(capture.packets, i % 2 === 0 ? 96 : undefined)
      const { missed, invented } = compare(capture, story)
      const f = story.flows[0]!
      const line = [
        i,
        application,
        wire,
        capture.end,
        f.place,
        'lost',
        capture.lost.length,
        'traced',
        capture.traced.length,
        'missed',
        missed.length,
      ]
      for (const way of ['ab', 'ba'] as const) {
        const r = f.rtt[way]
        line.push(
          way,
          r === undefined ? '-' : `${(r.min / 1e6).toFixed(2)}/${(r.median / 1e6).toFixed(2)}`,
          f.ways[way].rate === undefined ? '-' : `${((f.ways[way].rate ?? 0) / 1e6).toFixed(3)}M`,
        )
      }
      console.log(line.join(' '))
      for (const s of invented)
        console.log('   invented', s.way, s.kind, s.certainty, JSON.stringify(s.packet), s.text, s.frames.join(' '))
    }
  }
})
