/** The solutions of the course in the world of the playground. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { COURSE, courseNames } from '../src/folder.ts'
import { driverOf, start } from './support/playground-world.ts'

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
    if (['01-drop', '07-ioctl', '19-arp'].includes(name)) {
      expect(ping).toBe('ping 198.18.0.2: 5 sent, 0 received')
    } else {
      expect(ping).toMatch(/5 received/)
    }
  })
})
