/** A plan of faults that the host of a guest replaces before the first of its packets. */
import { expect, test } from 'vitest'
import { tcpFrame, udpFrame } from '#src/bed/frames.ts'
import { noResources } from '#src/wire/grammar/groups.ts'
import { memoryNets } from '#support/memory-net.ts'
import { CarriedCable } from '../../src/carrier/cable.ts'
import { FaultPlan, type PlanReply } from '../../src/carrier/fault-plan.ts'
import { PacketWatch } from '../../src/carrier/packet-watch.ts'
import { parseFault } from '../../src/explore/fault-text.ts'
import type { PlannedFault } from '../../src/model/packet-name.ts'

const makeNet = memoryNets()
const A = '198.18.1.1'
const B = '198.18.1.2'
const HOSTS = new Map([
  [A, 'client'],
  [B, 'server'],
])
const ENDS = ['client', 'server'] as const
const end = (host: string, path: string) => ({
  isRouter: false,
  host,
  path,
  mac: new Uint8Array(6),
  addresses: [],
})

const udp = (n: number) =>
  udpFrame({ from: A, to: B, sourcePort: 40_000, destinationPort: 9, payload: 100 + n })
const fault = (n: number) => parseFault(`drop client-server ab udp client:* > server:9 packet ${n}`)

/** Sends frames by a link, with these replies to its plan. Returns the numbers that arrive. */
async function sent(
  frames: readonly Uint8Array[],
  first: readonly PlannedFault[],
  ...replies: PlanReply[]
) {
  const { net, platform } = makeNet()
  const asked: number[] = []
  const left = [...replies]
  const ask = () => {
    asked.push(watch.watched.packets.length + 1)
    return JSON.stringify(left.shift())
  }
  const plan = new FaultPlan(first, { clock: net.clock, ask })
  const watch = new PacketWatch(
    { link: 'client-server', ends: ENDS, ab: '', ba: '' },
    HOSTS,
    plan,
    noResources,
  )
  const spec = { lab: 'lab', a: end('client', 'a'), b: end('server', 'b'), ab: '', ba: '', seed: 1 }
  const cable = await CarriedCable.join(
    net,
    noResources,
    { ...spec, mtu: undefined, capture: undefined },
    { watch },
  )
  const [a, b] = platform.ports
  for (const frame of frames) {
    a?.transmit(frame)
  }
  await cable.inOrder(() => {})
  return {
    asked,
    arrived: b?.received.map(
      ({ bytes }) => frames.findIndex(({ length }) => length === bytes.length) + 1,
    ),
  }
}

test('a guest stops before the packet of its plan, and again before the packet of the next plan', async () => {
  const frames = [1, 2, 3, 4].map(udp)
  const next = { plan: [fault(3)], stops: true }
  const branch = { plan: [fault(3)], stops: false }
  expect(await sent(frames, [fault(2)], next, branch)).toEqual({
    asked: [2, 3],
    arrived: [1, 2, 4],
  })
})

test('a plan that is final does not stop again', async () => {
  const frames = [1, 2, 3].map(udp)
  const both = { plan: [fault(1), fault(3)], stops: false }
  expect(await sent(frames, [fault(1)], both)).toEqual({ asked: [1], arrived: [2] })
})

test('transmissions before a change of the plan count', async () => {
  const segment = (payload: number) =>
    tcpFrame({ from: A, to: B, sourcePort: 40_000, destinationPort: 9, payload })
  const tcp = (copy: string) =>
    parseFault(`drop client-server ab tcp client:*#old > server:9 seq 1${copy}`)
  const frames = [segment(10), segment(11), segment(12)]
  expect(await sent(frames, [tcp(' copy 2')], { plan: [tcp(' copy 3')], stops: false })).toEqual({
    asked: [2],
    arrived: [1, 2],
  })
})

test('streams are followed while a fault at a byte is planned, or may be in the next plan', () => {
  const { clock } = makeNet().net
  const atByte = parseFault('fin client-server ba tcp server:80 > client:* byte 1')
  expect(new FaultPlan([fault(1)], { clock }).isAtBytes).toBe(false)
  expect(new FaultPlan([fault(1), atByte], { clock }).isAtBytes).toBe(true)
  const renewed = (last: readonly PlannedFault[]) => {
    const replies: PlanReply[] = [
      { plan: [fault(2)], stops: true },
      { plan: last, stops: false },
    ]
    const plan = new FaultPlan([], { clock, ask: () => JSON.stringify(replies.shift()) })
    return [0, 1].map(() => [plan.isAtBytes, plan.renew()][0]).concat(plan.isAtBytes)
  }
  expect(renewed([fault(3)])).toEqual([true, true, false])
  expect(renewed([atByte])).toEqual([true, true, true])
})

test('a fault of another link is of no packet', async () => {
  expect(await sent([udp(1)], [{ ...fault(1), link: 'server-client' }])).toEqual({
    asked: [],
    arrived: [1],
  })
})
