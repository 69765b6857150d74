/** The warm-up of a driver: frames of its own, on sockets, which nothing else sees. */
import { expect, test } from 'vitest'
import { EMFILE } from '#src/base/errno.ts'
import { Log } from '#src/base/log.ts'
import { warmUp } from '#src/cli/warm-up.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import { eventLoopClock } from '#src/linux/clock.ts'
import { loadNative, type Native } from '#src/linux/native.ts'
import { type Driver, defineDriver } from '#src/netdev/driver.ts'
import { RX_PACKETS, TX_PACKETS } from '#src/netdev/stats.ts'
import { openFiles } from '#support/open-files.ts'

const sockets = () => openFiles('/proc/self/fd').filter(file => file.startsWith('socket:'))

/** Warms up a cable, or `given`. Returns devices, whether all frames were freed, and logs. */
async function warmed({
  native = loadNative(),
  signal = new AbortController().signal,
  given = {} as Partial<Driver>,
  onLoad = () => {},
}) {
  const lines: string[] = []
  const log = new Log(7, (_, text) => lines.push(text))
  const seen: { out: () => number; packets: () => number[] }[] = []
  const driver = defineDriver({
    ...(cable as unknown as Driver),
    init(params, context) {
      onLoad()
      const specs = cable.init(params as never, context)
      seen.push({
        out: () => context.net.pool.out,
        packets: () =>
          specs.flatMap(({ dev: { counters } }) => [
            counters.rows[TX_PACKETS] as number,
            counters.rows[RX_PACKETS] as number,
          ]),
      })
      return specs as never
    },
    ...given,
  })
  await warmUp(native, driver, { clock: eventLoopClock, log }, signal)
  return { lines, loads: seen }
}

test('frames pass in both directions of a cable, all are freed, and no socket remains open', async () => {
  const before = sockets()
  const { lines, loads } = await warmed({})
  expect(loads).toHaveLength(2)
  for (const { packets, out } of loads) {
    expect(Math.min(...packets())).toBeGreaterThan(1000)
    expect(out()).toBe(0)
  }
  expect(lines).toEqual([
    expect.stringMatching(/^cable: warmed up by \d{4,} frames of its own in \d+ ms$/),
  ])
  expect(sockets()).toEqual(before)
})

test('a warm-up that is stopped ends early, with nothing left open', async () => {
  const before = sockets()
  const stop = new AbortController()
  const { lines, loads } = await warmed({ signal: stop.signal, onLoad: () => stop.abort() })
  expect(loads[0]!.packets()).toEqual([expect.any(Number), 0, expect.any(Number), 0])
  expect(loads[0]!.out()).toBe(0)
  expect(lines).toEqual([expect.stringMatching(/warmed up by 0 frames/)])
  expect(sockets()).toEqual(before)
})

test('a warm-up that is stopped before it starts loads nothing', async () => {
  expect(await warmed({ signal: AbortSignal.abort() })).toEqual({ lines: [], loads: [] })
})

test('a warm-up without a free descriptor fails, with nothing left open', async () => {
  const before = sockets()
  let left = 3
  const native: Native = Object.assign(Object.create(loadNative()), {
    socket: (...args: Parameters<Native['socket']>) =>
      left-- > 0 ? loadNative().socket(...args) : -EMFILE,
  })
  await expect(warmed({ native })).rejects.toMatchObject({ code: 'EMFILE' })
  expect(sockets()).toEqual(before)
})

test('the warm-up of a driver that throws fails', async () => {
  const init = () => {
    throw new Error('no load twice')
  }
  await expect(warmed({ given: { init } })).rejects.toThrow('no load twice')
})
