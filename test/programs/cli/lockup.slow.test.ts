/** Lockups that need no interface, in the program as a child process. */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DriverFiles } from '../../support/driver-files.ts'
import { LOCKUP_PROGRAM, spawnVnet } from '../../support/vnet-process.ts'

const DIST = new URL('../../../dist/', import.meta.url).href

let files: DriverFiles

beforeEach(() => {
  files = new DriverFiles()
})
afterEach(() => files.remove())

/** Makes a pipe with a reader that sleeps until a writer opens the pipe. Returns its path. */
function fifo(name = 'pipe'): string {
  const pipe = files.write('', name)
  rmSync(pipe)
  execFileSync('mkfifo', [pipe])
  return pipe
}

test.each([
  ['vnet FILE', []],
  ['vnet help FILE', ['help']],
])(
  'a loop while a driver file is loaded by %s is logged with its line, and a second signal ends vnet',
  async (_, words) => {
    // The loop is a call of its own: on a busy machine the program itself may load for too long.
    const file = files.write('await new Promise(done => setTimeout(done))\n  for (;;);\n')
    const until = new RegExp(`^vnet: ${file}:2:3 has not returned for 0.4 s$`)
    const vnet = await spawnVnet([...words, file], { program: LOCKUP_PROGRAM, until })
    process.kill(vnet.pid, 'SIGTERM')
    const { status } = await vnet.stop('SIGINT')
    expect([130, 143]).toContain(status)
  },
)

test('a driver file in a system call is logged by its name, and so is the end of the call', async () => {
  const pipe = fifo()
  const file = files.write(`
    import { readFileSync } from 'node:fs'
    readFileSync('${pipe}')
    setInterval(() => {}, 1000)
    await new Promise(() => {})`)
  const until = / has not returned/
  // Loading rarely reaches this limit, and is reported before the call if it does.
  const env = { SYSTEM_CALL: '1', LIMIT_MS: '2000' }
  const vnet = await spawnVnet([file], { program: LOCKUP_PROGRAM, until, env })
  await writeFile(pipe, '')
  await vnet.line(/ returned after/)
  expect(vnet.stderr).toMatch(
    /^vnet: \/.*my-driver.mjs has not returned for 2 s\nvnet: \/.*my-driver.mjs returned after \d+\.\d s\n/m,
  )
})

test('under a debugger neither a sleeping call nor a pause is reported', async () => {
  const [debugged, plain] = [fifo('debugged'), fifo('plain')]
  const reading = (pipe: string) =>
    files.write(
      `import { readFileSync } from 'node:fs'
    console.error('about to read')
    readFileSync('${pipe}')
    console.error('read')
    setInterval(() => {}, 1000)
    await new Promise(() => {})`,
      `${basename(pipe)}.mjs`,
    )
  const start = (pipe: string, until: RegExp, options: string) =>
    spawnVnet([reading(pipe)], {
      program: LOCKUP_PROGRAM,
      until,
      env: { SYSTEM_CALL: '1', NODE_OPTIONS: options },
    })
  const vnet = await start(debugged, /about to read/, '--inspect=127.0.0.1:0')
  // It calls later, and is reported. So the first would have been.
  const other = await start(plain, / has not returned/, '')
  await writeFile(debugged, '')
  await vnet.line(/^read$/)
  expect(vnet.stderr).not.toContain('returned')
  await writeFile(plain, '')
  await Promise.all([vnet.stop('SIGTERM'), other.stop('SIGTERM')])
})

test('a lockup of a driver file that runs is logged as its output is, by the name of the driver', async () => {
  const pipe = fifo()
  const program = files.write(`
    import { readFileSync } from 'node:fs'
    import { LockupWatch } from '${DIST}cli/lockup.js'
    const lockups = new LockupWatch({ limitMs: 400, patienceMs: 100 })
    await lockups.startFile('/my-driver.js')
    lockups.start({}, 'mine', true)
    readFileSync('${pipe}')
    setInterval(() => {}, 1000)`)
  const child = await spawnVnet([], { program, until: / has not returned/ })
  await writeFile(pipe, '')
  await child.line(/ returned after/)
  await child.stop('SIGKILL')
  const lines = child.stdout.trimEnd().split('\n')
  expect(lines.map(line => JSON.parse(line))).toEqual([
    { event: 'log', level: 'error', message: 'vnet: mine has not returned for 0.4 s' },
    { event: 'log', level: 'error', message: expect.stringMatching(/^vnet: mine returned after \d+\.\d s$/) },
  ])
  expect(child.stderr).toBe('')
})

/** Each worker that is started from here on fails. */
const FAILING_WORKERS = `
    import { syncBuiltinESMExports } from 'node:module'
    import threads, { Worker } from 'node:worker_threads'
    threads.Worker = class extends Worker {
      constructor() {
        super('throw new Error("no worker")', { eval: true })
      }
    }
    syncBuiltinESMExports()`

test.each([
  ['a driver of the program', '', ''],
  ['a driver file whose worker failed', FAILING_WORKERS, "await lockups.startFile('/my-driver.js')"],
])('a lockup of %s is logged with the names of its interfaces, and its end', async (_, before, begin) => {
  const go = files.write('', 'go')
  rmSync(go)
  const program = files.write(`${before}
    import { existsSync } from 'node:fs'
    const { LockupWatch } = await import('${DIST}cli/lockup.js')
    const { NETDEV_UP } = await import('${DIST}netdev/if.js')
    const net = {
      devices: [{ name: 'sn0' }],
      log: { err: text => { console.error(text); process.exit() } },
      registerNetdeviceNotifier(fn) {
        net.devices.push({ name: 'sn1' })
        fn(NETDEV_UP)
        setTimeout(() => { while (!existsSync('${go}')); })
      },
    }
    const lockups = new LockupWatch({ limitMs: 400, patienceMs: 10 })
    ${begin}
    lockups.start(net, 'snull', false)
    setInterval(() => {}, 1000)`)
  const child = await spawnVnet([], { program, until: / has not returned/ })
  await writeFile(go, '')
  const { status, stderr } = await child.ended
  expect(stderr).toMatch(
    /^vnet: snull \(sn0, sn1\) has not returned for 0\.4 s\nvnet: snull returned after \d+\.\d s\n$/,
  )
  expect(status).toBe(0)
})
