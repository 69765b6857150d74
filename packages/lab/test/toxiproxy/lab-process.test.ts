/** Why the process of the lab has ended. */
import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { reasonOfEnd } from '../../src/toxiproxy/lab-process.ts'

test('the reason of an end is whole if a part of it is written after the exit', async () => {
  // A process remains as a zombie until its exit is noticed: only then kill -0 fails.
  const late = 'while kill -0 $$ 2>/dev/null; do :; done; echo are needed >&2'
  const script = `echo 'vnet: rights' >&2; (${late}) & exit 1`
  const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'ignore', 'pipe'] })
  expect(await reasonOfEnd(child)).toBe('rights\nare needed')
})
