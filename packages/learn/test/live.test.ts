/** The programs of live checks: on a machine that does not run them, and at their end. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, createReadStream, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { fail, type LiveCheck } from '../src/exercise.ts'
import { onVnet, runLive, runProgram } from '../src/live.ts'

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
      if (status !== 0) {
        fail({ seen: `status ${status}`, expected: 'status 0' })
      }
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
  [
    'does not find its program',
    'exec no-such-program-here',
    'exec: no-such-program-here: not found',
  ],
  [
    'misses a library',
    "echo 'iperf3: error while loading shared libraries: x.so' >&2; exit 127",
    'shared libraries',
  ],
  [
    'may open no socket',
    "echo 'ping: socket: Operation not permitted' >&2; exit 2",
    'Operation not permitted',
  ],
  ['ends with the status of a program that cannot be executed', 'exit 126', 'status 126'],
])('a live check is not run if its program %s', async (_, script, why) => {
  const result = await withTool(script)
  expect(result).toMatchObject({
    result: 'not run',
    why: expect.stringContaining('iperf3 fails on this machine: '),
  })
  expect(result.why).toContain(why)
})

test('a live check is not run if its program cannot be executed', async () => {
  expect(await withTool('exit 0', 0o644)).toMatchObject({
    result: 'not run',
    why: expect.stringContaining('EACCES'),
  })
})

test.each([
  'echo "iperf3: error - unable to connect to server: Connection refused" >&2; exit 1',
  'exit 1',
])('a live check fails if the driver makes its program fail: %s', async script => {
  expect(await withTool(script)).toMatchObject({ result: 'failed', seen: 'status 1' })
})

/** Returns a script that starts a program which never ends, and a stream that ends with it. */
function endless() {
  const fifo = join(directory, 'fifo')
  rmSync(fifo, { force: true })
  execFileSync('mkfifo', [fifo])
  const script = `{ echo started; exec sleep 1000; } > '${fifo}' & wait`
  return { script, started: createReadStream(fifo) }
}

test('a program of a live check ends at its time limit, with all programs that it has started', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const { script, started } = endless()
  const running = runProgram('sh', ['-c', script], directory)
  await once(started, 'data')
  vi.advanceTimersByTime(30_000)
  vi.useRealTimers()
  await once(started, 'end')
  expect(await running).toEqual({ status: -1, stdout: '', stderr: '' })
})

test('a program of a live check ends with the process of the checks', async () => {
  const { script, started } = endless()
  const live = new URL('../dist/live.js', import.meta.url).href
  const program = `import { runProgram } from '${live}'
    process.stdin.on('data', () => process.exit())
    runProgram('sh', ['-c', ${JSON.stringify(script)}], '/')`
  const stdio = ['pipe', 'inherit', 'inherit'] as const
  const checks = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: [...stdio],
  })
  await once(started, 'data')
  checks.stdin?.write('end')
  await Promise.all([once(started, 'end'), once(checks, 'close')])
})
