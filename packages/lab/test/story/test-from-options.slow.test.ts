/** The option of vnet test-from that explores. */
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'
import { writeRepeatedRequest } from '../support/repeated-request.ts'

test('--explore prints a verdict for each changed fault', async () => {
  const capture = writeRepeatedRequest(testDirectory())
  const { status, stdout } = await runMain('test-from', capture, '--explore')
  expect(status).toBe(0)
  expect(stdout.split('\n').slice(-4, -1)).toEqual([
    'no fault  passed',
    'captured  slower  drop client-server ab tcp client:* > server:80 seq 1',
    'earlier   slower  drop client-server ab tcp client:* > server:80 seq 0',
  ])
})
