/** A capture of a link, simulated with its text and seed, has the counts of the live link. */
import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { StageReport } from '#src/netdev/device-wire.ts'
import { runMain } from '#support/run-main.ts'
import { jsonLines } from '#support/vnet-process.ts'
import { createLab, type LabHost } from '../../src/index.ts'

const SPECS = [
  'loss 10%',
  'loss 10% 25%',
  'loss 5% burst 3',
  'loss state 5% 30%',
  'loss gemodel 5% 30%',
  'loss every 7',
  'duplicate 10%',
  'corrupt 10% loss 3%',
  'truncate 64 50% | loss 5%',
  'loss 5% rate 10mbit delay 2ms',
  'match flow 50% ( loss 30% )',
  'policer 100kbit burst 2000b',
  'rate 200kbit fq_codel limit 5',
  'rate 200kbit dualpi2',
  'starlink',
]
const SEED = 7

/** The counts of packets, by direction and stage. */
const counts = (stages: readonly StageReport[]) =>
  stages.map(({ direction, stage, in: entered, out, held, drops, duplicated, corrupted }) => ({
    direction,
    stage,
    entered,
    out,
    held,
    drops,
    duplicated,
    corrupted,
  }))

test('captures of fifteen links have the counts of the live links in a simulation', {
  timeout: 60_000,
}, async () => {
  await using lab = await createLab({ seed: SEED })
  const names = SPECS.map((_, i) => `far${i}`)
  const [near, ...far] = lab.hosts('near', ...names)
  const run = async (host: LabHost, i: number) => {
    // Without IPv6, for which the kernel sends packets at times of its own.
    const link = await lab.cable(near as LabHost, host, {
      wire: SPECS[i] as string,
      mtu: 1200,
      capture: true,
    })
    await near?.exec('ping', [
      '-4',
      '-n',
      '-c',
      '50',
      '-i',
      '0.01',
      '-s',
      '200',
      '-W',
      '1',
      names[i] as string,
    ])
    const { ab, ba } = await link.stats()
    await link.close()
    return JSON.stringify(counts([...ab.stages, ...ba.stages]))
  }
  const live: string[] = []
  for (const [i, host] of far.entries()) {
    live.push(await run(host as LabHost, i))
  }
  const files = lab.keepCaptures()
  await lab.close()
  onTestFinished(() => rmSync(dirname(files[0] as string), { recursive: true }))
  for (const [i, text] of SPECS.entries()) {
    const seed = `${SEED * 1000 + i + 2}`
    const { status, stdout, stderr } = await runMain(
      'simulate',
      files[i] as string,
      '--wire',
      text,
      '--seed',
      seed,
      '--json',
    )
    expect([status, stderr.replace(/.*repeat a packet.*\n/, '')]).toEqual([0, expect.anything()])
    expect(JSON.stringify(counts(jsonLines(stdout) as never))).toBe(live[i])
  }
})
