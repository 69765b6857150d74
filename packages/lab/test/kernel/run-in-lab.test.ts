/** The lab of `vnet run`, made in this process by root, without the Internet. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { given } from '#support/given.ts'
import { LabWorker } from '../../src/kernel/lab-worker.ts'
import { RUN_ROUTER } from '../../src/model/subnet.ts'
import type { RunOptions } from '../../src/run/run.ts'
import { runInLab } from '../../src/run/run-lab.ts'

const directory = freshDirectory()

/** Runs a command of the shell. Returns its end and the lines of the report. */
async function runHere(command: string, options: Partial<RunOptions>) {
  let text = ''
  const err = (more: string) => {
    text += more
  }
  const end = await runInLab(['sh', '-c', command], given({ internet: false, ...options }), {
    out: err,
    err,
    onEnd: () => () => {},
  })
  return { end, lines: text.split('\n') }
}

const PING = `ping -4 -q -c 3 -i 0.01 -W 1 ${RUN_ROUTER} >/dev/null`

test('the thread of a run carries the frames, and starts no worker', async () => {
  const take = vi.spyOn(LabWorker, 'take')
  const { end, lines } = await runHere(PING, { wire: 'delay 1ms' })
  expect(end.status).toBe(0)
  expect(lines.filter(line => /^vnet: (out|in): [^;]+$/.test(line))).toHaveLength(2)
  expect(take).not.toHaveBeenCalled()
})

test('a command runs beside a link with faults, and the report counts what the wire has dropped', async () => {
  const json = join(directory, 'report.json')
  const { end, lines } = await runHere(PING, { wire: 'delay 1ms', drop: 'icmp', nth: 1, json })
  expect(end.status).toBe(0)
  expect(lines.filter(line => line.endsWith("; lost: 1 by drop 'icmp' nth 1"))).toHaveLength(2)
  const lost = [{ packets: 1, by: "drop 'icmp' nth 1" }]
  expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject({
    seed: 1,
    status: 0,
    out: { lost },
    in: { lost },
  })
})

test('of repeated runs each has a seed, and one that fails is named', async () => {
  const capture = join(directory, 'a.pcapng')
  const { end, lines } = await runHere('exit 3', {
    wire: 'loss 50%',
    seed: 4,
    repeat: 2,
    capture,
    quiet: true,
  })
  expect(end.status).toBe(1)
  expect(lines).toContain('vnet: 2 of 2 runs failed: seeds 4, 5')
  expect(readFileSync(capture).length).toBeGreaterThan(0)
})

test('a link that is cut after a while loses what follows', async () => {
  const { end } = await runHere(`${PING} && sleep 0.5; ! ${PING}`, { wire: 'offline', after: 300 })
  expect(end.status).toBe(0)
})

test('a drop of packets with TCP payload leaves pings alone', async () => {
  expect((await runHere(PING, { drop: 'icmp', data: true })).end.status).toBe(0)
  expect((await runHere(`! ${PING}`, { drop: 'icmp' })).end.status).toBe(0)
})

test('options that do not belong together are refused before a lab is made', async () => {
  await expect(runHere('true', { nth: 1 })).rejects.toThrow(
    '--nth: it is for the packets of --drop FILTER',
  )
  await expect(runHere('true', { drop: 'tcp', nth: 1, every: 2 })).rejects.toThrow(
    '--every: give one of',
  )
  await expect(runHere('true', { after: 5 })).rejects.toThrow('--after: --wire is missing')
  await expect(runHere('true', { wire: 'offline', scenario: 'x' })).rejects.toThrow(
    'another wire than offline',
  )
})
