/** Each driver's frames are on the right path of the drawing, as its table and `vnet wire` say. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { ControlClient, serveControl } from '#src/control/index.ts'
import { readDirectories } from '#src/control/sockets/directory.ts'
import { namedDirectory } from '#src/control/sockets/run-directory.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import { driver as loop } from '#src/drivers/loop.ts'
import { driver as snull } from '#src/drivers/snull/driver.ts'
import { loadNative } from '#src/linux/native.ts'
import type { Driver } from '#src/netdev/driver.ts'
import { endedAfterEach } from '#support/ends.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { lanDriver } from '#support/lan-driver.ts'
import { addDriver, freshNet } from '#support/memory-net.ts'
import { flowFrame } from '#support/snull-pair.ts'
import { shownDirections } from '#support/web/directions.ts'

const memory = freshNet()
const root = freshDirectory()
const ends = endedAfterEach<Disposable>()

/** A driver with this wire, of which the first interface sends two frames and the last one one. */
async function running(driver: Driver<never>, params: object, args: readonly string[]) {
  const { ports } = await addDriver(memory, driver as never, params, { args })
  const { net } = memory
  const client = new ControlClient(loadNative())
  ends.push(serveControl(loadNative(), net, { directory: join(root, 'vnet') }), client)
  // The ports of a lan negotiate their link first.
  memory.clock.advance(5 * NSEC_PER_SEC)
  for (const [port, count] of [[ports[0]!, 2] as const, [ports.at(-1)!, 1] as const]) {
    for (let i = 0; i < count; i++) {
      port.transmit(Uint8Array.from(flowFrame(1, i)).fill(0xff, 0, 6))
    }
    port.drain()
  }
  const [entry] = readDirectories(namedDirectory(join(root, 'vnet')))
  return (label: string) => shownDirections(client, (entry as { vnet: string }).vnet, label)
}

const wire = { wire: 'loss 0%', seed: 7 }

test.each([
  ['snull', snull, wire, ['sn0', 'sn1']],
  ['snull with --arp, whose far network replies,', snull, { ...wire, arp: true }, ['sn0', 'sn1']],
  ['cable', cable, wire, ['a', 'b']],
] as const)(
  '%s draws direction ab away from its first interface and toward its second',
  async (_, driver, params, names) => {
    const read = await running(driver as never, params, names)
    expect(await read(names[0])).toMatchObject({
      picture: { away: ['wire ab', 2], toward: ['wire ba', 1] },
      table: { tx: 2, rx: 1 },
      command: [
        ['ab', 2],
        ['ba', 1],
      ],
    })
    expect(await read(names[1])).toMatchObject({
      picture: { away: ['wire ba', 1], toward: ['wire ab', 2] },
      table: { tx: 1, rx: 2 },
    })
  },
)

test('each port of a lan draws direction ab of its own wire away from the kernel', async () => {
  const read = await running(lanDriver() as never, wire, ['a', 'b'])
  const shown = await Promise.all([read('a'), read('b')])
  expect(shown.map(({ picture, table, command }) => ({ picture, table, command }))).toEqual(
    [
      [2, 1],
      [1, 2],
    ].map(([tx, rx]) => ({
      picture: { away: ['wire ab', tx], toward: ['wire ba', rx] },
      table: { tx, rx },
      command: [
        ['ab', tx],
        ['ba', rx],
      ],
    })),
  )
})

test('loop draws no wire, its queue on the path away from the kernel, and its ring on the path toward it', async () => {
  const shown = await (await running(loop as never, {}, ['vnet0']))('vnet0')
  expect(shown).toMatchObject({ picture: undefined, table: { tx: 3, rx: 3 }, command: [] })
  expect(shown.columns.map(({ away, toward }) => [away?.title, toward?.title])).toEqual([
    ['transmit queues', undefined],
    [undefined, 'receiver'],
  ])
})

test('snull draws its buffers on the path away from the kernel, and its ring on the path toward it', async () => {
  const { columns } = await (await running(snull as never, wire, ['sn0', 'sn1']))('sn0')
  const board = columns.find(({ away }) => away?.title === 'transmitter')
  expect([board?.away?.items, board?.toward?.items]).toMatchObject([
    [{ part: { name: 'tx buffers 0', direction: 'tx' } }],
    [{ part: { name: 'rx ring', direction: 'rx' } }],
  ])
})
