/** Lockups that need no interface, in the program as a child process. */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DriverFiles } from '#support/driver-files.ts'
import { LOCKUP_PROGRAM, spawnVnet } from '#support/vnet-process.ts'

let files: DriverFiles

beforeEach(() => {
  files = new DriverFiles()
})
afterEach(() => files.remove())

/** Starts `vnet FILE`, with a file whose loading waits in a system call until `end` is called. */
async function reading(until: RegExp, env: NodeJS.ProcessEnv = {}) {
  const pipe = files.write('', 'pipe')
  rmSync(pipe)
  execFileSync('mkfifo', [pipe])
  const file = files.write(`
    import { readFileSync } from 'node:fs'
    console.error('about to read')
    readFileSync('${pipe}')
    console.error('read')
    setInterval(() => {}, 1000)
    await new Promise(() => {})`)
  const vnet = await spawnVnet([file], { program: LOCKUP_PROGRAM, until, env })
  return { vnet, file, end: () => writeFile(pipe, '') }
}

test.each([
  ['vnet FILE', [], 'SIGINT', 130],
  ['vnet help FILE', ['help'], 'SIGTERM', 143],
  ['vnet cable --stage FILE', ['cable', 'a', 'b', '--stage'], 'SIGTERM', 143],
] as const)(
  'a loop while a file is loaded by %s is logged with its line, and a signal ends vnet',
  async (_, words, signal, expected) => {
    const file = files.write('await new Promise(done => setTimeout(done))\n  for (;;);\n')
    const until = new RegExp(`^vnet: ${file}:2:3 has not returned for 0.4 s$`)
    const vnet = await spawnVnet([...words, file], { program: LOCKUP_PROGRAM, until })
    expect((await vnet.stop(signal)).status).toBe(expected)
  },
)

test('endless microtasks are logged with their line, on standard output with --json', async () => {
  const file = files.write('for (;;)\n  await 0\n')
  const vnet = await spawnVnet([file, '--json'], {
    program: LOCKUP_PROGRAM,
    until: / has not returned/,
  })
  const { stdout, stderr } = await vnet.stop('SIGTERM')
  expect(JSON.parse(stdout)).toEqual({
    event: 'log',
    time: expect.any(Number),
    level: 'error',
    message: expect.stringMatching(`^vnet: ${file}:[12]:\\d+ has not returned for 0.4 s$`),
  })
  expect(stderr).toBe('')
})

test('a driver file in a system call is logged by its name, and so is the end of the call', async () => {
  const { vnet, file, end } = await reading(/ has not returned/)
  await end()
  await vnet.line(/ returned after/)
  expect(vnet.stderr).toContain(`vnet: ${file} has not returned for 0.4 s\n`)
  expect(vnet.stderr).toMatch(/^vnet: \/.*my-driver.mjs returned after \d+\.\d s$/m)
})

test('a signal ends a driver file in a system call', async () => {
  const { vnet } = await reading(/ has not returned/)
  expect((await vnet.stop('SIGTERM')).status).toBe(143)
})

test('under a debugger, which may pause the program, no call is reported', async () => {
  const { vnet, end } = await reading(/about to read/, { NODE_OPTIONS: '--inspect=127.0.0.1:0' })
  await new Promise(done => setTimeout(done, 2500))
  await end()
  await vnet.line(/^read$/)
  expect(vnet.stderr).not.toContain('returned')
})
