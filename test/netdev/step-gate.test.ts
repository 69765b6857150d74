import { describe, expect, test, vi } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { EIO } from '#src/base/errno.ts'
import { testBed } from '#src/bed/index.ts'
import type { MemoryQueue } from '#src/bed/memory-port.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import { driver as snull } from '#src/drivers/snull/driver.ts'
import { IFF_DEBUG, NETDEV_STEP, NETDEV_TX_BUSY, NETDEV_TX_OK } from '#src/netdev/if.ts'
import { cutCable, devClose, devOpen, netifRx, netifRxFrom } from '#src/netdev/netif.ts'
import { StepGate } from '#src/netdev/step-gate.ts'
import { SKB_DROP_REASON_TX_CARRIER } from '#src/skb/drop-reason.ts'
import { CHECKSUM_PARTIAL, SKB_GSO_TCPV4, type SkBuff } from '#src/skb/sk-buff.ts'
import {
  addDevice,
  addDriver,
  freshNet,
  memoryNets,
  numbered,
  numberOf,
  sendAll,
  turn,
} from '#support/memory-net.ts'
import { flowFrame, flowNumber, snullPair } from '#support/snull-pair.ts'
import { buildFrame, plain } from '../packet/frames.ts'
import { place, walk } from './stepped.ts'

const makeNet = memoryNets()
const memory = freshNet()

describe('a frame that is stepped', () => {
  test('a frame of snull halts before each of its five steps, and then its completion does', async () => {
    const { memory, port0, port1 } = await snullPair(makeNet())
    const { net } = memory
    new StepGate(net)
    sendAll(port0, flowFrame(0, 0))
    expect(walk(net)).toEqual([
      '1 sn0 read',
      '2 sn0 ndoStartXmit 60',
      '3 sn1 interrupt 60',
      '4 sn1 netifRx 60',
      '5 sn1 write 60',
      '3 sn0 interrupt',
    ])
    expect(port1.received.map(flowNumber)).toEqual([[0, 0]])
  })

  test('with NAPI the interrupt and the poll are steps of their own', async () => {
    const { memory, port0, port1 } = await snullPair(makeNet(), { useNapi: true })
    new StepGate(memory.net)
    sendAll(port0, flowFrame(0, 0))
    expect(walk(memory.net)).toEqual([
      '1 sn0 read',
      '2 sn0 ndoStartXmit 60',
      '3 sn1 napiInterrupt 60',
      '3 sn0 napiInterrupt 60',
      '3 sn1 poll 60',
      '4 sn1 netifRx 60',
      '5 sn1 write 60',
      '3 sn0 poll',
    ])
    expect(port1.received).toHaveLength(1)
  })

  test('a frame of a cable halts where its wire delivers it', async () => {
    const { ports } = await addDriver(memory, cable, {}, { args: ['a', 'b'] })
    new StepGate(memory.net)
    sendAll(ports[0]!, ...numbered(1))
    expect(walk(memory.net)).toEqual([
      '1 a read',
      '2 a ndoStartXmit 60',
      '3 b wire 60',
      '4 b netifRx 60',
      '5 b write 60',
    ])
    expect(ports[1]?.received).toHaveLength(1)
  })

  test('a frame that a wire delays can be stepped once its time has come', async () => {
    const wireAb = cable.params.wireAb.parse('delay 5ms')
    const { ports } = await addDriver(memory, cable, { wireAb }, { args: ['a', 'b'] })
    new StepGate(memory.net)
    sendAll(ports[0]!, ...numbered(1))
    expect(walk(memory.net)).toEqual(['1 a read', '2 a ndoStartXmit 60'])
    memory.clock.advance(5 * NSEC_PER_MSEC)
    expect(walk(memory.net)).toEqual(['3 b wire 60', '4 b netifRx 60', '5 b write 60'])
  })

  test('the frame is shown as it is at each step, and the driver’s function with it', async () => {
    const { memory, port0, sn0 } = await snullPair(makeNet())
    const gate = new StepGate(memory.net)
    sendAll(port0, flowFrame(0, 0))
    const seen: unknown[] = []
    for (; gate.halt !== undefined; gate.next()) {
      const { skb, code } = gate.halt
      // The third byte of its IPv4 destination, which snull flips.
      seen.push([skb?.bytes[skb.data + 32], typeof code === 'function' ? code.name : undefined])
    }
    expect(seen).toEqual([
      [undefined, undefined],
      [0, 'startXmit'],
      [1, 'interrupt'],
      [1, undefined],
      [1, undefined],
      [undefined, 'interrupt'],
    ])
    expect(sn0.counters.frames().in).toBe(1)
  })

  test('netifRx is shown with the line that called it', async () => {
    const { memory, port0 } = await snullPair(makeNet())
    const gate = new StepGate(memory.net)
    sendAll(port0, flowFrame(0, 0))
    while (gate.halt?.step !== 4) {
      gate.next()
    }
    expect(gate.halt.caller).toMatch(/\/drivers\/snull\/driver\.ts:\d+$/)
  })

  test.each([
    ['a driver', 'driver', '4 test0 netifRx 60', /\/step-gate\.test\.ts:\d+$/],
    ['a wire', 'wire', '3 test0 wire 60', undefined],
    ['a client', 'client', '4 test0 netifRx 60', undefined],
  ] as const)(
    'a frame of %s waits where its source says, whatever file calls netifRx',
    async (_, from, at, line) => {
      const { dev } = await addDevice(memory)
      memory.made = 1
      new StepGate(memory.net)
      const skb = memory.pool.alloc(60) as SkBuff
      skb.bytes.set(numbered(1)[0] as Uint8Array, skb.put(60))
      skb.dev = dev
      if (from === 'driver') {
        netifRx(skb)
      } else {
        netifRxFrom(skb, from)
      }
      expect(place(memory.net)).toBe(at)
      expect(memory.net.gate?.halt?.caller).toEqual(
        line === undefined ? undefined : expect.stringMatching(line),
      )
      walk(memory.net)
    },
  )

  test('the second frame halts before each step, as the first did', async () => {
    const { memory, port0 } = await snullPair(makeNet())
    new StepGate(memory.net)
    const steps: string[] = []
    for (let n = 0; n < 2; n++) {
      sendAll(port0, flowFrame(0, n))
      // A step that its own microtasks skip would be missing here.
      for (let at = place(memory.net); at !== undefined; at = place(memory.net)) {
        steps.push(at.slice(0, 1))
        memory.net.gate?.next()
        await turn()
      }
    }
    expect(steps.join('')).toBe('123453'.repeat(2))
  })

  test('the next frame is read when nothing of the one before waits any more', async () => {
    const { memory, port0, port1 } = await snullPair(makeNet())
    new StepGate(memory.net)
    for (const n of [0, 1]) {
      port0.transmit(flowFrame(0, n))
    }
    port1.transmit(flowFrame(1, 2))
    port0.drain()
    port1.drain()
    const reads: string[] = []
    for (let i = 0; i < 4; i++) {
      reads.push(...walk(memory.net).filter(at => at.startsWith('1')))
      // The port reports frames that are left when the queue is read again.
      port0.drain()
    }
    expect(reads).toEqual(['1 sn0 read', '1 sn1 read', '1 sn0 read'])
    expect([port1.received.map(flowNumber), port0.received.map(flowNumber)]).toEqual([
      [
        [0, 0],
        [0, 1],
      ],
      [[1, 2]],
    ])
  })

  test('a segmented frame is one frame up to its last step, and all of its segments then arrive', async () => {
    const { ports } = await addDriver(memory, cable, {}, { args: ['a', 'b'], features: 0 })
    new StepGate(memory.net)
    const bytes = buildFrame({
      packet: { ...plain, kind: 'tcp', payload: new Array(3000).fill(7) },
      tags: [],
      padding: [],
    })
    ports[0]?.transmit(bytes, 0, {
      ipSummed: CHECKSUM_PARTIAL,
      csumStart: 34,
      csumOffset: 16,
      gsoSize: 1000,
      gsoType: SKB_GSO_TCPV4,
    })
    ports[0]?.drain()
    expect(walk(memory.net).map(at => at.slice(0, 1))).toEqual(['1', '2', '3', '4', '5'])
    expect(ports[1]?.received).toHaveLength(3)
  })
})

/** A device whose hardware takes 10 ms for a frame: an alarm then carries it, as in mirror.js. */
async function timedDevice(memory = makeNet()) {
  const sent: SkBuff[] = []
  function arrived(): void {
    sent.shift()?.drop()
  }
  const alarm = memory.net.clock.alarm(arrived)
  const { dev, port } = await addDevice(memory, {
    ndoStartXmit(skb) {
      sent.push(skb)
      alarm.at(memory.clock.now() + 10 * NSEC_PER_MSEC)
    },
    ndoStop() {
      alarm.cancel()
      arrived()
    },
  })
  const send = (n: number) => {
    sendAll(port, ...numbered(1, n))
  }
  return {
    ...memory,
    dev,
    alarm,
    arrived,
    sent,
    send,
    pass: (ms: number) => memory.clock.advance(ms * NSEC_PER_MSEC),
  }
}

describe('a driver’s alarm, and ndoTxTimeout', () => {
  test('an alarm of a driver that rings halts as a step of its own, with its function and the frame', async () => {
    const { net, send, pass, sent, arrived } = await timedDevice()
    const gate = new StepGate(net)
    send(1)
    expect(walk(net)).toEqual(['1 test0 read', '2 test0 ndoStartXmit 60'])
    pass(10)
    expect([place(net), gate.halt?.code, sent.length]).toEqual(['3 test0 arrived 60', arrived, 1])
    gate.next()
    expect([place(net), sent]).toEqual([undefined, []])
  })

  test('an alarm halts at the device that armed it', async () => {
    await addDevice(memory)
    const { net, send, pass } = await timedDevice(memory)
    new StepGate(net)
    send(1)
    walk(net)
    pass(10)
    expect(place(net)).toBe('3 test1 arrived 60')
  })

  test.each(['cancelled', 'armed again'])(
    'an alarm that is %s while it waits is no step any more',
    async how => {
      const { net, alarm, clock, send, pass } = await timedDevice()
      new StepGate(net)
      send(1)
      walk(net)
      pass(10)
      if (how === 'cancelled') {
        alarm.cancel()
      } else {
        alarm.at(clock.now() + 5 * NSEC_PER_MSEC)
      }
      expect(place(net)).toBeUndefined()
      pass(5)
      expect(place(net)).toBe(how === 'cancelled' ? undefined : '3 test0 arrived 60')
    },
  )

  test('an alarm that always rings again does not keep the next frame from its driver', async () => {
    const { net, clock, send, pass } = await timedDevice()
    function tick(): void {
      again.at(clock.now())
    }
    const again = net.clock.alarm(tick)
    const gate = new StepGate(net)
    again.at(clock.now())
    send(1)
    const places: (string | undefined)[] = []
    for (let i = 0; i < 4; i++) {
      pass(0)
      places.push(place(net)?.replace(/ \d+$/, ''))
      gate.next()
    }
    again.cancel()
    expect(places).toEqual(['3 test0 tick', '1 test0 read', '3 test0 tick', '2 test0 ndoStartXmit'])
  })

  test('an alarm that waits rings when stepping ends', async () => {
    const { net, send, pass, sent } = await timedDevice()
    const gate = new StepGate(net)
    send(1)
    walk(net)
    pass(10)
    gate.off()
    expect(sent).toEqual([])
  })

  test('ndoTxTimeout is a step, once nothing else has waited for the time of the watchdog', async () => {
    const timeouts: number[] = []
    const { dev, port } = await addDevice(
      memory,
      {
        ndoStartXmit(skb) {
          dev.tx[0]?.stop()
          skb.drop()
        },
        ndoTxTimeout: (_, queue) => timeouts.push(queue),
      },
      { watchdogTimeo: 50 },
    )
    const other = await addDevice(memory)
    const gate = new StepGate(memory.net)
    const pass = (ms: number) => memory.clock.advance(ms * NSEC_PER_MSEC)
    sendAll(port, ...numbered(1))
    gate.next()
    gate.next()
    sendAll(other.port, ...numbered(1))
    pass(180)
    expect(place(memory.net)).toBe('1 test1 read')
    walk(memory.net)
    pass(49)
    expect(place(memory.net)).toBeUndefined()
    pass(1)
    expect([place(memory.net), timeouts]).toEqual(['3 test0 ndoTxTimeout', []])
    gate.next()
    expect([timeouts, dev.tx[0]?.transTimeout]).toEqual([[0], 1])
  })
})

describe('what stepping does not lose', () => {
  test.each([false, true])(
    'frames keep their order when stepping starts and ends, useNapi %s',
    async useNapi => {
      const { memory, port0, port1 } = await snullPair(makeNet(), { useNapi, poolSize: 4 })
      const all = Array.from({ length: 40 }, (_, n) => n)
      for (const n of all) {
        port0.transmit(flowFrame(0, n))
      }
      port0.drain()
      const gate = new StepGate(memory.net)
      for (const n of all) {
        sendAll(port0, flowFrame(0, 40 + n))
        for (let i = n % 9; i > 0; i--) {
          gate.next()
        }
        memory.conserved()
      }
      gate.off()
      port0.drain()
      expect(port1.received.map(flowNumber).map(([, n]) => n)).toEqual([
        ...all,
        ...all.map(n => 40 + n),
      ])
    },
  )

  test('frames that wait for the end of a cable are dropped and counted when the interface goes down', async () => {
    const { devices, ports } = await addDriver(memory, cable, {}, { args: ['a', 'b'] })
    const gate = new StepGate(memory.net)
    sendAll(ports[0]!, ...numbered(1))
    gate.next()
    gate.next()
    expect(place(memory.net)).toBe('3 b wire 60')
    await devClose(devices[1] as (typeof devices)[0])
    expect([place(memory.net), memory.conserved().held]).toEqual([undefined, 0])
  })

  test('a frame for which the driver returned NETDEV_TX_BUSY is offered again by the next steps', async () => {
    let offers = 0
    const { port, dev } = await addDevice(memory, {
      ndoStartXmit(skb) {
        if (++offers < 3) return NETDEV_TX_BUSY
        skb.drop()
        return NETDEV_TX_OK
      },
    })
    new StepGate(memory.net)
    sendAll(port, ...numbered(1))
    expect(walk(memory.net)).toEqual(['1 test0 read', '2 test0 ndoStartXmit 60'])
    for (let i = 0; i < 2; i++) {
      memory.clock.advance(NSEC_PER_MSEC)
      expect(walk(memory.net)).toEqual(['2 test0 ndoStartXmit 60'])
    }
    expect([offers, dev.tx[0]?.requeues]).toEqual([3, 2])
  })

  test('a frame that the driver moves to another queue waits there', async () => {
    const queues: number[] = []
    function ndoStartXmit(skb: SkBuff): void {
      queues.push(skb.queueMapping)
      skb.drop()
    }
    const ops = { ndoSelectQueue: () => 1, ndoStartXmit }
    const { port } = await addDevice(memory, ops, { txqs: 2 })
    const gate = new StepGate(memory.net)
    for (const frame of numbered(2)) {
      port.transmit(frame, 0)
    }
    port.drain()
    gate.next()
    expect(gate.halt).toMatchObject({ step: 2, queue: 1 })
    expect(walk(memory.net)).toEqual(['2 test0 ndoStartXmit 60'])
    port.drain()
    expect(walk(memory.net)).toEqual(['1 test0 read', '2 test0 ndoStartXmit 60'])
    expect(queues).toEqual([1, 1])
  })

  test('a cable that is cut while a frame waits to be sent drops and counts it', async () => {
    let given = 0
    const { dev, port } = await addDevice(memory, {
      ndoStartXmit(skb) {
        given++
        skb.drop()
      },
    })
    const gate = new StepGate(memory.net)
    sendAll(port, ...numbered(1))
    gate.next()
    cutCable(dev)
    walk(memory.net)
    expect([given, dev.counters.drops().tx[SKB_DROP_REASON_TX_CARRIER]]).toEqual([0, 1])
  })

  test('a kernel without room keeps a frame at its last step', async () => {
    const { memory, port0, port1 } = await snullPair(makeNet())
    const gate = new StepGate(memory.net)
    port1.room = 0
    sendAll(port0, flowFrame(0, 0))
    for (let i = 0; i < 8; i++) {
      gate.next()
    }
    expect(place(memory.net)).toBe('5 sn1 write 60')
    port1.room = 1
    walk(memory.net)
    expect(port1.received).toHaveLength(1)
  })

  test('more frames than may wait at netifRx continue in order', async () => {
    const memory = makeNet({ large: 1024 })
    const { dev, port } = await addDevice(memory)
    memory.made = 300
    const gate = new StepGate(memory.net)
    for (let n = 0; n < 300; n++) {
      const skb = memory.pool.alloc(60) as SkBuff
      skb.bytes.set(numbered(1, n & 0xff)[0] as Uint8Array, skb.put(60))
      skb.dev = dev
      netifRx(skb)
    }
    expect(port.received).toHaveLength(0)
    gate.off()
    expect(port.received.map(numberOf)).toEqual(Array.from({ length: 300 }, (_, n) => n & 0xff))
  })

  test('more frames than may wait at the end of a wire continue in order', async () => {
    const memory = makeNet({ large: 1024, small: 1024 })
    const wireAb = cable.params.wireAb.parse('delay 5ms')
    const { ports } = await addDriver(memory, cable, { wireAb }, { args: ['a', 'b'] })
    for (let n = 0; n < 300; n++) {
      ports[0]?.transmit(numbered(1, n & 0xff)[0] as Uint8Array)
    }
    ports[0]?.drain()
    const gate = new StepGate(memory.net)
    memory.clock.advance(5 * NSEC_PER_MSEC)
    expect([place(memory.net), ports[1]?.received]).toEqual(['4 b netifRx 60', []])
    gate.off()
    expect(ports[1]?.received.map(numberOf)).toEqual(
      Array.from({ length: 300 }, (_, n) => n & 0xff),
    )
  })
})

describe('while stepping', () => {
  test('a queue is paused while its frame waits in the kernel, so its port reports it only once', async () => {
    const { port } = await addDevice(memory)
    const gate = new StepGate(memory.net)
    sendAll(port, ...numbered(1))
    expect([place(memory.net), port.queues[0]?.paused]).toEqual(['1 test0 read', true])
    gate.off()
    expect(port.queues[0]?.paused).toBe(false)
  })

  test('a queue that cannot be read is read again later', async () => {
    const { port } = await addDevice(memory)
    const gate = new StepGate(memory.net)
    sendAll(port, ...numbered(1))
    vi.spyOn(port.queues[0] as MemoryQueue, 'read').mockReturnValueOnce(-EIO)
    gate.next()
    expect([place(memory.net), memory.lines.at(-1)]).toEqual([
      undefined,
      'test0: transmit queue 0 cannot be read: EIO; trying again',
    ])
    memory.clock.advance(NSEC_PER_SEC)
    port.drain()
    expect(walk(memory.net).map(at => at.slice(0, 1))).toEqual(['1', '2'])
  })

  test('a queue that waits for an interrupt does not time out, and is not late afterwards', async () => {
    const { memory, port0, sn0 } = await snullPair(makeNet(), { poolSize: 1, timeout: 50 })
    const gate = new StepGate(memory.net)
    sendAll(port0, flowFrame(0, 0))
    gate.next()
    gate.next()
    expect(sn0.tx[0]?.stopped).toBe(true)
    memory.clock.advance(1000 * NSEC_PER_MSEC)
    gate.off()
    memory.clock.advance(20 * NSEC_PER_MSEC)
    expect([sn0.tx[0]?.transTimeout, sn0.tx[0]?.stopped]).toEqual([0, false])
  })

  test('a queue with a lost interrupt gets its full timeout again when stepping ends', async () => {
    const { dev, port } = await addDevice(
      memory,
      {
        ndoStartXmit(skb) {
          dev.tx[0]?.stop()
          skb.drop()
        },
      },
      { watchdogTimeo: 50 },
    )
    const gate = new StepGate(memory.net)
    sendAll(port, ...numbered(1))
    walk(memory.net)
    memory.clock.advance(120 * NSEC_PER_MSEC)
    gate.off()
    memory.clock.advance(49 * NSEC_PER_MSEC)
    expect(dev.tx[0]?.transTimeout).toBe(0)
    memory.clock.advance(NSEC_PER_MSEC)
    expect(dev.tx[0]?.transTimeout).toBe(1)
  })

  test('a queue that is stopped while its frame waits continues by itself after it is woken', async () => {
    const { dev, port } = await addDevice(memory)
    new StepGate(memory.net, 100 * NSEC_PER_MSEC)
    sendAll(port, ...numbered(1))
    await turn()
    dev.tx[0]?.stop()
    memory.clock.advance(100 * NSEC_PER_MSEC)
    expect(place(memory.net)).toBeUndefined()
    dev.tx[0]?.wake()
    await turn()
    expect(place(memory.net)).toBe('1 test0 read')
    memory.clock.advance(100 * NSEC_PER_MSEC)
    expect(place(memory.net)).toBe('2 test0 ndoStartXmit 60')
  })

  test('a halt continues by itself after the given time, and so does the next one', async () => {
    const { memory, port0, port1 } = await snullPair(makeNet())
    new StepGate(memory.net, 100 * NSEC_PER_MSEC)
    sendAll(port0, flowFrame(0, 0))
    const places: (string | undefined)[] = []
    for (let i = 0; i < 6; i++) {
      await turn()
      places.push(place(memory.net)?.slice(0, 1))
      memory.clock.advance(99 * NSEC_PER_MSEC)
      expect(place(memory.net)?.slice(0, 1)).toBe(places.at(-1))
      memory.clock.advance(NSEC_PER_MSEC)
    }
    expect([places, port1.received.length]).toEqual([['1', '2', '3', '4', '5', '3'], 1])
  })

  test('each halt is reported once, for the device with the frame, as are the start and the end', async () => {
    const { memory, port0, port1 } = await snullPair(makeNet())
    const { net } = memory
    const reports: string[] = []
    net.registerNetdeviceNotifier((event, dev) => {
      if (event === NETDEV_STEP) {
        reports.push(`${dev.name} ${net.gate?.halt?.step ?? (net.gate ? 'on' : 'off')}`)
      }
    })
    const gate = new StepGate(net)
    await turn()
    sendAll(port0, flowFrame(0, 0))
    await turn()
    sendAll(port1, flowFrame(0, 0))
    await turn()
    gate.next()
    await turn()
    gate.off()
    await turn()
    expect(reports).toEqual(['sn0 on', 'sn1 on', 'sn0 1', 'sn0 2', 'sn0 off', 'sn1 off'])
  })

  test('a frame that waits after the device went down and up is reported, though no step was done', async () => {
    const { memory, port0, sn0 } = await snullPair(makeNet())
    const { net } = memory
    new StepGate(net)
    const reports: string[] = []
    net.registerNetdeviceNotifier((event, dev) => {
      if (event === NETDEV_STEP) {
        reports.push(`${dev.name} ${net.gate?.halt?.step ?? 'on'}`)
      }
    })
    for (let n = 0; n < 2; n++) {
      sendAll(port0, flowFrame(0, n))
      await turn()
      devClose(sn0)
      await turn()
      devOpen(sn0)
    }
    expect(reports).toEqual(['sn0 1', 'sn0 1'])
  })

  test('a device that is registered is stepped, too, and IFF_DEBUG of ip(8) does not end it', async () => {
    new StepGate(memory.net)
    const { ports } = await addDriver(memory, cable, {}, { args: ['a', 'b'] })
    ports[1]?.change({ kind: 'flags', flags: (ports[1]?.link.flags ?? 0) | IFF_DEBUG })
    sendAll(ports[0]!, ...numbered(1))
    expect(walk(memory.net).map(at => at.slice(0, 1))).toEqual(['1', '2', '3', '4', '5'])
    ports[1]?.change({ kind: 'flags', flags: (ports[1]?.link.flags ?? 0) & ~IFF_DEBUG })
    sendAll(ports[0]!, ...numbered(1))
    expect(walk(memory.net)).toHaveLength(5)
  })

  test('next without a frame does nothing, and off may be called twice', async () => {
    await addDevice(memory)
    const gate = new StepGate(memory.net)
    expect(gate.next()).toBe(false)
    gate.off()
    gate.off()
    expect([memory.net.gate, gate.next()]).toEqual([undefined, false])
  })

  test('a device logs the same messages as without stepping, so no bit of msgEnable is taken', async () => {
    const { dev } = await addDevice(memory)
    const gate = new StepGate(memory.net)
    expect(dev.msgEnable).toBe(0)
    gate.off()
  })
})

test('the code of a halt is the function of the driver, also while its use of frames is checked', async () => {
  await using bed = await testBed(snull, {}, { debug: true })
  const gate = new StepGate(bed.net)
  bed.port().transmit(flowFrame(0, 0))
  const codes: unknown[] = []
  bed.advance(0)
  while (gate.halt !== undefined) {
    const { step, next, code } = gate.halt
    if (code !== undefined) {
      codes.push([step, next, (code as { readonly name: string }).name])
    }
    gate.next()
  }
  expect(codes).toEqual([
    [2, 'ndoStartXmit', 'startXmit'],
    [3, 'interrupt', 'interrupt'],
    [3, 'interrupt', 'interrupt'],
  ])
})
