/** Alarms and timers without an end, in virtual time. */
import { expect, test } from 'vitest'
import { start } from './started.ts'

test('new alarms that each arm another one for now do not stop time', async () => {
  const time = start()
  const again = () => time.clock.alarm(again).at(time.clock.now())
  again()
  await time.sleep(1)
  expect(time.now).toBe(1)
})

test.fails('a test that waits for nothing ends with its time-out while timers ring', async () => {
  start()
  setInterval(() => {}, 1)
  await new Promise(() => {})
}, 50)
