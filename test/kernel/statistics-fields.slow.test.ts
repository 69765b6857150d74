/**
 * Moves every field of rtnl_link_stats64, and compares what `vnet stats` shows for vnet and the
 * kernel.
 */
import { afterAll, describe, expect, test } from 'vitest'
import type { DeviceStats } from '#src/control/index.ts'
import { statsOfDrop } from '#src/netdev/counters.ts'
import { type LinkStats64, type LinkStats64Field, linkStats64Fields } from '#src/netdev/stats.ts'
import { SKB_DROP_REASON_MAX } from '#src/skb/drop-reason.ts'
import { dropReasonName } from '#src/skb/drop-reason-name.ts'
import { DriverFiles } from '#support/driver-files.ts'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import type { Netns } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { runMain } from '#support/run-main.ts'
import { shownCounters } from '#support/shown-link.ts'
import {
  finalStatistics,
  jsonLines,
  type Running,
  spawnVnet,
  startVnet,
  stopConserved,
} from '#support/vnet-process.ts'

const { near, far } = freshQuietNamespaces('near', 'far')

/** Fields that moved in a test here, as `vnet stats` shows them. */
const moved = new Set<LinkStats64Field>()

function moving(total: LinkStats64): Partial<LinkStats64> {
  const fields = linkStats64Fields.filter(field => total[field] !== 0)
  for (const field of fields) {
    moved.add(field)
  }
  return Object.fromEntries(fields.map(field => [field, total[field]]))
}

/**
 * The output of `vnet stats --json --all` for an interface, once the driver has counted everything.
 */
async function ask(
  netns: Netns,
  name: string,
  is: (stats: DeviceStats) => boolean = () => true,
): Promise<DeviceStats> {
  for (;;) {
    const [stats] = await shownBy(`${netns.name}/${name}`)
    if (is(stats!)) return stats!
  }
}

async function shownBy(...names: string[]): Promise<DeviceStats[]> {
  const { stdout } = await runMain('stats', ...names, '--json', '--all')
  return (jsonLines(stdout) as [{ interfaces: DeviceStats[] }])[0].interfaces
}

const startSnull = (...args: string[]) =>
  startVnet(['snull', `${near.name}/sn0`, `${far.name}/sn1`, '--json', ...args])

const FRAMES = 12
/** An IPv4 packet of 60 bytes with an unassigned protocol, so that no reply is sent. */
const datagram = (destination: readonly number[] = [198, 18, 0, 2]) =>
  ethernet(0x0800, [
    0x45,
    0,
    0,
    46,
    0,
    7,
    0,
    0,
    64,
    253,
    0,
    0,
    198,
    18,
    0,
    1,
    ...destination,
    ...new Array(26).fill(0),
  ])

/**
 * Sends frames through sn0, one by one or in a burst, and waits until each is counted on either
 * side.
 */
async function send(
  frames: number,
  frame = datagram(),
): Promise<{ sn0: DeviceStats; sn1: DeviceStats }> {
  using sender = new PacketSocket(near, 'sn0')
  for (let i = 0; i < frames; i++) {
    sender.send(frame)
  }
  const dropped = ({ drops }: DeviceStats) =>
    [drops.tx, drops.rx].flatMap(each => Object.values(each))
  for (;;) {
    const [sn0, sn1] = (await shownBy(`${near.name}/sn0`, `${far.name}/sn1`)) as [
      DeviceStats,
      DeviceStats,
    ]
    const lost = [...dropped(sn0), ...dropped(sn1)].reduce((n, more) => n + more, 0)
    if (sn0.total.txPackets === frames && sn1.total.rxPackets + lost === frames) return { sn0, sn1 }
  }
}

describe('a frame that is lost for a reason of its own', () => {
  const reasons = Array.from({ length: SKB_DROP_REASON_MAX }, (_, reason) => reason).slice(1)
  const nameOfFields = (reason: number, rx: boolean) =>
    statsOfDrop(reason, rx).map(field => linkStats64Fields[field] as LinkStats64Field)

  /** The expected fields, written out independently of the table under test. */
  const RX: Readonly<Record<string, readonly LinkStats64Field[]>> = {
    PKT_TOO_SMALL: ['rxErrors', 'rxLengthErrors'],
    PKT_TOO_BIG: ['rxErrors', 'rxLengthErrors'],
    HDR_TRUNC: ['rxErrors', 'rxFrameErrors'],
    FULL_RING: ['rxMissedErrors'],
    OTHERHOST: ['rxOtherhostDropped'],
    RX_OVER: ['rxErrors', 'rxOverErrors'],
    RX_CRC: ['rxErrors', 'rxCrcErrors'],
    RX_FRAME: ['rxErrors', 'rxFrameErrors'],
    RX_FIFO: ['rxErrors', 'rxFifoErrors'],
    RX_NOHANDLER: ['rxNohandler'],
  }
  const TX: typeof RX = {
    TX_ABORTED: ['txErrors', 'txAbortedErrors'],
    TX_CARRIER: ['txErrors', 'txCarrierErrors'],
    TX_FIFO: ['txErrors', 'txFifoErrors'],
    TX_HEARTBEAT: ['txErrors', 'txHeartbeatErrors'],
    TX_WINDOW: ['txErrors', 'txWindowErrors'],
  }

  test('every drop reason with a field moves that field', () => {
    const own = (rx: boolean, rest: LinkStats64Field) =>
      reasons.filter(reason => nameOfFields(reason, rx).join() !== rest).map(dropReasonName)
    expect(own(true, 'rxDropped').sort()).toEqual(Object.keys(RX).sort())
    expect(own(false, 'txDropped').sort()).toEqual(Object.keys(TX).sort())
  })

  test.each(Object.entries(RX))(
    'snull --drop %s=3 moves %j of the receiver',
    async (reason, fields) => {
      const vnet = await startSnull('--drop', `${reason}=3`)
      const { sn0, sn1 } = await send(FRAMES)
      const lost = Object.fromEntries(fields.map(field => [field, FRAMES / 3]))
      expect(moving(sn1.total)).toEqual({ rxPackets: 8, rxBytes: 8 * 60, ...lost })
      expect(moving(sn0.total)).toEqual({ txPackets: FRAMES, txBytes: FRAMES * 60 })
      expect([sn1.drops, sn0.drops]).toEqual([
        { tx: {}, rx: { [reason]: FRAMES / 3 } },
        { tx: {}, rx: {} },
      ])
      // The kernel does not count frames that it never saw.
      expect(moving(sn1.kernel!)).toEqual({ rxPackets: 8, rxBytes: 8 * 60 })
      await stopConserved(vnet)
    },
  )

  test.each(Object.entries(TX))(
    'snull --drop %s=3 moves %j of the sender',
    async (reason, fields) => {
      const vnet = await startSnull('--drop', `${reason}=3`)
      const { sn0, sn1 } = await send(FRAMES)
      const lost = Object.fromEntries(fields.map(field => [field, FRAMES / 3]))
      expect(moving(sn0.total)).toEqual({ txPackets: FRAMES, txBytes: FRAMES * 60, ...lost })
      expect(moving(sn1.total)).toEqual({ rxPackets: 8, rxBytes: 8 * 60 })
      expect(sn0.drops).toEqual({ tx: { [reason]: FRAMES / 3 }, rx: {} })
      await stopConserved(vnet)
    },
  )

  test('a drop for any other reason counts as rx_dropped or tx_dropped', async () => {
    const vnet = await startSnull('--drop', 'wire_loss=4')
    expect(moving((await send(FRAMES)).sn1.total)).toMatchObject({ rxPackets: 9, rxDropped: 3 })
    await stopConserved(vnet)
  })
})

describe('by what befalls it', () => {
  test('a frame without memory counts as rx_dropped', async () => {
    const vnet = await startSnull('--lowmem', '4')
    const { sn1 } = await send(FRAMES)
    expect(moving(sn1.total)).toMatchObject({ rxPackets: 9, rxDropped: 3 })
    expect(sn1.drops.rx).toEqual({ NOMEM: 3 })
    await vnet.line(/sn1: rx: low on mem/)
    await stopConserved(vnet)
  })

  test.each([[[]], [['--use-napi']]])(
    'a full receive ring counts as rx_missed_errors with %j',
    async args => {
      const vnet = await startSnull('--ring-size', '4', ...args)
      const { sn1 } = await send(FRAMES)
      const { rxPackets, rxMissedErrors, rxErrors, rxDropped } = sn1.total
      moving(sn1.total)
      expect([rxPackets + rxMissedErrors, rxErrors, rxDropped]).toEqual([FRAMES, 0, 0])
      // All come in one batch, before the interrupt is taken.
      expect(rxPackets).toBeLessThan(FRAMES)
      expect(sn1.drops.rx).toEqual({ FULL_RING: rxMissedErrors })
      await stopConserved(vnet)
    },
  )

  test('a transmit timeout counts as tx_errors, and no frame is lost', async () => {
    const vnet = await startSnull('--lockup', '4', '--timeout', '5')
    const { sn0, sn1 } = await send(FRAMES)
    expect(sn1.total.rxPackets).toBe(FRAMES)
    expect(sn0.total.txDropped).toBe(0)
    const { total } = await ask(near, 'sn0', ({ total }) => total.txErrors === 3)
    expect(moving(total)).toEqual({ txPackets: FRAMES, txBytes: 60 * FRAMES, txErrors: 3 })
    await vnet.line(/sn0: NETDEV WATCHDOG: transmit queue 0 timed out/)
    await stopConserved(vnet)
  })

  test('frames to a group count as multicast, broadcasts do not, and the kernel counts neither', async () => {
    const vnet = await startSnull()
    const group = datagram([233, 252, 0, 77])
    group.set([1, 0, 0x5e, 0x7c, 0, 0x4d])
    const { sn1 } = await send(FRAMES, group)
    expect(moving(sn1.total)).toEqual({
      rxPackets: FRAMES,
      rxBytes: 60 * FRAMES,
      multicast: FRAMES,
    })
    expect(sn1.kernel).toMatchObject({ rxPackets: FRAMES, rxBytes: 60 * FRAMES })
    const { sn1: last } = await stopConserved(vnet)
    expect(last!.total.multicast).toBe(FRAMES)
  })

  test('a broadcast does not count as multicast', async () => {
    const vnet = await startVnet(['cable', `${near.name}/sn0`, `${far.name}/sn1`, '--json'])
    const broadcast = ethernet(0x88b5, 46)
    broadcast.set([255, 255, 255, 255, 255, 255])
    expect(moving((await send(FRAMES, broadcast)).sn1.total)).toEqual({
      rxPackets: FRAMES,
      rxBytes: 60 * FRAMES,
    })
    await stopConserved(vnet)
  })

  test('a frame that the driver drops before transmission counts as tx_dropped', async () => {
    const vnet = await startSnull()
    expect(moving((await send(FRAMES, ethernet(0x0806, 46))).sn0.total)).toMatchObject({
      txDropped: FRAMES,
    })
    await stopConserved(vnet)
  })

  test('a driver counts collisions and compressed frames itself, by queue or by ndoGetStats64', async () => {
    const files = new DriverFiles()
    const file = files.driver({
      ops: `ndoStartXmit(skb, dev) {
          dev.counters.count(0, vnet.COLLISIONS)
          dev.counters.count(0, vnet.TX_COMPRESSED, 2)
          vnet.netifRx(skb)
        },
        ndoGetStats64(dev, stats) { stats[vnet.RX_COMPRESSED] += stats[vnet.RX_PACKETS] }`,
    })
    const vnet = await spawnVnet([file, '--netns', near.name, '--json'])
    files.remove()
    using host = new PacketSocket(near, 'mine0')
    for (let i = 0; i < 5; i++) {
      host.send(ethernet(0x88b5, 46))
    }
    await host.until(() => host.frames.length === 5)
    const counted = { txPackets: 5, rxPackets: 5, collisions: 5, txCompressed: 10, rxCompressed: 5 }
    expect(moving((await ask(near, 'mine0')).total)).toMatchObject(counted)
    near.ip('link set mine0 down')
    await vnet.line(/device closed/)
    expect(moving((await ask(near, 'mine0')).total)).toMatchObject(counted)
    const ended = await vnet.stop()
    expect(finalStatistics(ended).mine0!.total).toMatchObject(counted)
  })
})

test('an ndoGetStats64 that throws is logged, and the other statistics are shown', async () => {
  const files = new DriverFiles()
  const file = files.driver({ ops: "ndoGetStats64() { throw new Error('boom') }" })
  const vnet = await spawnVnet([file, '--netns', near.name, '--json'])
  files.remove()
  expect((await ask(near, 'mine0')).total).toMatchObject({ txErrors: 0 })
  expect(await vnet.line(/ndoGetStats64/)).toMatch(
    /mine0: ndoGetStats64: Error: boom \(at .*my-driver\.mjs:\d+/,
  )
  expect((await vnet.stop()).status).toBe(0)
})

describe('ours and the kernel’s', () => {
  async function expectSame(vnet: Running): Promise<void> {
    for (const [netns, name] of [
      [near, 'sn0'],
      [far, 'sn1'],
    ] as const) {
      netns.ip(`link set ${name} down`)
      await vnet.line(new RegExp(`"${name}: device closed"`))
    }
    for (const [netns, name] of [
      [near, 'sn0'],
      [far, 'sn1'],
    ] as const) {
      const stats = await ask(netns, name)
      expect(stats).toMatchObject({
        total: shownCounters(netns, name),
        kernel: shownCounters(netns, name),
      })
      expect(stats.total.txPackets).toBeGreaterThan(0)
      // They are also shown as text.
      const text = (await runMain('stats', `${netns.name}/${name}`)).stdout
      const { txPackets } = stats.total
      expect(text).toMatch(new RegExp(`^ {2}tx_packets +${txPackets} +${txPackets}$`, 'm'))
    }
    await stopConserved(vnet)
  }

  test.each([
    [[]],
    [['--drop', 'RX_CRC=5']],
    [['--drop', 'TX_ABORTED=5', '--use-napi']],
    [['--lowmem', '5']],
  ])('agree to the frame also after faults and when the link is down: snull %j', async args => {
    const vnet = await startSnull(...args)
    await near.run('ping -c 20 -i 0.002 -W 0.2 198.18.0.2')
    await expectSame(vnet)
  })

  test.each([[[]], [['--use-napi']]])(
    'vnet and the kernel count the same when a short frame was padded, with %j',
    async args => {
      const vnet = await startSnull(...args)
      for (let i = 0; i < 3; i++) {
        await near.run('ping -c 1 -W 30 -s 0 198.18.0.2')
      }
      const { total } = await ask(far, 'sn1')
      // 42 bytes were sent and 60 received.
      expect(total).toMatchObject({ rxPackets: 3, rxBytes: 3 * 60, txPackets: 3, txBytes: 3 * 42 })
      await expectSame(vnet)
    },
  )
})

// Must be the last test: checks what the others have seen.
afterAll(() => {
  const still = linkStats64Fields.filter(field => !moved.has(field))
  if (moved.size > linkStats64Fields.length / 2) {
    expect(still).toEqual([])
  }
})
