/**
 * The link state of a driver as the kernel's tools show it: carrier, operstate, interfaces above
 * it, speed and duplex.
 */
import { describe, expect, test } from 'vitest'
import { ControlClient, type DeviceEvent } from '#src/control/index.ts'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { vnetIn } from '#support/lan-program.ts'
import type { Netns } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import {
  hasCarrier,
  hasNoCarrier,
  type ShownLink,
  shownLink,
  untilShown,
} from '#support/shown-link.ts'
import { type Running, spawnVnet, startVnet, stopConserved } from '#support/vnet-process.ts'

const { own, near, far, files } = freshQuietNamespaces('near', 'far')

const until = (netns: Netns, name: string, is: (link: ShownLink) => boolean) =>
  untilShown(own, netns, name, is)

/**
 * A driver that gives frames back, and has or has no carrier as it is notified by a signal, from a
 * timer of its clock.
 */
const switched = () =>
  files.driver({
    ops: `ndoStartXmit(skb) { vnet.netifRx(skb) },
      ndoOpen(dev) {
        const { clock } = dev.net
        const alarms = [clock.alarm(() => netifCarrierOff(dev)), clock.alarm(() => netifCarrierOn(dev))]
        for (const [i, signal] of ['SIGUSR1', 'SIGUSR2'].entries()) {
          process.removeAllListeners(signal).on(signal, () => alarms[i].at(clock.now() + 1e6))
        }
      }`,
  })

describe('netifCarrierOff and netifCarrierOn', () => {
  const start = (...args: string[]) =>
    spawnVnet([switched(), '--netns', near.name, '--json', ...args])
  const carrier = (vnet: Running, on: boolean) => process.kill(vnet.pid, on ? 'SIGUSR2' : 'SIGUSR1')

  test('netifCarrierOff and netifCarrierOn from a timer show as NO-CARRIER and LOWER_UP, and operstate follows', async () => {
    const vnet = await start()
    const sysfs = () => near.exec('cat /sys/class/net/mine0/carrier /sys/class/net/mine0/operstate')
    for (let i = 0; i < 2; i++) {
      carrier(vnet, false)
      const { flags } = await until(near, 'mine0', hasNoCarrier)
      expect(flags).not.toContain('LOWER_UP')
      expect(sysfs()).toBe('0\ndown\n')
      carrier(vnet, true)
      expect((await until(near, 'mine0', hasCarrier)).flags).not.toContain('NO-CARRIER')
      expect(sysfs()).toBe('1\nup\n')
    }
    await stopConserved(vnet)
  })

  test('the kernel sends nothing without a carrier, and continues with one', async () => {
    const vnet = await start()
    carrier(vnet, false)
    await until(near, 'mine0', hasNoCarrier)
    using host = new PacketSocket(near, 'mine0')
    for (let i = 0; i < 3; i++) {
      host.trySend(ethernet(0x88b5, 46))
    }
    carrier(vnet, true)
    await until(near, 'mine0', hasCarrier)
    const last = ethernet(0x88b6, 46)
    // Its queueing discipline is woken a moment after the carrier is shown.
    while (host.frames.length === 0) {
      host.send(last)
      await new Promise(resolve => setImmediate(resolve))
    }
    const { mine0 } = await stopConserved(vnet)
    expect(host.frames.every(({ octets }) => octets[13] === 0xb6)).toBe(true)
    expect(mine0!.kernel).toMatchObject({ txPackets: mine0!.total.txPackets })
  })

  test('an interface with its carrier off before registration starts without one', async () => {
    const file = files.driver({ setup: 'netifCarrierOff(dev)' })
    const vnet = await spawnVnet([file, '--netns', near.name, '--json'])
    expect(hasNoCarrier(await until(near, 'mine0', hasNoCarrier))).toBe(true)
    await stopConserved(vnet)
  })
})

describe('cable', () => {
  const state = (link: ShownLink) => link.linkinfo?.info_slave_data?.state

  test('a bridge above one end of a cable notices that the other goes down, and forwards when it is back', async () => {
    const vnet = await startVnet(['cable', `${near.name}/left`, `${far.name}/right`, '--json'])
    near.ip('link add br0 type bridge', 'link set br0 up', 'link set left master br0')
    await until(near, 'left', link => hasCarrier(link) && state(link) === 'forwarding')
    for (let i = 0; i < 2; i++) {
      far.ip('link set right down')
      await until(near, 'left', link => hasNoCarrier(link) && state(link) === 'disabled')
      expect(near.exec('bridge link show dev left')).toMatch(/NO-CARRIER.* state disabled/)
      await until(near, 'br0', hasNoCarrier)
      far.ip('link set right up')
      await until(near, 'left', link => hasCarrier(link) && state(link) === 'forwarding')
      expect(near.exec('bridge link show dev left')).toMatch(/LOWER_UP.* state forwarding/)
      await until(near, 'br0', hasCarrier)
    }
    await stopConserved(vnet)
  })

  test('frames pass a bridge between two cables', async () => {
    const cables = [
      await startVnet(['cable', `${near.name}/a0`, `${far.name}/left`, '--json']),
      await startVnet(['cable', `${near.name}/b0`, `${far.name}/right`, '--json']),
    ]
    near.ip('link add br0 type bridge', 'link set br0 up')
    for (const port of ['a0', 'b0']) {
      near.ip(`link set ${port} master br0`)
      await until(near, port, link => state(link) === 'forwarding')
    }
    using sender = new PacketSocket(far, 'left')
    using receiver = new PacketSocket(far, 'right')
    sender.send(ethernet(0x88b5, 46))
    await receiver.until(({ octets }) => octets[13] === 0xb5)
    const statistics = []
    for (const vnet of cables) {
      statistics.push(await stopConserved(vnet))
    }
    expect(statistics[1]!.right!.total.rxPackets).toBeGreaterThan(0)
    expect(receiver.frames.filter(({ octets }) => octets[13] === 0xb5)).toHaveLength(1)
  })
})

describe('vnet cut', () => {
  test('vnet cut takes the carrier of both ends until vnet plug, whatever their links do, and each change is an event', async () => {
    const vnet = await startVnet(['cable', `${near.name}/left`, `${far.name}/right`, '--json'])
    for (const [netns, name] of [
      [near, 'left'],
      [far, 'right'],
    ] as const) {
      await until(netns, name, hasCarrier)
    }
    const events: string[] = []
    using client = ControlClient.open()
    const change = async (netns: Netns, ...args: string[]) => {
      expect(await vnetIn(netns, ...args)).toEqual({ status: 0, stdout: '', stderr: '' })
    }
    const { interfaces } = JSON.parse((await vnetIn(near, 'list', '--json')).stdout)
    const onEvent = ({ event, name }: DeviceEvent) => events.push(`${name} ${event}`)
    const { ended } = await client.subscribe(interfaces[0].vnet, onEvent)
    await change(near, 'cut', 'left')
    await until(near, 'left', hasNoCarrier)
    await until(far, 'right', hasNoCarrier)
    expect((await vnetIn(near, 'list')).stdout).toMatch(/left +cable +cut /)
    expect((await vnetIn(far, 'list')).stdout).toMatch(/right +cable +cut /)
    near.ip('link set left down', 'link set left up')
    far.ip('link set right down', 'link set right up')
    await change(far, 'plug', 'right')
    await until(near, 'left', hasCarrier)
    await until(far, 'right', hasCarrier)
    await change(near, 'carrier', 'left', 'off')
    await until(near, 'left', hasNoCarrier)
    expect(hasCarrier(shownLink(far, 'right'))).toBe(true)
    await change(near, 'carrier', 'left', 'on')
    await stopConserved(vnet)
    await ended
    // Each end becomes ready at its own time, after its link came up.
    for (const name of ['left', 'right']) {
      const own = events.filter(
        event => event.startsWith(name) && !/ (up|down|unregistered)$/.test(event),
      )
      expect(own.slice(0, 4)).toEqual(
        ['cut', 'carrier-off', 'plugged', 'carrier-on'].map(what => `${name} ${what}`),
      )
    }
  })
})

describe('ethtool', () => {
  const shown = (name: string) => {
    const text = near.exec(`ethtool ${name}`)
    return [
      /Speed: (.*)/.exec(text)?.[1],
      /Duplex: (.*)/.exec(text)?.[1],
      /Link detected: (.*)/.exec(text)?.[1],
    ]
  }

  test.each([
    ['loop', [], 'vnet0', '10000Mb/s'],
    ['snull', [], 'sn0', '10Mb/s'],
    ['cable', ['left', 'right'], 'right', '10000Mb/s'],
  ])('ethtool shows the speed and duplex of %s', async (driver, args, name, speed) => {
    const vnet = await startVnet([driver, ...args, '--netns', near.name, '--json'])
    expect(shown(name)).toEqual([speed, 'Full', 'yes'])
    if (driver === 'cable') {
      near.ip('link set left down')
      await until(near, 'right', hasNoCarrier)
      expect(shown(name)).toEqual(['Unknown!', 'Unknown! (255)', 'no'])
    }
    await stopConserved(vnet)
  })

  test('ethtool shows the link settings of a driver, and the kernel’s if it has none', async () => {
    near.ip('tuntap add mode tap name plain0')
    const [plainSpeed, plainDuplex] = shown('plain0')
    for (const [setup, speed, duplex] of [
      ["dev.linkKsettings = { speed: 100, duplex: 'half' }", '100Mb/s', 'Half'],
      ["dev.linkKsettings = { speed: 400_000, duplex: 'full' }", '400000Mb/s', 'Full'],
      ['', plainSpeed, plainDuplex],
    ] as const) {
      const vnet = await spawnVnet([files.driver({ setup }), '--netns', near.name, '--json'])
      expect(shown('mine0')).toEqual([speed, duplex, 'yes'])
      await stopConserved(vnet)
    }
  })
})

test('a driver’s carrier remains off when the link goes down and up', async () => {
  const vnet = await spawnVnet([switched(), '--netns', near.name, '--json', '-v'])
  process.kill(vnet.pid, 'SIGUSR1')
  await until(near, 'mine0', hasNoCarrier)
  near.ip('link set mine0 down', 'link set mine0 up', 'link set mine0 mtu 1400')
  await vnet.line(/mine0: mtu 1400"/)
  expect(shownLink(near, 'mine0').flags).toContain('NO-CARRIER')
  process.kill(vnet.pid, 'SIGUSR2')
  await until(near, 'mine0', hasCarrier)
  await stopConserved(vnet)
})
