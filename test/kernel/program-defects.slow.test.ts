/** The program with a defective driver file: what it logs, what it leaves, how it ends. */
import { expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { numbered } from '#support/memory-net.ts'
import { outcome } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { firstOf } from '#support/scale.ts'
import { sentPackets } from '#support/shown-link.ts'
import { PROGRAM, spawnVnet } from '#support/vnet-process.ts'

const LIBRARY = new URL('../../dist/index.js', import.meta.url).href
const { netns, files } = freshNamespaces('netns')

const links = () => JSON.parse(netns.ip('-j link')).map((link: { ifname: string }) => link.ifname)

/** A driver file with two interfaces. The second has `ops`; `init` runs when they are made. */
function driverFile({ ops = '', init = '' }: { ops?: string; init?: string }): string {
  return files.write(
    `import { allocEtherdevMqs, defineDriver, IFF_NOARP, Napi, netifRx } from '${LIBRARY}'
    function make(name, ops) {
      const setup = dev => {
        dev.netdevOps = { ndoStartXmit: skb => skb.drop(), ...ops }
        dev.flags |= IFF_NOARP
      }
      return { dev: allocEtherdevMqs({ name, setup, priv: {} }) }
    }
    export const driver = defineDriver({
      name: 'broken', description: 'broken', params: {},
      init() { ${init}; return [make('whole'), make('broken', { ${ops} })] },
    })`,
    'broken.mjs',
  )
}

const running = (...args: string[]) => spawnVnet([...args, '--netns', netns.name])

test('an exception of ndoOpen at the start ends the program and leaves nothing', async () => {
  const file = driverFile({ ops: "ndoOpen() { throw new Error('boom') }" })
  const { status, stderr, stdout } = await netns.run(`${process.execPath} ${PROGRAM} ${file} -q`)
  expect([status, stdout, links()]).toEqual([1, '', ['lo']])
  expect(stderr).toMatch(
    /^broken: ndoOpen: Error: boom .*\nbroken: ndo_open failed: EIO.*\nvnet: broken: input\/output error; the driver refused.*\n$/,
  )
})

test.each(firstOf(1, ['ndoStop', 'ndoUninit']))(
  'an exception of %s is logged, and the program ends normally',
  async op => {
    const vnet = await running(driverFile({ ops: `${op}() { throw new Error('boom') }` }), '-q')
    const { status, stderr } = await vnet.stop()
    expect([status, links()]).toEqual([0, ['lo']])
    expect(stderr).toMatch(new RegExp(`^broken: ${op}: Error: boom .*\\n$`))
  },
)

test('several exceptions end the program once, and the first is logged', async () => {
  // Without a stack nothing shows that vnet was not interrupted.
  const init =
    "let n = 0; process.on('SIGUSR2', () => setInterval(() => { throw 'boom ' + n++ }, 1))"
  const vnet = await running(driverFile({ init }))
  const { status, stdout, stderr } = await vnet.stop('SIGUSR2')
  expect([status, links()]).toEqual([1, ['lo']])
  expect(stderr.match(/^vnet: .*$/gm)).toEqual([
    expect.stringMatching(
      /^vnet: an uncaught exception of driver broken ended the program: boom 0$/,
    ),
  ])
  expect(stdout).toMatch(/^broken rx +\d/m)
})

test('throwing alarms and rejected promises of a driver are logged with their line, and vnet continues', async () => {
  const init = `process.on('SIGUSR2', () => setTimeout(() => {
    arguments[1].net.clock.alarm(() => { throw new Error('alarm rang') }).at(0)
    for (let n = 0; n < 4; n++) (async () => { throw new Error('late') })()
    Promise.reject('no error')
  }))`
  const vnet = await running(driverFile({ init }))
  process.kill(vnet.pid, 'SIGUSR2')
  await vnet.line(/^alarm: Error: alarm rang \(at .*broken\.mjs:\d+:\d+\)+; vnet goes on$/m)
  await vnet.line(
    /^broken: rejected promise: Error: late \(at .*broken\.mjs:\d+:\d+\)+; vnet goes on$/m,
  )
  const { status, stderr } = await vnet.stop()
  expect(status).toBe(0)
  expect(stderr).toMatch(/^broken: rejected promise: 4 similar lines suppressed$/m)
})

test('exceptions in callbacks of a socket and of a timer of a driver are logged with their line, and vnet continues', async () => {
  const init = `process.on('SIGUSR2', async () => {
    const { createSocket } = await import('node:dgram')
    const socket = createSocket('udp4').bind(0, '127.0.0.1', () => {
      for (let n = 0; n < 3; n++) socket.send('', socket.address().port, '127.0.0.1')
    })
    let received = 0
    socket.on('message', () => {
      if (++received < 3) throw new Error('boom')
      setTimeout(() => {
        setTimeout(() => console.log('three received'))
        throw new Error('boom')
      })
    })
  })`
  const vnet = await running(driverFile({ init }))
  process.kill(vnet.pid, 'SIGUSR2')
  await vnet.line(
    /^broken: uncaught exception: Error: boom \(at .*broken\.mjs:\d+:\d+\)+; vnet goes on$/m,
  )
  await vnet.line(/^three received$/m)
  const { status, stderr } = await vnet.stop()
  expect(status).toBe(0)
  let logged = stderr.match(/uncaught exception: Error/g)?.length ?? 0
  for (const [, n] of stderr.matchAll(/uncaught exception: (\d+) similar lines? suppressed/g)) {
    logged += Number(n)
  }
  expect(logged).toBe(3)
})

test('using a frame after passing it on, and scheduling a poll too early, are logged, and vnet continues', async () => {
  const ops = `
    ndoOpen(dev) { new Napi(dev, () => 0).schedule() },
    ndoStartXmit(skb) { netifRx(skb); skb.drop() }`
  const vnet = await running(driverFile({ ops }))
  using host = new PacketSocket(netns, 'broken')
  const frames = numbered(3)
  for (const frame of frames) {
    host.send(frame)
  }
  for (const frame of frames) {
    await host.until(({ octets }) => Buffer.from(octets).equals(frame))
  }
  const { status, stderr, stdout } = await vnet.stop()
  expect(status).toBe(0)
  expect(stderr).toMatch(
    /^broken: napi_schedule before napi_enable, by .*broken\.mjs:\d+:\d+\): the poll does not run$/m,
  )
  expect(stderr).toMatch(
    /^broken: ndoStartXmit: SkbError: skb_drop on a frame that the kernel was given already, by .*broken\.mjs:\d+:\d+\)/m,
  )
  expect(/^broken rx +(\d+)/m.exec(stdout)?.[1]).toBe(/^broken tx +(\d+)/m.exec(stdout)?.[1])
})

test('timers that a driver leaves running do not keep the program alive', async () => {
  const vnet = await running(driverFile({ init: 'setInterval(() => {}, 1000)' }))
  const { status, stdout } = await vnet.stop()
  expect([status, links()]).toEqual([0, ['lo']])
  expect(stdout).toMatch(/^broken rx +\d/m)
})

test('a driver that throws on every frame logs at most a line per second, and each frame is counted', async () => {
  const vnet = await running(driverFile({ ops: "ndoStartXmit() { throw new Error('boom') }" }))
  using host = new PacketSocket(netns, 'broken')
  const [frame] = numbered(1) as [Uint8Array]
  const began = performance.now()
  for (let i = 0; i < 300; i++) {
    host.send(frame)
  }
  await vnet.line(/ndoStartXmit: Error: boom \(at .*broken\.mjs:\d+:\d+\)/)
  await expect.poll(() => sentPackets(netns, 'broken')).toBeGreaterThanOrEqual(300)
  const { status, stdout, stderr } = await vnet.stop()
  const seconds = (performance.now() - began) / 1000
  expect(status).toBe(0)
  const lines = stderr.match(/ndoStartXmit: Error/g)?.length ?? 0
  expect(lines).toBeLessThanOrEqual(1 + Math.ceil(seconds))
  const [, txPackets, txDropped] = /^broken tx +(\d+) +\d+ +\d+ +(\d+)$/m.exec(
    stdout,
  ) as RegExpExecArray
  expect(Number(txPackets)).toBeGreaterThanOrEqual(300)
  expect(txDropped).toBe(txPackets)
  let suppressed = 0
  for (const [, n] of stderr.matchAll(
    /^broken: ndoStartXmit: (\d+) similar lines? suppressed$/gm,
  )) {
    suppressed += Number(n)
  }
  expect(stdout).toMatch(
    new RegExp(`^broken tx dropped: .*DRIVER_EXCEPTION ${lines + suppressed}\\b`, 'm'),
  )
})

test('too few descriptors are reported in one line', async () => {
  const command = [
    'sh',
    '-c',
    'ulimit -n 40 && exec "$0" "$@"',
    process.execPath,
    PROGRAM,
    '--txqs',
    '64',
  ]
  const { status, stdout, stderr } = await outcome(netns.spawn(command))
  expect([status, stdout, links()]).toEqual([1, '', ['lo']])
  expect(stderr).toMatch(/^vnet: .*too many open files.*\n$/)
})
