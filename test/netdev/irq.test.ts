import { describe, expect, test } from 'vitest'
import { NETIF_MSG_INTR } from '#src/netdev/if.ts'
import { IRQ_HANDLED, IRQ_NONE, Irq, type IrqHandler } from '#src/netdev/irq.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { devClose, netifRx } from '#src/netdev/netif.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { addDevice, freshNet, numbered, numberOf, sendAll, turn } from '#support/memory-net.ts'

const memory = freshNet()

const RX = 1
const TX = 2

/** An interrupt of a device. Its handler records the bits that it reads and clears. */
async function line() {
  const { dev } = await addDevice(memory)
  const irq = new Irq(dev)
  const taken: number[] = []
  const handler = (): number => {
    taken.push(irq.acknowledge())
    return IRQ_HANDLED
  }
  irq.request(handler)
  const setHandler = (other: IrqHandler) => {
    irq.free()
    irq.request(other)
  }
  return { dev, irq, taken, handler, setHandler, flush: () => memory.net.flush() }
}

describe('an interrupt', () => {
  test('a raised interrupt sets its bits, and is taken when the driver’s own code has returned', async () => {
    const { irq, taken } = await line()
    irq.raise(RX)
    expect([irq.status, taken, irq.count]).toEqual([RX, [], 0])
    await Promise.resolve()
    expect([irq.status, taken, irq.count, irq.spurious]).toEqual([0, [RX], 1, 0])
  })

  test('an interrupt raised many times is taken once, with all bits', async () => {
    const { irq, taken, flush } = await line()
    for (let i = 0; i < 10; i++) {
      irq.raise(i % 2 === 0 ? RX : TX)
    }
    flush()
    await turn()
    expect([taken, irq.count]).toEqual([[RX | TX], 1])
    irq.raise(TX)
    flush()
    expect(taken).toEqual([RX | TX, TX])
  })

  test('an interrupt raised in ndoStartXmit is taken after the batch', async () => {
    const order: string[] = []
    const { dev, port } = await addDevice(memory, {
      ndoStartXmit: skb => {
        order.push(`xmit ${numberOf(skb)}`)
        irq.raise(TX)
        skb.drop()
      },
    })
    const irq = new Irq(dev)
    irq.request(() => {
      order.push(`interrupt ${irq.acknowledge()}`)
      return IRQ_HANDLED
    })
    sendAll(port, ...numbered(18))
    const xmits = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => `xmit ${from + i}`)
    expect(order).toEqual([...xmits(0, 16), `interrupt ${TX}`, ...xmits(16, 18), `interrupt ${TX}`])
  })

  test('frames received in a handler are written out in the same flush', async () => {
    const ring: SkBuff[] = []
    const { dev, port } = await addDevice(memory, {
      ndoStartXmit: skb => {
        ring.push(skb)
        irq.raise(RX)
      },
    })
    const irq = new Irq(dev)
    irq.request(() => {
      irq.acknowledge()
      for (const skb of ring.splice(0)) {
        netifRx(skb)
      }
      return IRQ_HANDLED
    })
    sendAll(port, ...numbered(5))
    expect(port.received.map(numberOf)).toEqual([0, 1, 2, 3, 4])
  })

  test('an interrupt raised by a handler runs in the same flush, after waiting ones', async () => {
    const a = await line()
    const b = await line()
    const order: string[] = []
    a.setHandler(() => {
      order.push(`a${a.irq.acknowledge()}`)
      if (order.length === 1) {
        a.irq.raise(TX)
      }
      return IRQ_HANDLED
    })
    b.setHandler(() => {
      order.push(`b${b.irq.acknowledge()}`)
      return IRQ_HANDLED
    })
    a.irq.raise(RX)
    b.irq.raise(RX)
    a.flush()
    expect(order).toEqual(['a1', 'b1', 'a2'])
  })
})

describe('a mask', () => {
  test('masked bits are set, but do not interrupt and are not read', async () => {
    const { irq, taken, flush } = await line()
    irq.mask(RX)
    irq.raise(RX)
    flush()
    expect([taken, irq.status]).toEqual([[], RX])
    irq.raise(TX)
    flush()
    expect([taken, irq.status]).toEqual([[TX], RX])
  })

  test('unmasking a bit that was set meanwhile interrupts immediately', async () => {
    const { irq, taken, flush } = await line()
    irq.mask(RX | TX)
    irq.unmask(RX)
    flush()
    expect(taken).toEqual([])
    irq.raise(TX)
    irq.unmask(RX)
    flush()
    expect(taken).toEqual([])
    irq.unmask(TX)
    flush()
    expect([taken, irq.status]).toEqual([[TX], 0])
  })

  test('an interrupt masked after it was raised is taken, with nothing to read', async () => {
    const { irq, taken, flush } = await line()
    irq.raise(RX)
    irq.mask(RX)
    flush()
    expect([taken, irq.status]).toEqual([[0], RX])
  })

  test('request_irq refuses the result of a handler in place of the handler', async () => {
    const { irq } = await line()
    const request = irq.request.bind(irq) as (handler: unknown) => void
    expect(() => request(IRQ_NONE)).toThrow(
      new TypeError('request_irq: the handler is 0, not a function'),
    )
  })

  test('request_irq refuses a line that has a handler, with -EBUSY, and keeps the handler', async () => {
    const { irq, taken, flush } = await line()
    const message = 'request_irq: EBUSY, the line has a handler: free_irq comes first'
    expect(() => irq.request(() => IRQ_NONE)).toThrow(new Error(message))
    irq.raise(RX)
    flush()
    expect(taken).toEqual([RX])
  })

  test('request_irq unmasks all bits', async () => {
    const { irq, taken, handler, setHandler, flush } = await line()
    irq.mask(RX | TX)
    irq.raise(RX)
    setHandler(handler)
    expect(irq.status).toBe(0)
    irq.raise(TX)
    flush()
    expect(taken).toEqual([TX])
  })
})

describe('a spurious interrupt', () => {
  test('a spurious interrupt, raised without a bit, is taken although all bits are masked', async () => {
    const { irq, taken, flush } = await line()
    irq.mask(-1)
    irq.raise(0)
    flush()
    expect(taken).toEqual([0])
  })

  test('an interrupt is counted as spurious if its handler returns IRQ_NONE', async () => {
    const { irq, setHandler, flush } = await line()
    setHandler(() => (irq.acknowledge() === 0 ? IRQ_NONE : IRQ_HANDLED))
    irq.raise(0)
    flush()
    irq.raise(RX)
    flush()
    expect([irq.count, irq.spurious]).toEqual([2, 1])
  })
})

describe('an interrupt that is freed', () => {
  test('a freed interrupt calls no handler, and forgets its raised bits', async () => {
    const { irq, taken, handler, flush } = await line()
    irq.raise(RX)
    irq.free()
    irq.raise(TX)
    flush()
    expect([taken, irq.count]).toEqual([[], 0])
    irq.request(handler)
    flush()
    expect([taken, irq.status]).toEqual([[], 0])
    irq.raise(RX)
    flush()
    expect(taken).toEqual([RX])
  })

  test('an interrupt may be freed by its own handler', async () => {
    const { irq, setHandler, flush } = await line()
    setHandler(() => {
      irq.free()
      irq.raise(RX)
      return IRQ_HANDLED
    })
    irq.raise(RX)
    flush()
    flush()
    expect(irq.count).toBe(1)
  })

  test('an interrupt may be requested again while it waits to be taken', async () => {
    const { irq, taken, handler, flush } = await line()
    irq.raise(RX)
    irq.free()
    irq.request(handler)
    irq.raise(TX)
    flush()
    flush()
    expect(taken).toEqual([TX])
  })
})

test('a bit set without raise does not interrupt, and the next interrupt delivers it', async () => {
  const { irq, taken, flush } = await line()
  irq.status |= TX
  flush()
  expect(taken).toEqual([])
  irq.raise(RX)
  flush()
  expect(taken).toEqual([RX | TX])
})

test('a handler that throws is logged with its place, and is called again', async () => {
  const { irq, taken, handler, setHandler, flush } = await line()
  let broken = true
  setHandler(() => {
    if (broken) throw new Error('bad status')
    return handler()
  })
  irq.raise(RX)
  flush()
  expect(memory.lines.at(-1)).toMatch(
    /^test0: interrupt handler: Error: bad status \(at .*irq\.test\.ts:\d+:\d+\)+$/,
  )
  broken = false
  irq.raise(TX)
  await undefined // no poll is under way: a microtask takes it
  expect([taken, irq.count]).toEqual([[RX | TX], 2])
})

describe('a handler that raises its own interrupt forever', () => {
  async function endless() {
    const { dev, irq, setHandler, flush } = await line()
    let on = true
    setHandler(() => {
      irq.acknowledge()
      if (on) {
        irq.raise(RX)
      }
      return IRQ_HANDLED
    })
    const stop = () => {
      on = false
    }
    return { dev, irq, flush, stop }
  }

  test('a handler that raises its own interrupt forever yields after a while, and continues on an alarm', async () => {
    const { irq, flush, stop } = await endless()
    irq.raise(RX)
    flush()
    const first = irq.count
    expect(first).toBeGreaterThan(1)
    expect(memory.clock.armed).toBe(1)
    stop()
    memory.clock.advance(0)
    expect([irq.count, memory.clock.armed]).toEqual([first + 1, 0])
  })

  test('a handler that raises its own interrupt forever delays no other interrupt or frame', async () => {
    const { irq, flush, stop } = await endless()
    const other = await line()
    const { port } = await addDevice(memory, { ndoStartXmit: skb => netifRx(skb) })
    irq.raise(RX)
    flush()
    other.irq.raise(TX)
    sendAll(port, ...numbered(40))
    expect([port.received.length, other.taken]).toEqual([40, [TX]])
    stop()
    flush()
  })
})

test('a handler may close its device, and waiting interrupts are still taken, once', async () => {
  const a = await line()
  const b = await line()
  a.setHandler(() => {
    a.irq.acknowledge()
    void devClose(a.dev as NetDevice)
    return IRQ_HANDLED
  })
  a.irq.raise(RX)
  b.irq.raise(TX)
  a.flush()
  expect([a.irq.count, b.irq.count, b.taken]).toEqual([1, 1, [TX]])
  b.irq.raise(TX)
  await undefined // no poll is under way: a microtask takes it
  expect(b.irq.count).toBe(2)
})

describe('a level-triggered line', () => {
  /** A line of hardware with its own causes, and a handler that returns `result`. */
  async function level(result: () => number = () => IRQ_HANDLED) {
    const { dev } = await addDevice(memory)
    const irq = new Irq(dev)
    let calls = 0
    const handler = () => {
      calls++
      return result()
    }
    const flush = () => memory.net.flush()
    return { dev, irq, handler, flush, calls: () => calls }
  }

  test('the handler is called until the line is released', async () => {
    let left = 3
    const { irq, handler, flush, calls } = await level(() => {
      left--
      irq.level(left > 0)
      return IRQ_HANDLED
    })
    irq.request(handler)
    irq.level(true)
    irq.level(true)
    flush()
    expect([calls(), irq.count, irq.spurious, irq.status]).toEqual([3, 3, 0, 0])
    flush()
    expect(calls()).toBe(3)
  })

  test('the handler is not called if the line is released before its interrupt is taken', async () => {
    const { irq, handler, flush, calls } = await level()
    irq.request(handler)
    irq.level(true)
    irq.level(false)
    flush()
    expect(calls()).toBe(0)
    // A spurious interrupt is taken whatever the level is.
    irq.level(true)
    irq.raise(0)
    irq.level(false)
    flush()
    expect(calls()).toBe(1)
  })

  test('a line that is asserted already interrupts when it is requested', async () => {
    const { irq, handler, flush, calls } = await level(() => {
      irq.level(false)
      return IRQ_HANDLED
    })
    irq.level(true)
    flush()
    expect(calls()).toBe(0)
    irq.request(handler)
    flush()
    expect(calls()).toBe(1)
  })

  test('its state and the log of its events name the level', async () => {
    const { dev, irq, handler, flush } = await level(() => {
      irq.level(false)
      return IRQ_HANDLED
    })
    irq.request(handler)
    expect(irq.part(0)).toMatchObject({ state: 'idle', count: 0 })
    dev.msgEnable = NETIF_MSG_INTR
    irq.level(true)
    expect(irq.part(0)).toMatchObject({ state: 'asserted' })
    flush()
    expect(irq.part(0)).toMatchObject({ state: 'idle', count: 1 })
    expect(memory.lines.slice(-3)).toEqual([
      'test0: interrupt line asserted',
      'test0: interrupt line released',
      'test0: interrupt handled',
    ])
  })

  test('a line of unhandled interrupts is disabled until the next request, and logged', async () => {
    const { dev, irq, handler, calls } = await level(() => IRQ_NONE)
    dev.map = { ...dev.map, irq: 11 }
    irq.request(handler)
    irq.level(true)
    memory.net.flush()
    memory.clock.advance(1_000_000)
    expect([calls(), irq.part(0).state]).toEqual([100_000, 'asserted, disabled'])
    expect(memory.lines.slice(-2)).toEqual([
      'test0: irq 11: nobody cared: 100000 of 100000 interrupts were not handled',
      'test0: Disabling IRQ #11',
    ])
    irq.raise(0)
    memory.net.flush()
    expect(calls()).toBe(100_000)
    irq.free()
    let again = 0
    irq.request(() => {
      again++
      irq.level(false)
      return IRQ_HANDLED
    })
    memory.net.flush()
    expect(again).toBe(1)
  })

  test('a line of which one interrupt in a thousand is handled is not disabled', async () => {
    let taken = 0
    const { irq, handler, calls } = await level(() => {
      taken++
      irq.level(taken < 150_000)
      return taken % 1000 === 0 ? IRQ_HANDLED : IRQ_NONE
    })
    irq.request(handler)
    irq.level(true)
    memory.net.flush()
    memory.clock.advance(1_000_000)
    expect([calls(), irq.part(0).state]).toEqual([150_000, 'idle'])
  })
})
