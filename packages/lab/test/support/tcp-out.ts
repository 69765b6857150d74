/** TCP connections of `vnet run` to a server of the machine's network, which end in many ways. */
import { expect } from 'vitest'
import type { standInInternet } from './internet.ts'

const ENDS = 'packages/lab/test/support/tcp-ends.mjs'

/** Checks that refusals, ends, resets and all bytes pass in both directions. */
export async function expectEnds(
  { server, run }: ReturnType<typeof standInInternet>,
  address: string,
  options: readonly string[] = [],
): Promise<void> {
  const { stdout } = server.spawn([process.execPath, ENDS, 'serve'])
  let noticed = ''
  stdout.on('data', text => {
    noticed += text
  })
  await expect.poll(() => noticed).toMatch(/ready/)
  const {
    status,
    stdout: asked,
    stderr,
  } = run('--quiet', ...options, '--', process.execPath, ENDS, address)
  // On a busy machine the wire may hold all frames that the run has.
  const lines = stderr.replace(/^vnet: .*: no free slot: .*\n/, '')
  expect({ status, lines }).toEqual({ status: 0, lines: '' })
  expect(JSON.parse(asked)).toEqual({
    refused: 'ECONNREFUSED',
    echoed: 'to the end',
    greeting: 'greeting',
    reset: 'ECONNRESET',
    many: 200,
    same: true,
  })
  await expect.poll(() => noticed).toMatch(/after the greeting: still there/)
  await expect.poll(() => noticed).toMatch(/watched: ECONNRESET/)
}
