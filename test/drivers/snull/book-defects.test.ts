/** The defects of the book's snull that docs/records/snull.md lists: a test for each row. */
import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import { SNULL_TX_INTR } from '#src/drivers/snull/board.ts'
import { driver } from '#src/drivers/snull/driver.ts'
import { NETDEV_REGISTER } from '#src/netdev/if.ts'
import { insmod } from '#src/netdev/module.ts'
import type { Napi } from '#src/netdev/napi.ts'
import { devClose, devOpen, peerOf } from '#src/netdev/netif.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { linkStats64 } from '#src/netdev/stats.ts'
import { dropsByName } from '#src/skb/drop-reason-name.ts'
import { memoryNets, sendAll } from '#support/memory-net.ts'
import { flowFrame, flowNumber, type SnullParams, snullPair } from '#support/snull-pair.ts'
import { address, buildFrame, plain } from '../../packet/frames.ts'

const makeNet = memoryNets()
const upTo = (n: number, first = 1): number[] =>
  Array.from({ length: n - first + 1 }, (_, i) => first + i)
const numbers = (port: MemoryPort): number[] => port.received.map(frame => flowNumber(frame)[1])

describe.each([
  ['by interrupt', false],
  ['by NAPI', true],
])('snull %s', (_, useNapi) => {
  async function pair(params: Partial<SnullParams> = {}) {
    const two = await snullPair(makeNet(), { useNapi, ...params })
    const { memory, port0, port1, sn0, sn1 } = two
    const send = (n: number, first = 1) =>
      sendAll(port0, ...upTo(n, first).map(i => flowFrame(0, i)))
    const pass = (ms: number) => {
      memory.clock.advance(ms * NSEC_PER_MSEC)
      memory.net.flush()
      port0.drain()
      port1.drain()
    }
    const drops = () =>
      [sn0, sn1].map(({ counters }) => dropsByName(counters.drops().tx, counters.drops().rx))
    return { ...two, send, pass, drops }
  }

  test('frames that wait are received in the order in which they were sent, all by one interrupt', async () => {
    const { hw1, port1, send } = await pair()
    hw1.irq.mask(-1)
    send(10)
    expect([hw1.rxRing.length, port1.received]).toEqual([10, []])
    hw1.irq.unmask(-1)
    hw1.irq.dev.net.flush()
    expect([numbers(port1), hw1.irq.count]).toEqual([upTo(10), 1])
  })

  test('no frame is lost for want of a buffer, and each that cannot be sent is counted and freed', async () => {
    const { memory, hw0, port0, port1, send, drops } = await pair({ poolSize: 2 })
    hw0.irq.mask(-1)
    send(5)
    expect([numbers(port1), memory.conserved()]).toMatchObject([
      [1, 2],
      { in: 5, out: 2, dropped: 0, held: 3 },
    ])
    hw0.irq.unmask(-1)
    hw0.irq.dev.net.flush()
    expect(numbers(port1)).toEqual(upTo(5))
    sendAll(port0, new Uint8Array(20))
    expect([drops(), memory.conserved()]).toMatchObject([
      [{ UNHANDLED_PROTO: 1 }, {}],
      { dropped: 1, held: 0 },
    ])
  })

  test('frames for a peer that is down keep no buffer, and are not received when it comes up', async () => {
    const { memory, sn0, sn1, port1, send, pass, drops } = await pair({ poolSize: 2 })
    await devClose(sn1)
    send(20)
    pass(1000)
    expect([sn0.tx[0]?.stopped, sn0.tx[0]?.transTimeout, drops()]).toEqual([
      false,
      0,
      [{}, { DEV_READY: 20 }],
    ])
    expect(memory.conserved()).toMatchObject({ held: 0 })
    await devOpen(sn1)
    send(21, 21)
    expect(numbers(port1)).toEqual([21])
  })

  test('an interface can be deleted while the other one has its frames, and the other one continues', async () => {
    const { memory, sn0, sn1, hw1, port1, send, drops } = await pair()
    hw1.irq.mask(-1)
    send(5)
    await unregisterNetdev(sn0)
    hw1.irq.unmask(-1)
    sn1.net.flush()
    expect(numbers(port1)).toEqual(upTo(5))
    sendAll(port1, flowFrame(0, 6))
    expect([drops()[1], memory.conserved()]).toMatchObject([
      { DEV_READY: 1 },
      { in: 6, out: 5, dropped: 1, held: 0 },
    ])
  })

  test('an interface that is deleted drops and counts the frames that it has received', async () => {
    const { memory, sn1, hw1, send, drops } = await pair()
    hw1.irq.mask(-1)
    send(5)
    await unregisterNetdev(sn1)
    expect([drops()[1], memory.conserved()]).toMatchObject([
      { DEV_STOPPED: 5 },
      { in: 5, dropped: 5, held: 0 },
    ])
  })

  test('a frame is counted and freed once if its completion was lost and frames arrive before the timeout', async () => {
    const { memory, sn0, port0, port1, send, pass } = await pair({ lockup: 1, timeout: 50 })
    send(1)
    sendAll(port1, flowFrame(1, 1))
    expect([numbers(port0), sn0.tx[0]?.stopped]).toEqual([[1], true])
    pass(50)
    expect([numbers(port1), sn0.tx[0]?.stopped]).toEqual([[1], false])
    expect(linkStats64(sn0.getStats64())).toMatchObject({ txPackets: 1, txErrors: 1, rxPackets: 1 })
    expect(memory.conserved()).toMatchObject({ in: 2, out: 2, dropped: 0, held: 0 })
  })

  test('a transmit timeout makes no buffers', async () => {
    const { sn0, hw0, port1, send, pass } = await pair({ lockup: 1, poolSize: 4, timeout: 50 })
    send(3)
    pass(200)
    ;(sn0.priv as { params: { lockup: number } }).params.lockup = 0
    pass(50)
    expect([numbers(port1), sn0.tx[0]?.transTimeout]).toEqual([upTo(3), 3])
    hw0.irq.mask(SNULL_TX_INTR)
    send(20, 4)
    expect([numbers(port1), sn0.tx[0]?.stopped]).toEqual([upTo(7), true])
    hw0.irq.unmask(SNULL_TX_INTR)
  })

  test('a frame of the whole MTU and its header is received as it was sent', async () => {
    const { sn0, port0, port1 } = await pair()
    const payload = Array.from({ length: sn0.mtu - 28 }, (_, i) => i & 0xff)
    const frame = buildFrame({ packet: { ...plain, payload }, tags: [], padding: [] })
    sendAll(port0, frame)
    expect([frame.length, port1.received[0]?.bytes.length]).toEqual([1514, 1514])
    expect(port1.received[0]?.bytes.subarray(42)).toEqual(frame.subarray(42))
  })

  test('an IPv4 header that does not fit its frame is not read past the end, and is dropped', async () => {
    const { port0, port1, drops } = await pair()
    const frame = buildFrame({ packet: plain, tags: [], padding: [] })
    frame[14] = 0x4f
    sendAll(port0, frame)
    expect([port1.received, drops()]).toEqual([[], [{ IP_INHDR: 1 }, {}]])
  })

  test('the checksums of a received frame fit the addresses that snull has changed', async () => {
    const { port0, port1 } = await pair()
    const payload = new Array<number>(20).fill(7)
    sendAll(port0, buildFrame({ packet: { ...plain, payload }, tags: [], padding: [] }))
    const flipped = {
      ...plain,
      payload,
      source: address('198.18.1.1'),
      destination: address('198.18.1.2'),
    }
    const expected = buildFrame({ packet: flipped, tags: [], padding: [] })
    expect(port1.received[0]?.bytes.subarray(14)).toEqual(expected.subarray(14))
    expect(port1.received[0]?.ipSummed).toBe(0)
  })
})

test('a frame that arrives when a poll ends is polled, without another frame', async () => {
  const { sn1, port0, port1 } = await snullPair(makeNet(), { useNapi: true })
  const { napi } = sn1.priv as { napi: Napi }
  const completeDone = napi.completeDone.bind(napi)
  napi.completeDone = work => {
    napi.completeDone = completeDone
    const result = completeDone(work)
    sendAll(port0, flowFrame(0, 2))
    return result
  }
  sendAll(port0, flowFrame(0, 1))
  expect(numbers(port1)).toEqual([1, 2])
})

test('each interface of snull knows the other one before it is registered', async () => {
  const { net } = makeNet()
  const peers: unknown[] = []
  net.registerNetdeviceNotifier((event, dev) => {
    if (event === NETDEV_REGISTER) {
      peers.push(peerOf(dev)?.name)
    }
  })
  await insmod(driver, { net }).up()
  expect(peers).toEqual(['sn1', 'sn0'])
})

test('an interface of snull that cannot be registered leaves no other', async () => {
  const { net } = makeNet()
  await expect(insmod(driver, { net, args: ['one', 'one'] }).up()).rejects.toThrow('one')
  expect(net.devices).toEqual([])
})
