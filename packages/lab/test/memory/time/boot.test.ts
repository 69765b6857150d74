/** Timers and immediates of the code of a boot. */
import { expect, test } from 'vitest'
import { Boot, useBoots } from '../../../src/memory/time/boot.ts'
import { VirtualTime } from '../../../src/memory/time/virtual-time.ts'

test('timers of a dead boot keep nothing alive, and its code arms no others', () => {
  using time = new VirtualTime()
  useBoots()
  const boot = new Boot()
  const interval = boot.enter(() => setInterval(() => {}, 1000))
  expect(time.isIdle).toBe(false)
  boot.die()
  expect(time.isIdle).toBe(true)
  boot.enter(() => setTimeout(() => {}, 1000))
  interval.refresh()
  expect(time.isIdle).toBe(true)
})

test('what held code does after a pause follows everything that was held', async () => {
  using time = new VirtualTime()
  useBoots()
  const boot = new Boot()
  const seen: string[] = []
  boot.enter(() => {
    setTimeout(() => {
      seen.push('first')
      setImmediate(() => seen.push('immediate of the first'))
    }, 1)
    setTimeout(() => seen.push('second'), 1)
  })
  boot.pause()
  await time.sleep(2)
  boot.resume()
  await time.sleep(1)
  expect(seen).toEqual(['first', 'second', 'immediate of the first'])
})
