import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { VirtualTime, type VirtualTimeOptions } from '../../../src/memory/time/virtual-time.ts'

const worlds: VirtualTime[] = []

function start(options?: VirtualTimeOptions): VirtualTime {
  const time = new VirtualTime(options).install()
  worlds.push(time)
  return time
}

afterEach(() => {
  for (const time of worlds.splice(0)) time.close()
})

test('two hours pass immediately, in the order of alarms and timers', async () => {
  const time = start()
  const rung: string[] = []
  time.clock.alarm(() => rung.push(`frame ${time.now}`)).at(20_300_000)
  setTimeout(() => rung.push(`timer ${time.now}`), 20)
  setTimeout(() => rung.push(`late timer ${time.now}`), 21)
  await time.sleep('2h')
  expect(rung).toEqual(['timer 20', 'frame 20.3', 'late timer 21'])
  expect(time.now).toBe(7_200_000)
})

test('imported promises of timers, Date, performance and hrtime show the time of the world', async () => {
  start()
  await wait(1500)
  expect(new Date().toISOString()).toBe('2000-01-01T00:00:01.500Z')
  expect(performance.now()).toBe(1500)
  expect(process.hrtime.bigint()).toBe(1_500_000_000n)
})

test('close restores the functions of Node', () => {
  const before = [setTimeout, clearTimeout, setInterval, Date, performance.now, process.hrtime, AbortSignal.timeout]
  const time = start()
  expect(setTimeout).not.toBe(before[0])
  time.close()
  const after = [setTimeout, clearTimeout, setInterval, Date, performance.now, process.hrtime, AbortSignal.timeout]
  expect(after).toEqual(before)
})
