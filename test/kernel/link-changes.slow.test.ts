/** Changes by `ip link set` and how the driver handles them: up and down, MTU, MAC address. */
import { describe, expect, test } from 'vitest'
import { DRIVERS, driverSetup } from '#support/driver-setups.ts'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import type { Netns } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { either, firstOf } from '#support/scale.ts'
import { isDown, shownLink, untilShown } from '#support/shown-link.ts'
import { tcpExchange } from '#support/sockets.ts'
import {
  BOTH_WAYS,
  expectConserved,
  finalStatistics,
  jsonLines,
  type Running,
  spawnVnet,
  startVnet,
  stopConserved,
} from '#support/vnet-process.ts'

const { own, near, far, files } = freshQuietNamespaces('near', 'far')

/** Runs a driver file in `near` with --json. */
const mine = (ops: string, ...args: string[]) =>
  spawnVnet([files.driver({ ops }), '--netns', near.name, '--json', ...args])
/**
 * Waits until the driver has handled all changes of an interface so far. Needs -v. Changes that
 * arrive together are reported up last, so an MTU may come before them, and the next one does not.
 */
async function heard(vnet: Running, netns: Netns, name: string): Promise<void> {
  const { mtu } = shownLink(netns, name)
  for (const next of [mtu - 1, mtu - 2]) {
    netns.ip(`link set ${name} mtu ${next}`)
    await vnet.line(new RegExp(`${name}: mtu ${next}"`))
  }
}
const messages = (vnet: Running) =>
  jsonLines(vnet.stdout).flatMap(({ event, message }) =>
    event === 'log' ? [message as string] : [],
  )

/** Ends a run with expected errors in its log, and checks that every lost frame was counted. */
async function conserved(vnet: Running): Promise<void> {
  const ended = await vnet.stop()
  expect(ended).toMatchObject({ status: 0, stderr: '' })
  expectConserved(Object.values(finalStatistics(ended)))
}

describe('up and down', () => {
  /** One `ip` process that sets states as fast as it can. */
  async function flap(name: string, states: readonly string[]): Promise<void> {
    const ip = near.spawn('ip -batch -')
    ip.stdin.end(states.map(state => `link set ${name} ${state}\n`).join(''))
    expect(await new Promise(resolve => ip.on('close', resolve))).toBe(0)
  }

  test('over 1,000 changes ndoOpen and ndoStop strictly alternate, and the last state is the true one', async () => {
    const ops = "ndoOpen: dev => dev.log.info('ndoOpen'), ndoStop: dev => dev.log.info('ndoStop')"
    const vnet = await mine(ops, '-v')
    for (const last of ['up', 'down']) {
      const states = Array.from({ length: 1000 }, (_, i) =>
        (i % 2 === 0) === (last === 'up') ? 'down' : 'up',
      )
      await flap('mine0', last === 'up' ? states : states.slice(1))
      await heard(vnet, near, 'mine0')
      const calls = messages(vnet).flatMap(
        line => /^mine0: (ndoOpen|ndoStop)$/.exec(line)?.[1] ?? [],
      )
      expect(calls.every((call, i) => call === (i % 2 === 0 ? 'ndoOpen' : 'ndoStop'))).toBe(true)
      expect(calls.at(-1)).toBe(last === 'up' ? 'ndoOpen' : 'ndoStop')
      expect(isDown(shownLink(near, 'mine0'))).toBe(last === 'down')
    }
    await stopConserved(vnet)
  })

  test.each(firstOf(1, BOTH_WAYS))(
    'every frame lost by flapping under load is counted, %s',
    async (_, offload) => {
      const vnet = await startVnet([
        'snull',
        `${near.name}/sn0`,
        `${far.name}/sn1`,
        '--json',
        '-v',
        ...offload,
      ])
      const flood = `
import socket, sys, threading
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
print("begun", flush=True)
while not ended.is_set():
  try: sock.sendto(bytes(1000), ("198.18.0.2", 9))
  except OSError: pass`
      const child = near.spawn(['python3', '-c', flood])
      await new Promise(resolve => child.stdout.once('data', resolve))
      await flap(
        'sn0',
        Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 'down' : 'up')),
      )
      const ended = new Promise(resolve => child.on('close', resolve))
      child.stdin.end()
      await ended
      // Succeeds once the driver has followed; echo requests before that are lost.
      expect(await near.run('ping -c 1 -w 30 -i 0.1 198.18.0.2')).toMatchObject({ status: 0 })
      near.ip('link set sn0 down')
      await heard(vnet, near, 'sn0')
      const { sn0, sn1 } = await stopConserved(vnet)
      expect(sn0!.total.txPackets).toBeGreaterThan(100)
      // As counted by the kernel.
      for (const { total, kernel } of [sn0!, sn1!]) {
        for (const field of ['txPackets', 'txBytes', 'rxPackets', 'rxBytes'] as const) {
          expect([field, total[field]]).toEqual([field, kernel![field]])
        }
      }
    },
  )

  test.each([
    ['loop', []],
    ['snull', []],
    ['cable', []],
    // Its transmitter is then full: one frame is stuck, and one was sent without an interrupt.
    ['snull', ['--pool-size', '1', '--stuck', '1', '--timeout', '60000']],
    ['snull', ['--pool-size', '1', '--lockup', '1', '--timeout', '60000', '--use-napi']],
  ])(
    'frames in flight at down are counted as dropped and never delivered: %s %j',
    async (driver, args) => {
      const [name, other] = driver === 'loop' ? ['vnet0', 'vnet0'] : ['left', 'right']
      const places =
        driver === 'loop' ? ['--netns', near.name] : [`${near.name}/left`, `${far.name}/right`]
      const there = driver === 'loop' ? near : far
      const arrived = () => JSON.parse(there.ip(`-s -j link show ${other}`))[0].stats64.rx.packets
      const vnet = await startVnet([driver, ...places, '--json', '-vv', ...args])
      const frame = ethernet(0x0800, [...IPV4, ...new Array<number>(26).fill(0)])
      using sender = new PacketSocket(near, name)
      sender.send(frame)
      await vnet.line(new RegExp(`"${name}: tx-\\d`))
      for (let i = 0; i < 300; i++) {
        sender.send(frame)
      }
      near.ip(`link set ${name} down`)
      await vnet.line(new RegExp(`"${name}: device closed"`))
      const delivered = arrived()
      near.ip(`link set ${name} up`)
      await heard(vnet, near, name)
      const after = args.length === 0 ? 1 : 0
      if (after > 0) {
        using receiver = new PacketSocket(there, other)
        using sender = new PacketSocket(near, name)
        sender.send(frame)
        await receiver.until(({ octets }) => octets[23] === 253)
      }
      expect(arrived()).toBe(delivered + after)
      const statistics = await stopConserved(vnet)
      expect(statistics[name]).toMatchObject({
        total: { txPackets: 301 + after },
        kernel: { txPackets: 301 + after, txDropped: 0 },
      })
      // Its own frames return to a loop that is down. A slow sender may find none in flight.
      const { tx, rx } = statistics[name]!.drops
      expect((tx.DEV_STOPPED ?? 0) + (rx.DEV_READY ?? 0)).toBe(301 - delivered)
      // A transmitter that is not full passes frames until the change of the link has its turn.
      if (args.includes('--stuck')) {
        expect(delivered).toBe(0)
      }
      if (args.includes('--lockup')) {
        expect(delivered).toBe(1)
      }
    },
  )

  /** From 198.18.0.1 to 198.18.0.2, of an unassigned protocol. */
  const IPV4 = [0x45, 0, 0, 46, 0, 7, 0, 0, 64, 253, 0, 0, 198, 18, 0, 1, 198, 18, 0, 2]

  test('a kernel queue that grew is drained to its end', async () => {
    const vnet = await spawnVnet([
      'cable',
      `${near.name}/left`,
      `${far.name}/right`,
      '--json',
      '-v',
    ])
    near.ip('link set left txqueuelen 3000')
    using sender = new PacketSocket(near, 'left')
    process.kill(vnet.pid, 'SIGSTOP')
    for (let i = 0; i < 3000; i++) {
      sender.send(ethernet(0x88b5, 46))
    }
    near.ip('link set left down')
    process.kill(vnet.pid, 'SIGCONT')
    await vnet.line(/"left: device closed"/)
    near.ip('link set left up')
    await heard(vnet, near, 'left')
    const { left, right } = await stopConserved(vnet)
    // Frames pass until the change of the link has its turn.
    expect(left!.drops.tx.DEV_STOPPED! + right!.total.rxPackets).toBe(3000)
    expect(left!.kernel).toMatchObject({ txPackets: 3000, txDropped: 0 })
  })

  test.each(
    firstOf(1, [
      [
        'ndoOpen that refuses',
        'ndoOpen(dev) { if (dev.priv.n++ === 1) return -19 }',
        /ndo_open failed: ENODEV/,
      ],
      [
        'ndoOpen that answers nonsense',
        'ndoOpen(dev) { if (dev.priv.n++ === 1) return 1 }',
        /ndo_open failed: EIO/,
      ],
      [
        'ndoOpen that throws',
        "ndoOpen(dev) { if (dev.priv.n++ === 1) throw new Error('boom') }",
        /ndo_open failed: EIO/,
      ],
      [
        'ndoValidateAddr that refuses',
        'ndoValidateAddr(dev) { if (dev.priv.n++ === 1) return -99 }',
        /EADDRNOTAVAIL/,
      ],
    ]),
  )(
    'a failing %s takes the link down again and logs why, and the next open succeeds',
    async (_, op, message) => {
      const ops = `${op}, ndoStop: dev => dev.log.info('ndoStop')`
      const file = files.driver({ ops, setup: 'dev.priv.n = 0' })
      const vnet = await spawnVnet([file, '--netns', near.name, '--json', '-v'])
      near.ip('link set mine0 down')
      await vnet.line(/mine0: device closed/)
      near.ip('link set mine0 up')
      const line = await vnet.line(/ndo_open failed/)
      expect(line).toMatch(message)
      expect(line).toContain('mine0: ndo_open failed: ')
      expect(line).toContain('; taking the link down again')
      await untilShown(own, near, 'mine0', isDown)
      if (op.includes('boom')) {
        expect(vnet.stdout).toMatch(/mine0: ndoOpen: Error: boom \(at .*my-driver\.mjs:\d+/)
      }
      near.ip('link set mine0 up')
      await heard(vnet, near, 'mine0')
      // A device that was not opened is not stopped.
      const calls = messages(vnet).filter(line => /device opened|ndoStop/.test(line))
      expect(calls).toEqual(['mine0: device opened', 'mine0: ndoStop', 'mine0: device opened'])
      expect(isDown(shownLink(near, 'mine0'))).toBe(false)
      await conserved(vnet)
    },
  )
})

describe('MTU', () => {
  const cases = DRIVERS.flatMap(driver =>
    [68, 9000, 65521].flatMap(mtu =>
      BOTH_WAYS.map(([way, offload]) => [driver, mtu, way, offload] as const),
    ),
  )

  // A short run has each driver and each MTU in both directions.
  test.each(
    either(
      cases,
      cases.filter((_, i) => i % 5 === 0),
    ),
  )(
    'an MTU of %s of %i carries pings of that size and TCP both ways, %s',
    async (driver, mtu, _, offload) => {
      const { args, client, server, interfaces } = driverSetup(driver, near, far)
      const vnet = await startVnet([...args, '--json', '-v', ...offload])
      for (const [netns, name] of interfaces) {
        netns.ip(`link set ${name} mtu ${mtu}`)
        await vnet.line(new RegExp(`"${name}: mtu ${mtu}"`))
        expect(shownLink(netns, name).mtu).toBe(mtu)
      }
      // TCP's smallest segments exceed 68 bytes, also on veth: they are fragmented if allowed.
      if (mtu === 68) {
        for (const [netns] of interfaces) {
          netns.exec('sysctl -qw net.ipv4.ip_no_pmtu_disc=1')
        }
      }
      const size = Math.min(mtu - 28, 65_507)
      for (const [{ netns }, { reachedAt }] of [
        [client, server],
        [server, client],
      ]) {
        const { stdout } = await netns.run(`ping -c 1 -W 30 -M do -s ${size} ${reachedAt}`)
        expect(stdout).toContain(' 1 received')
      }
      const { sent, received } = await tcpExchange(client, server, mtu === 68 ? 1 << 14 : 1 << 21)
      expect(received).toEqual(sent)
      const statistics = await stopConserved(vnet)
      for (const [, name] of interfaces) {
        const { total, kernel } = statistics[name]!
        for (const field of ['txPackets', 'txBytes', 'rxPackets', 'rxBytes'] as const) {
          expect([field, total[field]]).toEqual([field, kernel![field]])
        }
        // With offloads, frames are longer than the MTU.
        if (offload.length > 0) {
          expect(total.txBytes).toBeLessThanOrEqual(total.txPackets * (mtu + 14))
        }
      }
    },
  )

  test.each(
    firstOf(1, [
      ['loop', 'vnet0'],
      ['snull', 'sn0'],
      ['cable', 'left'],
    ]),
  )(
    'an MTU of %s below 68 or above 65521 is refused by the kernel and by --mtu',
    async (driver, name) => {
      const args = driver === 'cable' ? [driver, 'left', 'right'] : [driver]
      const vnet = await startVnet([...args, '--netns', near.name, '--json', '-v'])
      for (const mtu of [67, 65522]) {
        expect(() => near.ip(`link set ${name} mtu ${mtu}`)).toThrow(
          /mtu (less|greater) than device/,
        )
      }
      expect(shownLink(near, name).mtu).toBe(1500)
      for (const mtu of [68, 65521]) {
        near.ip(`link set ${name} mtu ${mtu}`)
        await vnet.line(new RegExp(`"${name}: mtu ${mtu}"`))
      }
      await stopConserved(vnet)
    },
  )

  test.each(
    firstOf(1, [
      [
        'ndoChangeMtu refuses',
        { ops: 'ndoChangeMtu: (_, mtu) => mtu === 1400 ? -22 : 0' },
        'EINVAL',
      ],
      [
        'ndoChangeMtu throws',
        { ops: "ndoChangeMtu(_, mtu) { if (mtu === 1400) throw new Error('boom') }" },
        'EIO',
      ],
      ['the device has a minimum', { setup: 'dev.minMtu = 1401' }, 'EINVAL'],
      ['the device has a maximum', { setup: 'dev.maxMtu = 1399; dev.mtu = 1300' }, 'EINVAL'],
    ]),
  )('an MTU change is undone and logged when %s', async (_, text, errno) => {
    const vnet = await spawnVnet([files.driver(text), '--netns', near.name, '--json', '-v'])
    const { mtu } = shownLink(near, 'mine0')
    for (const state of ['up', 'down']) {
      near.ip(`link set mine0 mtu 1400 ${state}`)
      await vnet.line(
        new RegExp(`mine0: MTU 1400 refused by the driver: ${errno}; back to ${mtu}"`),
      )
      await untilShown(own, near, 'mine0', link => link.mtu === mtu)
    }
    // An acceptable value is still accepted.
    const other = mtu === 1500 ? 1450 : 1350
    near.ip(`link set mine0 mtu ${other}`)
    await vnet.line(new RegExp(`mine0: mtu ${other}"`))
    expect(shownLink(near, 'mine0').mtu).toBe(other)
    await conserved(vnet)
    // The undone change is not reported.
    expect(messages(vnet).filter(line => /: mtu /.test(line))).toEqual([`mine0: mtu ${other}`])
    expect(messages(vnet).filter(line => /refused/.test(line))).toHaveLength(2)
  })
})

describe('hardware address', () => {
  const ops = `ndoSetMacAddress(dev, address) {
    const text = Buffer.from(address).toString('hex')
    dev.log.info('ndoSetMacAddress ' + text + ' in place of ' + Buffer.from(dev.devAddr).toString('hex'))
    if (text === '020000000066') return -99
    if (text === '020000000077') throw new Error('boom')
  }`

  test('a change of the MAC address reaches the driver, down and up', async () => {
    const vnet = await mine(ops, '--mac', '02:00:00:00:00:01')
    near.ip('link set mine0 address 02:00:00:00:00:02')
    await vnet.line(/ndoSetMacAddress 020000000002 in place of 020000000001/)
    near.ip('link set mine0 down', 'link set mine0 address 02:00:00:00:00:03')
    await vnet.line(/ndoSetMacAddress 020000000003 in place of 020000000002/)
    await stopConserved(vnet)
  })

  test.each(
    firstOf(1, [
      ['up', '66', 'EADDRNOTAVAIL'],
      ['down', '66', 'EADDRNOTAVAIL'],
      ['up', '77', 'EIO'],
    ]),
  )(
    'a MAC address that the driver refuses is undone and logged, %s, %s',
    async (state, last, errno) => {
      const vnet = await mine(ops, '--mac', '02:00:00:00:00:01')
      near.ip(`link set mine0 ${state}`, `link set mine0 address 02:00:00:00:00:${last}`)
      await vnet.line(
        new RegExp(
          `mine0: hardware address refused by the driver: ${errno}; back to the former one`,
        ),
      )
      await untilShown(own, near, 'mine0', ({ address }) => address === '02:00:00:00:00:01')
      near.ip('link set mine0 address 02:00:00:00:00:02')
      await vnet.line(/ndoSetMacAddress 020000000002 in place of 020000000001/)
      await conserved(vnet)
      // The change that undid it is not reported, either.
      expect(messages(vnet).filter(line => / in place of /.test(line))).toHaveLength(2)
    },
  )

  test('a MAC address that the kernel refuses does not reach the driver', async () => {
    const vnet = await mine(ops)
    for (const group of ['01:00:5e:00:00:01', '00:00:00:00:00:00']) {
      expect(() => near.ip(`link set mine0 address ${group}`)).toThrow(
        /Cannot assign|Address not available/,
      )
    }
    await stopConserved(vnet)
    expect(messages(vnet).filter(line => / in place of /.test(line))).toEqual([])
  })

  test.each([
    ['loop', ['vnet0'], '198.18.0.2'],
    ['snull', ['sn0', 'sn1'], '198.18.0.2'],
  ])(
    'the MAC address of %s changes while it is up, and pings continue',
    async (driver, names, remote) => {
      const vnet = await startVnet([driver, '--netns', near.name, '--json', '-v'])
      for (const [i, name] of names.entries()) {
        const address = `02:00:00:00:00:4${i}`
        near.ip(`link set ${name} address ${address}`)
        await vnet.line(new RegExp(`"${name}: address ${address}"`))
      }
      expect((await near.run(`ping -c 1 -W 30 ${remote}`)).stdout).toContain(' 1 received')
      await stopConserved(vnet)
    },
  )
})
