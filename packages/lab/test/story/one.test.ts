import { writeFileSync } from 'node:fs'
import { test } from 'vitest'
import { pcapOf } from '#support/capture-records.ts'
import { runForStory } from '../support/story-runs.ts'

test('one', { timeout: 600_000 }, async () => {
  const [i, application, wire, size] = JSON.parse(process.env.I as string)
  for (const { end, packets, lost, traced, untraced } of await runForStory({
    application,
    wire,
    seed: i,
    size: size ?? 60000,
  })) {
    writeFileSync(`/tmp/one${end}.pcap`, pcapOf(packets))
    if (process.env.L) console.log(JSON.stringify({ end, lost, traced }))
  }
})
