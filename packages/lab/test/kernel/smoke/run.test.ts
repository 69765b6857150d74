/** `vnet run`: a command behind a link with faults. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { recordsIn } from '#support/capture-records.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { PROGRAM } from '#support/vnet-process.ts'
import { RUN_ROUTER } from '../../../src/model/subnet.ts'

const directory = freshDirectory()

test('vnet run loses the packets that --drop names, records all, and has the status of its command', () => {
  const [json, capture] = [join(directory, 'report.json'), join(directory, 'run.pcapng')]
  const options = ['--wire', 'delay 1ms', '--drop', 'icmp', '--first', '1']
  const files = ['--json', json, '--capture', capture]
  // The request of the first ping is lost, and the reply to the second.
  const script = `
    ping() { command ping -4 -c 1 -W $1 ${RUN_ROUTER} > /dev/null && echo reply || echo lost; }
    ping 0.2; ping 0.2; ping 30; exit 7`
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [PROGRAM, 'run', '--no-internet', ...options, ...files, '--', 'sh', '-c', script],
    { encoding: 'utf8' },
  )
  expect({ status, stderr }).toEqual({ status: 7, stderr: expect.stringContaining('lost: 1') })
  expect(stdout).toBe('lost\nlost\nreply\n')
  const lost = [{ packets: 1, by: "drop 'icmp' first 1" }]
  expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject({
    status: 7,
    out: { lost },
    in: { lost },
  })
  expect([...recordsIn(capture)].length).toBeGreaterThanOrEqual(6)
})
