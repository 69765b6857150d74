/** Lockups that need no interface, in the program as a child process. */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DriverFiles } from '../support/driver-files.ts'
import { LOCKUP_PROGRAM, spawnVnet } from '../support/vnet-process.ts'

let files: DriverFiles

beforeEach(() => {
  files = new DriverFiles()
})
afterEach(() => files.remove())

test.each([
  ['vnet FILE', []],
  ['vnet help FILE', ['help']],
])(
  'a loop while a driver file is loaded by %s is logged with its line, and a second signal ends vnet',
  async (_, words) => {
    const file = files.write('// A comment.\n  for (;;);\n')
    const until = / has not returned/
    const vnet = await spawnVnet([...words, file], { program: LOCKUP_PROGRAM, until })
    expect(await vnet.line(until)).toBe(`vnet: ${file}:2:3 has not returned for 0.4 s`)
    process.kill(vnet.pid, 'SIGTERM')
    const { status } = await vnet.stop('SIGINT')
    expect([130, 143]).toContain(status)
  },
)

test('a driver file in a system call is logged by its name, and so is the end of the call', async () => {
  const pipe = files.write('', 'pipe')
  rmSync(pipe)
  execFileSync('mkfifo', [pipe])
  const file = files.write(`
    import { readFileSync } from 'node:fs'
    readFileSync('${pipe}')
    setInterval(() => {}, 1000)
    await new Promise(() => {})`)
  const until = / has not returned/
  const vnet = await spawnVnet([file], { program: LOCKUP_PROGRAM, until, env: { SYSTEM_CALL: '1' } })
  await writeFile(pipe, '')
  await vnet.line(/ returned after/)
  expect(vnet.stderr).toMatch(
    /^vnet: \/.*my-driver.mjs has not returned for 0\.4 s\nvnet: \/.*my-driver.mjs returned after \d+\.\d s\n$/,
  )
})

test('under a debugger a call that sleeps is not reported, as a pause is not', async () => {
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
  const env = { SYSTEM_CALL: '1', NODE_OPTIONS: '--inspect=127.0.0.1:0' }
  const vnet = await spawnVnet([file], { program: LOCKUP_PROGRAM, until: /about to read/, env })
  // Twice the limit: a report would come in this time, and has no event to await.
  await setTimeout(1000)
  await writeFile(pipe, '')
  await vnet.line(/^read$/)
  expect(vnet.stderr).not.toContain('returned')
  await vnet.stop('SIGTERM')
})

test('a lockup of a driver of the program is logged with the names of its interfaces, and its end', async () => {
  const go = files.write('', 'go')
  rmSync(go)
  const dist = new URL('../../dist/', import.meta.url).href
  const program = files.write(`
    import { existsSync } from 'node:fs'
    import { LockupWatch } from '${dist}cli/lockup.js'
    import { NETDEV_UP } from '${dist}netdev/if.js'
    const net = {
      devices: [{ name: 'sn0' }],
      log: { err: text => { console.error(text); process.exit() } },
      registerNetdeviceNotifier(fn) { this.notify = fn },
    }
    new LockupWatch({ limitMs: 400, patienceMs: 10 }).start(net, 'snull', false)
    net.devices.push({ name: 'sn1' })
    net.notify(NETDEV_UP)
    setTimeout(() => { while (!existsSync('${go}')); })
    setInterval(() => {}, 1000)`)
  const child = await spawnVnet([], { program, until: / has not returned/ })
  await writeFile(go, '')
  const { status, stderr } = await child.ended
  expect(stderr).toMatch(
    /^vnet: snull \(sn0, sn1\) has not returned for 0\.4 s\nvnet: snull returned after \d+\.\d s\n$/,
  )
  expect(status).toBe(0)
})
