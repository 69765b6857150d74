import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import { once } from 'node:events'
import { stat } from 'node:fs'
import http from 'node:http'
import type { MeasureOptions } from 'node:perf_hooks'
import timers, { setTimeout as importedTimeout } from 'node:timers'
import { scheduler, setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { VirtualTime } from '../../../src/memory/time/virtual-time.ts'
import { start } from './started.ts'

const MS = 1_000_000
const wasm = Reflect.get(globalThis, 'WebAssembly')

test('two hours pass immediately, in the order of alarms and timers', async () => {
  const time = start()
  const rung: string[] = []
  time.clock.alarm(() => rung.push(`frame ${time.now}`)).at(20.3 * MS)
  setTimeout(() => rung.push(`timer ${time.now}`), 20)
  setTimeout(() => rung.push(`late timer ${time.now}`), 21)
  await time.sleep('2h')
  expect(rung).toEqual(['timer 20', 'frame 20.3', 'late timer 21'])
  expect(time.now).toBe(7_200_000)
})

test('alarms and timers of one moment ring in the order in which they were armed', async () => {
  const time = start()
  const rung: string[] = []
  const [a, b, c] = ['a', 'b', 'c'].map(name => time.clock.alarm(() => rung.push(name)))
  a?.at(5 * MS)
  b?.at(5 * MS)
  setTimeout(() => rung.push('timer'), 5)
  c?.at(5 * MS)
  a?.at(5 * MS)
  await time.sleep(6)
  expect(rung).toEqual(['b', 'timer', 'c', 'a'])
})

test('an alarm that is armed for now or for the past while another rings, rings later in this moment', async () => {
  const time = start()
  const rung: string[] = []
  const past = time.clock.alarm(() => rung.push(`past ${time.now}`))
  const first = time.clock.alarm(() => {
    past.at(0)
    rung.push(`first ${time.now}`)
  })
  first.at(5 * MS)
  time.clock.alarm(() => rung.push(`second ${time.now}`)).at(5 * MS)
  await time.sleep(6)
  expect(rung).toEqual(['first 5', 'second 5', 'past 5'])
})

test('alarms that arm each other for now do not stop time', async () => {
  const time = start()
  let rings = 0
  const arm = (other: () => { at(ns: number): void }) =>
    time.clock.alarm(() => {
      rings++
      other().at(time.clock.now())
    })
  const ping = arm(() => pong)
  const pong = arm(() => ping)
  ping.at(0)
  await time.sleep(1)
  expect(rings).toBeGreaterThan(100)
  expect(time.now).toBe(1)
})

test('an alarm rings once, not after cancel, and at its new moment after it is armed again', async () => {
  const time = start()
  const rung: number[] = []
  const alarm = time.clock.alarm(() => rung.push(time.now))
  alarm.at(5 * MS)
  alarm.cancel()
  await time.sleep(10)
  alarm.at(20 * MS)
  alarm.at(15 * MS)
  await time.sleep(10)
  alarm.cancel()
  expect(rung).toEqual([15])
})

test('everything that a timer queues runs before the next one', async () => {
  const time = start()
  const log: string[] = []
  setTimeout(async () => {
    await null
    process.nextTick(() => log.push(`tick ${time.now}`))
    for (let i = 0; i < 5; i++) {
      await new Promise(resolve => setImmediate(resolve))
    }
    log.push(`immediates ${time.now}`)
    // Without ref, as in libraries.
    await new Promise<void>(resolve => setImmediate(resolve).unref())
    log.push(`without ref ${time.now}`)
  }, 1)
  setTimeout(() => log.push(`next ${time.now}`), 2)
  await time.sleep(3)
  expect(log).toEqual(['tick 1', 'immediates 1', 'without ref 1', 'next 2'])
})

test('a program that queues one immediate after the other does not stop time', async () => {
  const time = start()
  let isOver = false
  setTimeout(() => {
    isOver = true
  }, 1)
  while (!isOver) {
    await new Promise(resolve => setImmediate(resolve))
  }
  expect(time.now).toBe(1)
})

test.each<[clock: string, read: () => number]>([
  ['Date.now', () => Date.now()],
  ['performance.now', () => performance.now()],
  ['process.hrtime', () => Number(process.hrtime.bigint()) / MS],
])('a loop that waits for %s ends, and timers of meanwhile ring after it', async (_, read) => {
  start()
  const rung: number[] = []
  const from = read()
  setTimeout(() => rung.push(read() - from), 1)
  let readings = 0
  while (read() - from < 20 && readings < 200_000) {
    readings++
  }
  expect(readings).toBeLessThan(200_000)
  await wait(5)
  expect(rung[0]).toBeGreaterThanOrEqual(20)
  expect(read() - from).toBeGreaterThanOrEqual(25)
})

test('readings of several moments do not add up', async () => {
  start()
  const from = performance.now()
  for (let moment = 0; moment < 3; moment++) {
    for (let reading = 0; reading < 40_000; reading++) {
      performance.now()
    }
    await wait(1)
  }
  expect(performance.now() - from).toBe(3)
})

test('messages between ports of one thread arrive before time passes', async () => {
  const time = start()
  const { port1, port2 } = new MessageChannel()
  onTestFinished(() => port1.close())
  let left = 20
  port2.onmessage = () => port2.postMessage('pong')
  const ended = new Promise<void>(resolve => {
    port1.onmessage = () => (--left > 0 ? port1.postMessage('ping') : resolve())
  })
  const timer = setInterval(() => {}, 1)
  port1.postMessage('ping')
  await ended
  clearInterval(timer)
  expect(time.now).toBe(0)
})

test('a message that a program sends before it waits arrives before time passes', async () => {
  // Starts in the phase of the event loop before immediates, like a program that has read a file.
  await new Promise(resolve => stat('.', resolve))
  const time = start()
  const [sender, receiver] = [new BroadcastChannel('time'), new BroadcastChannel('time')]
  onTestFinished(() => {
    for (const channel of [sender, receiver]) {
      channel.close()
    }
  })
  const received = new Promise(resolve => {
    receiver.onmessage = resolve
  })
  const timer = setTimeout(() => {}, 1000)
  sender.postMessage('hello')
  await received
  clearTimeout(timer)
  expect(time.now).toBe(0)
})

test('Date, performance.now, process.hrtime and process.uptime show the time of the world', async () => {
  start()
  const since = process.hrtime()
  await wait(1500)
  expect(new Date().toISOString()).toBe('2000-01-01T00:00:01.500Z')
  expect(Date.now()).toBe(Date.UTC(2000, 0, 1, 0, 0, 1, 500))
  expect(Date()).toBe(new Date().toString())
  expect(performance.now()).toBe(1500)
  expect(performance.timeOrigin + performance.now()).toBe(Date.now())
  expect([process.hrtime(), process.hrtime(since)]).toEqual([
    [1, 500_000_000],
    [1, 500_000_000],
  ])
  expect(process.hrtime.bigint()).toBe(1_500_000_000n)
  expect(process.uptime()).toBe(1.5)
})

test('marks and measures of performance show the time of the world', async () => {
  start()
  onTestFinished(() => performance.clearMarks())
  await wait(1000)
  expect(performance.mark('first').startTime).toBe(1000)
  await wait(500)
  performance.mark('second', { detail: 7 })
  await wait(500)
  const measured = (from?: string | MeasureOptions, to?: string) => {
    const { startTime, duration } = performance.measure('measure', from as string, to)
    return [startTime, duration]
  }
  expect(measured('first', 'second')).toEqual([1000, 500])
  expect(measured('first')).toEqual([1000, 1000])
  expect(measured()).toEqual([0, 2000])
  expect(measured({ start: 'second' })).toEqual([1500, 500])
  expect(measured({ start: 1, duration: 2 })).toEqual([1, 2])
  expect(measured({ duration: 5 })).toEqual([1995, 5])
  expect(performance.mark('given', { startTime: 3 }).startTime).toBe(3)
})

test('formats of Intl show the date of the world, unless they are given one', () => {
  const format = new Intl.DateTimeFormat('en', { year: 'numeric', timeZone: 'UTC' })
  const real = format.format()
  const time = start()
  expect([format.format(), format.formatToParts()[0]?.value]).toEqual(['2000', '2000'])
  expect([format.format(0), format.formatToParts(0)[0]?.value]).toEqual(['1970', '1970'])
  expect([0, 1e12].map(format.format)).toEqual(['1970', '2001'])
  expect(format.format).toBe(format.format)
  time.close()
  expect(format.format()).toBe(real)
})

test('a date is an instance of Date in and after the world, with the methods of Date', async () => {
  const RealDate = Date
  const time = start()
  const date = new Date()
  class Day extends Date {}
  expect([date, new Day(0), new RealDate()].map(each => each instanceof Date)).toEqual([
    true,
    true,
    true,
  ])
  expect(new Day(0)).toBeInstanceOf(Day)
  expect(date.constructor).toBe(Date)
  expect([date.getTime(), new Date(5).getTime(), Date.UTC(1970), Date.parse('1970-01-01')]).toEqual(
    [Date.UTC(2000), 5, 0, 0],
  )
  time.close()
  expect(date).toBeInstanceOf(RealDate)
  expect(date.constructor).toBe(RealDate)
})

test('imported functions of node:timers and node:timers/promises use the time of the world', async () => {
  const time = start()
  await scheduler.wait(10)
  expect(time.now).toBe(10)
  expect(await wait(10, 'value')).toBe('value')
  await new Promise(resolve => importedTimeout(resolve, 10))
  await new Promise(resolve => timers.setTimeout(resolve, 10))
  expect(time.now).toBe(40)
})

test('AbortSignal.timeout aborts with a TimeoutError at its time', async () => {
  const time = start()
  const signal = AbortSignal.timeout(250)
  const timer = setTimeout(() => {}, 1000)
  await once(signal, 'abort')
  clearTimeout(timer)
  expect(time.now).toBe(250)
  expect(signal.reason).toMatchObject({
    name: 'TimeoutError',
    message: 'The operation was aborted due to timeout',
  })
  expect(() => AbortSignal.timeout(-1)).toThrow(
    expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
  )
})

test('a timer runs in the AsyncLocalStorage context of its program, and an alarm in none', async () => {
  const time = start()
  const storage = new AsyncLocalStorage<string>()
  const seen: (string | undefined)[] = []
  storage.run('program', () => {
    setTimeout(() => seen.push(storage.getStore()), 1)
    time.clock.alarm(() => seen.push(storage.getStore())).at(2 * MS)
  })
  await time.sleep(3)
  expect(seen).toEqual(['program', undefined])
})

test('sleep takes ms or a text, and refuses others', async () => {
  const time = start()
  await time.sleep(1.5)
  await time.sleep('500us')
  expect(time.now).toBe(2)
  expect(() => time.sleep('5 parsecs')).toThrow("'5 parsecs' is not a duration")
})

test('a held clock stands still until it is released', async () => {
  const time = start()
  const release = time.hold()
  let isOver = false
  const slept = time.sleep(1).then(() => {
    isOver = true
  })
  for (let i = 0; i < 100; i++) {
    await new Promise(resolve => setImmediate(resolve))
  }
  expect([isOver, time.now]).toEqual([false, 0])
  release()
  await slept
  expect(time.now).toBe(1)
})

test('the clock of each world starts at 0, and all of a thread run on one timeline', async () => {
  const first = start()
  await first.sleep(100)
  const second = start()
  expect([first.now, second.now]).toEqual([100, 0])
  await second.sleep(50)
  expect([first.now, second.now]).toEqual([150, 50])
})

test('close ends the alarms of its world only, and time continues until the last world is closed', async () => {
  const [first, second] = [start(), start()]
  const rung: string[] = []
  first.clock.alarm(() => rung.push('first')).at(MS)
  second.clock.alarm(() => rung.push('second')).at(MS)
  setTimeout(() => rung.push('timer'), 1)
  first.close()
  first.clock.alarm(() => rung.push('after close')).at(MS)
  await second.sleep(2)
  expect(rung).toEqual(['second', 'timer'])
})

test('the next world after the last one starts at its epoch again', async () => {
  const time = start()
  await time.sleep('1h')
  time.close()
  start()
  expect(new Date().toISOString()).toBe('2000-01-01T00:00:00.000Z')
})

test('close restores the globals of Node, and the functions of the world then call them', async () => {
  const all = () => [
    ...[
      setTimeout,
      clearTimeout,
      setInterval,
      clearInterval,
      Date,
      Date.prototype.constructor,
      performance.now,
    ],
    ...[performance.timeOrigin, AbortSignal.timeout, scheduler.wait],
    ...[wasm.compile, http.ServerResponse.prototype.writeHead],
  ]
  const before = all()
  const [first, second] = [start(), start()]
  const [ownTimeout, ownDate] = [setTimeout, Date]
  expect(all().every((value, i) => value !== before[i])).toBe(true)
  first.close()
  expect(setTimeout).toBe(ownTimeout)
  second.close()
  expect(all().every((value, i) => value === before[i])).toBe(true)
  expect(ownDate.now()).toBeGreaterThan(Date.UTC(2020))
  await new Promise(resolve => ownTimeout(resolve, 1))
})

test('functions that modules import call the functions of Node after the last world', async () => {
  const at = () => [process.uptime(), process.hrtime()[0], Number(process.hrtime.bigint()) / 1e9]
  const before = at()
  const time = start()
  expect(importedTimeout).toBe(timers.setTimeout)
  const waiting = wait(3_600_000, 'waited')
  expect(await waiting).toBe('waited')
  expect(process.uptime()).toBe(3600)
  time.close()
  for (const [i, seconds] of at().entries()) {
    expect(seconds - (before[i] as number)).toBeLessThan(3000)
  }
  expect(await wait(1, 'waited')).toBe('waited')
  await new Promise<void>(resolve => importedTimeout(resolve, 1))
})

test('pending timers are cancelled with the last world and do not ring in real time', async () => {
  const time = start()
  const rung: string[] = []
  await new Promise<void>(resolve => {
    setInterval(() => {
      rung.push('interval')
      time.close()
      resolve()
    }, 1)
    setTimeout(() => rung.push('timer'), 2)
  })
  await new Promise(resolve => setTimeout(resolve, 5))
  expect(rung).toEqual(['interval'])
})

test('timers of the last world do not ring in one that is made later', async () => {
  const time = start()
  let rung = 0
  setTimeout(() => rung++, 1)
  time.close()
  await start().sleep(10)
  expect(rung).toBe(0)
})

test.each(['nothing is armed', 'its clock is held'])(
  'a world takes no turns of the event loop while %s',
  async when => {
    const realTimeout = setTimeout
    const time = start()
    let turns = 0
    const init = (_id: number, type: string) => {
      if (type === 'Immediate') {
        turns++
      }
    }
    const hook = createHook({ init }).enable()
    onTestFinished(() => void hook.disable())
    if (when === 'its clock is held') {
      time.hold()
      setInterval(() => {}, 1)
    }
    await new Promise(resolve => realTimeout(resolve, 30))
    expect(turns).toBeLessThan(10)
  },
)

test.fails('a test that waits for nothing ends with its time-out', async () => {
  start()
  await new Promise(() => {})
}, 50)

test('the same program has the same order of events in each run', async () => {
  const run = async (): Promise<string> => {
    using time = new VirtualTime()
    const log: string[] = []
    for (const name of ['a', 'b', 'c']) {
      const timer = setInterval(async () => {
        log.push(`${name} ${time.now}`)
        await new Promise(resolve => setImmediate(resolve))
        await wait(name.charCodeAt(0) % 7)
        log.push(`${name} after ${time.now}`)
      }, name.charCodeAt(0) % 5)
      time.clock.alarm(() => clearInterval(timer)).at(50 * MS)
    }
    await time.sleep(100)
    return log.join('\n')
  }
  const first = await run()
  expect(first.split('\n').length).toBeGreaterThan(50)
  for (let i = 0; i < 5; i++) {
    expect(await run()).toBe(first)
  }
})

test('a program that polls for ever is asked about once', async () => {
  const lines: string[] = []
  const time = start({ many: 100, log: line => lines.push(line) })
  await time.sleep('1s')
  expect(lines).toEqual([])
  const polls = setInterval(() => {}, 1000)
  await time.sleep('5min')
  clearInterval(polls)
  expect(lines).toEqual([
    expect.stringMatching(
      /^vnet: a lab in memory is at \d+ s after 100 timers and packets: does a program poll in vain\?$/,
    ),
  ])
})
