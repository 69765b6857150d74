/** The block of a finding: what it says of a client that a warm program runs. */
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { testDirectory, written } from '#support/fresh-directory.ts'
import { Clean } from '../../src/hunt/clean.ts'
import type { HuntFinding } from '../../src/hunt/hunt.ts'
import type { HuntOptions } from '../../src/hunt/options.ts'
import { tellerOf } from '../../src/hunt/told.ts'
import { clientRun } from '../support/client-runs.ts'

vi.mock('../../src/hunt/plain.ts', () => ({
  confirmPlain: async () => ({ text: 'no plain reproducer', isRepeated: false }),
}))

test('the block of a warm client has the command without vnet, and its script', async () => {
  const directory = testDirectory()
  const warm = written(directory, 'warm.sh', 'echo ready\n')
  const script = written(directory, 'get.sh', 'echo a script of its own\n')
  const client = `${script} http://server/`
  const options = { server: 'serve', warm: `sh ${warm}`, within: 1000 } as HuntOptions
  const clean = new Clean(clientRun(), clientRun())
  const start = { client, clean, ms: [1, 1], connections: [], points: [], notes: [] }
  const point = { fault: 'fin', connection: 1, from: 'server', byte: 0, direction: 'ba' } as const
  const run = { ...clientRun(), isHit: true, serverEnd: undefined }
  const finding: HuntFinding = { start, verdict: 'hangs', point, run, repeated: 3, of: 3 }
  const { block } = await tellerOf(options)(finding, new AbortController().signal)
  expect(block).toContain(`sh ${join(directory, 'get.sh')} http://server/`)
  expect(block).toContain('echo a script of its own')
  expect(block).not.toContain('warm.sh')
})
