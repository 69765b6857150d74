/** Live checks on a machine that does not run their programs. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { freshDirectory } from '../../../test/support/fresh-directory.ts'
import { fail, type LiveCheck } from '../src/exercise.ts'
import { onVnet, runLive } from '../src/live.ts'

const directory = freshDirectory()

/** Runs a check that starts this shell script as a program. */
async function withTool(script: string, mode = 0o755) {
  const tool = join(directory, 'iperf3')
  writeFileSync(tool, `#!/bin/sh\n${script}\n`)
  chmodSync(tool, mode)
  vi.stubEnv('PATH', `${directory}:${process.env.PATH}`)
  const check: LiveCheck = {
    title: 'TCP passes',
    read: 'Checksums',
    async run(live) {
      const { status } = await live.run(mode === 0o755 ? 'iperf3' : tool, '-s')
      if (status !== 0) fail({ seen: `status ${status}`, expected: 'status 0' })
    },
  }
  const result = await runLive(check, onVnet(join(directory, 'driver.js')))
  vi.unstubAllEnvs()
  return result
}

const NULL = 'sh: 1: cannot create /dev/null: Read-only file system'

test.each([
  ['cannot create a file', `echo '${NULL}' >&2; exit 2`, NULL],
  ['cannot create a file in a pipeline that ends well', `echo '${NULL}' >&2`, NULL],
  ['does not find its program', 'exec no-such-program-here', 'exec: no-such-program-here: not found'],
  ['misses a library', "echo 'iperf3: error while loading shared libraries: x.so' >&2; exit 127", 'shared libraries'],
  ['may open no socket', "echo 'ping: socket: Operation not permitted' >&2; exit 2", 'Operation not permitted'],
  ['ends with the status of a program that cannot be executed', 'exit 126', 'status 126'],
])('a live check is not run if its program %s', async (_, script, why) => {
  const result = await withTool(script)
  expect(result).toMatchObject({ result: 'not run', why: expect.stringContaining('iperf3 fails on this machine: ') })
  expect(result.why).toContain(why)
})

test('a live check is not run if its program cannot be executed', async () => {
  expect(await withTool('exit 0', 0o644)).toMatchObject({ result: 'not run', why: expect.stringContaining('EACCES') })
})

test.each(['echo "iperf3: error - unable to connect to server: Connection refused" >&2; exit 1', 'exit 1'])(
  'a live check fails if the driver makes its program fail: %s',
  async script => {
    expect(await withTool(script)).toMatchObject({ result: 'failed', seen: 'status 1' })
  },
)
