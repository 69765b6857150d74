/** The course's solutions, and transfers over snull and loop, in the world of the playground. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loop, snull } from '#src/drivers/index.ts'
import type { Driver } from '#src/netdev/driver.ts'
import { solutionOf } from '#support/course.ts'
import { fileDirectory, written } from '#support/fresh-directory.ts'
import { COURSE, courseNames } from '../src/folder.ts'
import { driverOf, expectTransfer, start } from './support/playground-world.ts'

const directory = fileDirectory()

test.each([
  ['snull', snull as Driver],
  ['loop', loop as Driver],
])('%s carries datagrams and a transfer', (_, driver) => expectTransfer(driver))

test('a driver that logs each frame fills only a few lines a second', async () => {
  const text = solutionOf('01-drop').replace('skb.drop()', "dev.log.info('a frame')\n  skb.drop()")
  const file = written(directory, 'logs.mjs', text)
  const { world, told, run } = await start(await driverOf(file), { isOwn: true })
  world.flow(200)
  run(1000)
  const lines = told.filter(line => line.includes('a frame'))
  expect(lines.length).toBeGreaterThan(10)
  expect(lines.length).toBeLessThanOrEqual(30)
})

describe.each(courseNames())('the solution of %s', name => {
  test('takes what the hosts send, and every frame is accounted for', async () => {
    const driver = await driverOf(join(COURSE, name, 'solution.js'))
    const { world, told, run } = await start(driver, { isOwn: true })
    for (const what of ['ping', 'udp', 'tcp'] as const) {
      world.send(what)
    }
    run(5000)
    const lines = told.filter(line => /^(ping|udp|tcp)/.test(line))
    const { in: entered, made, out, dropped, held } = world.bed.balance()
    // Copies of a driver, as the switch makes them, count only where they leave.
    expect(out + dropped + held).toBeGreaterThanOrEqual(entered + made)
    const ping = lines.find(line => line.startsWith('ping'))
    world.flow(100)
    for (const what of ['ping', 'udp', 'tcp'] as const) {
      world.send(what)
    }
    const before = told.length
    await world.close()
    expect(told.slice(before).filter(line => line.startsWith(driver.name))).toEqual([])
    if (['01-drop', '07-ioctl', '19-arp', '22-registers'].includes(name)) {
      expect(ping).toBe('ping 198.18.0.2: 5 sent, 0 received')
    } else {
      expect(ping).toMatch(/5 received/)
    }
  })
})
