import { EventEmitter, once } from 'node:events'
import http from 'node:http'
import type { Duplex } from 'node:stream'
import { Agent, request } from 'undici'
import { expect, test } from 'vitest'
import { thread } from '../../../src/memory/time/real.ts'
import type { VirtualTime } from '../../../src/memory/time/virtual-time.ts'
import { pair, start } from './started.ts'

/** Connects a client to a server of node:http. Returns the client's end. */
function connect(time: VirtualTime, listener: http.RequestListener): Duplex {
  const [near, far] = pair(time)
  const server = http.createServer(listener)
  server.emit('connection', far)
  return near
}

test('node:http works in virtual time, and its Date header shows this time', async () => {
  const time = start()
  await time.sleep('1h')
  const socket = connect(time, (_, response) => setTimeout(() => response.end('hello'), 500))
  const [response] = (await once(http.get({ createConnection: () => socket }), 'response')) as [
    http.IncomingMessage,
  ]
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk
  }
  expect([text, response.headers.date]).toEqual(['hello', 'Sat, 01 Jan 2000 01:00:00 GMT'])
  expect(time.now).toBe(3_600_520)
})

test('a Date header of the program remains, and sendDate = false leaves it out', async () => {
  const time = start()
  const dates: unknown[] = []
  const listeners: http.RequestListener[] = [
    (_, response) => response.writeHead(200, { Date: 'today' }).end(),
    (_, response) => response.setHeader('date', 'today').end(),
    (_, response) => {
      response.sendDate = false
      response.end()
    },
  ]
  for (const listener of listeners) {
    const socket = connect(time, listener)
    const [response] = (await once(http.get({ createConnection: () => socket }), 'response')) as [
      http.IncomingMessage,
    ]
    dates.push(response.headers.date)
    socket.destroy()
  }
  expect(dates).toEqual(['today', 'today', undefined])
})

/** Makes a request with undici that has no reply. Returns the ms until its time-out. */
async function timeOut(time: VirtualTime): Promise<number> {
  const { error, dispatcher } = startRequest(time)
  const from = time.now
  await expect(error).resolves.toMatchObject({ code: 'UND_ERR_HEADERS_TIMEOUT' })
  await dispatcher.destroy()
  return time.now - from
}

function startRequest(time: VirtualTime): { error: Promise<unknown>; dispatcher: Agent } {
  const socket = connect(time, () => {})
  const dispatcher = new Agent({
    connect: (_, done) => process.nextTick(done, null, socket),
    headersTimeout: 300_000,
  })
  const error = request('http://server/', { dispatcher }).catch(error => error)
  return { error, dispatcher }
}

test('time-outs of undici ring in virtual time, at the same time in each world', async () => {
  const times: number[] = []
  for (let i = 0; i < 3; i++) {
    using time = start()
    times.push(await timeOut(time))
  }
  expect(times[0]).toBeGreaterThanOrEqual(300_000)
  expect(times[0]).toBeLessThan(302_000)
  expect(times).toEqual(Array(3).fill(times[0]))
})

test('a pending request of undici at the end of a world does not change the time-outs in the next one', async () => {
  const times: number[] = []
  for (let i = 0; i < 2; i++) {
    using time = start()
    times.push(await timeOut(time))
    const { dispatcher, error } = startRequest(time)
    await time.sleep('1200ms')
    time.close()
    await dispatcher.destroy()
    await error
  }
  expect(times[1]).toBe(times[0])
})

test('a tick of undici that is pending in real time does not ring in a world that has it, too', async () => {
  const later = (ms: number) => new Promise(resolve => thread.setTimeout(resolve, ms))
  const rung: number[] = []
  const onTick = () => rung.push(Date.now())
  const tick = setTimeout(onTick, 499).unref()
  const time = start()
  const release = time.hold()
  tick.refresh()
  // Timers of the same length ring in their order.
  await later(499)
  release()
  await time.sleep(1000)
  time.close()
  tick.refresh()
  await later(499)
  const epoch = Date.UTC(2000, 0, 1)
  expect([rung.slice(0, 2), rung.length]).toEqual([[epoch, epoch + 499], 3])
})

test('the tick of undici that was set in real time continues in the world', async () => {
  const rung: number[] = []
  const onTick = () => rung.push(Date.now())
  const [tick, other] = [
    setTimeout(onTick, 499).unref(),
    setTimeout(() => rung.push(0), 499).unref(),
  ]
  clearTimeout(other)
  const time = start()
  tick.refresh()
  await time.sleep(100)
  tick.refresh()
  other.refresh()
  await time.sleep(1000)
  const epoch = Date.UTC(2000, 0, 1)
  expect(rung).toEqual([epoch, epoch + 599])
})

/** A clock like that of undici: one timer, refreshed at each tick. `next` resolves at a tick. */
function startClock(): { rung: number[]; next(): Promise<void>; [Symbol.dispose](): void } {
  const rung: number[] = []
  const ticks = new EventEmitter()
  const onTick = () => {
    rung.push(Date.now())
    if (!isOver) {
      tick.refresh()
    }
    ticks.emit('tick')
  }
  const tick = setTimeout(onTick, 499)
  let isOver = false
  return {
    rung,
    next: async () => {
      await once(ticks, 'tick')
    },
    [Symbol.dispose]: () => {
      isOver = true
      clearTimeout(tick)
    },
  }
}

test('a tick of undici that is pending in real time rings at the start of a world, and then in it', async () => {
  using clock = startClock()
  const time = start()
  await time.sleep(1000)
  const epoch = Date.UTC(2000, 0, 1)
  expect(clock.rung).toEqual([epoch, epoch + 499, epoch + 998])
})

test('the tick of undici continues after a world in real time, and in the next world', async () => {
  using clock = startClock()
  const first = start()
  await first.sleep(1000)
  first.close()
  await clock.next()
  await clock.next()
  expect(clock.rung.slice(3).every(at => at > Date.UTC(2026, 0, 1))).toBe(true)
  clock.rung.length = 0
  const second = start()
  await second.sleep(1000)
  const epoch = Date.UTC(2000, 0, 1)
  expect(clock.rung).toEqual([epoch, epoch + 499, epoch + 998])
})
