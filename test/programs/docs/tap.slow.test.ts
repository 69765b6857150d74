/** docs/tap.md and docs/tap-reference.md: their programs do what the pages show. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { recordsIn } from '#support/capture-records.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { type Child, type Netns, OwnNetns } from '#support/netns.ts'
import { readPages } from '#support/pages.ts'
import { startStreams } from '#support/verified-streams.ts'
import { reasonToSkipKernelTests } from '../../../scripts/kernel-tests.mjs'

const page = readPages('docs/tap.md', 'docs/tap-reference.md')
const [
  ping = '',
  send = '',
  bridge = '',
  tunnel = '',
  watch = '',
  embed = '',
  ,
  fd = '',
  memory = '',
] = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code as string)

const kernelTest = test.skipIf(reasonToSkipKernelTests() !== undefined)

let own: OwnNetns
const directory = freshDirectory()

beforeEach(() => {
  // 'vnet' is this clone there.
  copyFileSync('package.json', join(directory, 'package.json'))
  for (const entry of ['dist', 'node_modules', 'build']) {
    symlinkSync(resolve(entry), join(directory, entry))
  }
  own = new OwnNetns()
})
afterEach(() => own.remove())

/** Runs a program of the page in a namespace. It has printed `ready` when this settles. */
async function start(netns: Netns, code: string, ...args: string[]) {
  const file = join(directory, 'program.js')
  writeFileSync(file, code)
  const child: Child = netns.spawn([process.execPath, file, ...args])
  const lines: string[] = []
  let complaints = ''
  child.stderr.on('data', data => {
    complaints += data
  })
  const reader = createInterface({ input: child.stdout })
  reader.on('line', line => lines.push(line))
  await Promise.race([once(reader, 'line'), once(child, 'close')])
  expect([lines, complaints]).toEqual([['ready'], ''])
  return {
    /** Ends it as Ctrl-C does. Returns what it printed after `ready`. */
    async stop() {
      child.kill('SIGINT')
      const [status] = await once(child, 'close')
      expect([status, complaints]).toEqual([0, ''])
      return lines.slice(1)
    },
  }
}

async function pings(from: Netns, options: string): Promise<void> {
  for (let i = 0; i < 3; i++) {
    expect(await from.run(`ping -c 1 -W 30 ${options}`)).toMatchObject({ status: 0 })
  }
}

const interfaces = (netns: Netns): string[] =>
  JSON.parse(netns.ip('-j link')).map(({ ifname }: { ifname: string }) => ifname)

kernelTest('the first program of the page answers every ping, and counts its replies', async () => {
  const netns = own.addQuiet()
  const program = await start(netns, ping)
  await pings(netns, '198.18.0.77')
  await pings(netns, '-s 1400 198.18.0.2')
  expect(await program.stop()).toEqual(['6 replies'])
  expect(interfaces(netns)).toEqual(['lo'])
})

kernelTest(
  'the second program of the page sends a request, to which the machine replies',
  async () => {
    const netns = own.addQuiet()
    const file = join(directory, 'program.js')
    writeFileSync(file, send)
    expect(await netns.run(`${process.execPath} ${file}`)).toMatchObject({
      status: 0,
      stdout: 'the machine replied\n',
    })
    expect(interfaces(netns)).toEqual(['lo'])
  },
)

kernelTest('the third program of the page joins two namespaces, also for TCP', async () => {
  const [home, left, right] = [own.add(), own.addQuiet(), own.addQuiet()]
  const code = bridge.replace("'left'", `'${left.name}'`).replace("'right'", `'${right.name}'`)
  const program = await start(home, code)
  await pings(left, '198.18.0.2')
  const end = (netns: Netns, address: string) => ({ netns, address, reachedAt: address })
  const streams = await startStreams(end(left, '198.18.0.1'), end(right, '198.18.0.2'))
  await streams.more(4 << 20)
  for (const { wrong } of await streams.end()) {
    expect(wrong).toEqual([])
  }
  expect(await program.stop()).toEqual([])
  expect(interfaces(left)).toEqual(['lo'])
})

kernelTest(
  'the fourth program of the page is a tunnel whose packets fit the link below',
  async () => {
    const [left, right] = [own.addQuiet(), own.addQuiet()]
    left.ip(`link add under0 type veth peer under0 netns ${right.name}`)
    for (const [netns, address] of [
      [left, '192.0.2.1/24'],
      [right, '192.0.2.2/24'],
    ] as const) {
      netns.ip(`addr add ${address} dev under0`, 'link set under0 up')
    }
    const near = await start(left, tunnel, '192.0.2.2', '198.18.0.1/24')
    const far = await start(right, tunnel, '192.0.2.1', '198.18.0.2/24')
    await pings(right, '198.18.0.1')
    // 20 bytes of IP and 8 of ICMP: 1472 in all, 1500 in the tunnel.
    await pings(left, '-M do -s 1444 198.18.0.2')
    expect([await near.stop(), await far.stop()]).toEqual([[], []])
    expect(interfaces(left)).not.toContain('tunnel0')
  },
)

test('the program of the page that watches itself serves its counters and writes its frames', () => {
  const file = join(directory, 'watch.js')
  const inMemory = watch
    .replace("{ name: 'watch0'", "{ platform, name: 'watch0'")
    .replace('listen(9100', 'listen(0')
  writeFileSync(
    file,
    `import { once } from 'node:events'
import { MemoryPlatform } from 'vnet/bed'
const platform = new MemoryPlatform()
${inMemory}
platform.port('watch0').transmit(new Uint8Array(60).fill(7))
platform.port('watch0').drain()
tap.write(new Uint8Array(60))
if (!server.listening) await once(server, 'listening')
console.log(await (await fetch('http://127.0.0.1:' + server.address().port + '/metrics')).text())
server.close()
file.end()
await once(file, 'close')
process.exit()
`,
  )
  const output = execFileSync(process.execPath, [file], { cwd: directory, encoding: 'utf8' })
  expect(output).toBe(
    'ready\ntap_read_frames_total 1\ntap_written_frames_total 1\ntap_dropped_frames_total 0\n\n',
  )
  const captured = [...recordsIn(join(directory, 'watch.pcapng'))]
  expect(captured).toMatchObject([{ capturedLength: 60, originalLength: 60 }])
})

kernelTest(
  'a program of the page reads the interface that its helper made and passed on',
  async () => {
    const netns = own.addQuiet()
    const helper = page.match(/^```python\n(.*?)^```$/ms)?.[1] as string
    // The user of the page may not be able to read this clone.
    writeFileSync(
      join(directory, 'helper.py'),
      helper.replace("'--reuid=nobody', '--regid=nogroup', '--clear-groups', ", ''),
    )
    writeFileSync(join(directory, 'fd.js'), fd)
    const child = netns.spawn([
      'python3',
      join(directory, 'helper.py'),
      process.execPath,
      join(directory, 'fd.js'),
    ])
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    expect((await lines.next()).value).toBe('tap0 ready')
    expect(interfaces(netns)).toContain('tap0')
    child.kill('SIGKILL')
    await once(child, 'close')
  },
)

kernelTest(
  'the last program of docs/tap.md runs a driver, which clients find, and removes its interface',
  async () => {
    const netns = own.addQuiet()
    const program = await start(netns, embed)
    await pings(netns, '198.18.1.1')
    const { stdout } = await netns.run(`${process.execPath} ${resolve('dist/vnet.js')} list`)
    expect(stdout).toMatch(/^vnet0 +loop +up /m)
    expect(await program.stop()).toEqual([])
    expect(interfaces(netns)).toEqual(['lo'])
  },
)

kernelTest(
  'runDriver takes names and parameters, is private if requested, and leaves nothing after an error',
  async () => {
    const netns = own.add()
    const file = join(directory, 'private.mjs')
    const program = `
    import { networkInterfaces } from 'node:os'
    import { ControlClient, findVnets } from 'vnet/control'
    import { loop } from 'vnet/drivers'
    import { runDriver } from 'vnet/net'
    const client = ControlClient.open()
    const found = async () => (await findVnets(client)).devices.map(({ name }) => name)
    const running = await runDriver(loop, { control: false, names: ['mine0'], params: { ipv6: true } })
    const addresses = networkInterfaces().mine0.map(({ address }) => address)
    const seen = [addresses.includes('2001:db8::1'), ...(await found())]
    const error = await runDriver(loop, { names: ['mine0'] }).catch(({ code }) => code)
    await running.stop()
    const failing = await runDriver({ ...loop, exit: () => Promise.reject(new Error('exit')) })
    seen.push(...(await found()))
    const message = await failing.stop().catch(({ message }) => message)
    console.log(...seen, error, message, ...(await found()))
    client.close()`
    writeFileSync(file, program)
    expect(await netns.run(`${process.execPath} ${file}`)).toMatchObject({
      stdout: 'true vnet0 EEXIST exit\n',
      stderr: '',
    })
    expect(interfaces(netns)).toEqual(['lo'])
  },
)

test('the test of the page runs without root', () => {
  const file = join(directory, 'memory.js')
  writeFileSync(file, memory)
  expect(execFileSync(process.execPath, [file], { encoding: 'utf8' })).toBe('1 7\n')
})
