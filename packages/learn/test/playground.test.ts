/** Drivers in the world of the playground, whose time these tests move. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cable, loop, snull } from '#src/drivers/index.ts'
import type { Driver } from '#src/netdev/driver.ts'
import { solutionOf } from '#support/course.ts'
import { fileDirectory, written } from '#support/fresh-directory.ts'
import type { Message } from '../../web/src/feed-types.ts'
import { driverOf, expectTransfer, start } from './support/playground-world.ts'

const SAMPLE = join(import.meta.dirname, '../src/browser/playground/sample.js')

const directory = fileDirectory()

let files = 0

describe.each([
  ['cable', cable as Driver, ['1//a', '1//b']],
  ['snull', snull as Driver, ['1//sn0', '1//sn1']],
  ['loop', loop as Driver, ['1//vnet0']],
])('%s', (_, driver, ids) => {
  test('replies to a ping, and its frames are counted', async () => {
    const { world, told, all, until } = await start(driver)
    world.send('ping')
    until(() => told.length > 0, 3000)
    world.show()
    expect(told).toEqual([
      expect.stringMatching(
        /^ping 198\.18\.0\.2: 5 sent, 5 received, average round trip [\d.]+ ms$/,
      ),
    ])
    expect(
      all('hello')
        .at(-1)
        ?.vnets.flatMap(({ devices }) => devices.map(({ id }) => id)),
    ).toEqual(ids)
    const { devices } = all('stats').at(-1) as Message<'stats'>
    for (const { rxPackets, txPackets } of devices) {
      expect([rxPackets, txPackets]).toEqual([txPackets, rxPackets])
    }
    expect(devices[0]?.txPackets).toBeGreaterThanOrEqual(5)
    expect(world.bed.balance().held).toBe(0)
  })
})

test('cable carries datagrams and a transfer', () => expectTransfer(cable))

describe('a driver of a visitor', () => {
  const mistaken = (text: string) => written(directory, `${++files}.mjs`, text)
  const solution = solutionOf('01-drop')

  test('starts as a mirror that loses every fifth frame', async () => {
    const { world, told, until } = await start(await driverOf(SAMPLE), { isOwn: true })
    world.send('ping')
    const ping = () => told.find(line => line.startsWith('ping'))
    until(() => ping() !== undefined, 6000)
    expect(ping()).toMatch(/5 sent, 4 received/)
  })

  test('that throws at a frame is named with its line, and the frame is counted', async () => {
    const file = mistaken(solution.replace('skb.drop()', "throw new Error('away')"))
    const { world, told } = await start(await driverOf(file), { isOwn: true })
    world.send('ping')
    expect(told).toContainEqual(
      expect.stringMatching(/^drop0: ndoStartXmit: Error: away \(at startXmit .*mjs:22:9\)/),
    )
    expect(world.bed.balance()).toMatchObject({ in: 1, dropped: 1, held: 0 })
  })

  test('that leaves a device without an address is refused', async () => {
    const file = mistaken(solution.replace("'198.18.0.1/24'", ''))
    await expect(driverOf(file).then(driver => start(driver, { isOwn: true }))).rejects.toThrow(
      'no IPv4 address',
    )
  })
})
