/** GET_PARTS from the driver to the client. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ControlClient, type Entry, serveControl } from '#src/control/index.ts'
import type { LabPart } from '#src/control/operations/subject.ts'
import { readDirectories } from '#src/control/sockets/directory.ts'
import { namedDirectory } from '#src/control/sockets/run-directory.ts'
import { faults } from '#src/drivers/snull/board.ts'
import { loadNative } from '#src/linux/native.ts'
import { partsOf } from '#src/netdev/parts.ts'
import { endedAfterEach } from '#support/ends.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { addDevice, freshNet } from '#support/memory-net.ts'
import { snullPair } from '#support/snull-pair.ts'

const memory = freshNet()
const native = loadNative()

const root = freshDirectory()
const ends = endedAfterEach<Disposable>()

describe('GET_PARTS', () => {
  test('GET_PARTS returns every part of a device with its own state', async () => {
    const { sn0 } = await snullPair(memory, { poolSize: 8 })
    ends.push(serveControl(native, memory.net, { directory: join(root, 'vnet') }))
    const client = new ControlClient(native)
    ends.push(client)
    const [entry] = readDirectories(namedDirectory(join(root, 'vnet')))
    const device = { ifindex: sn0.ifindex, name: 'sn0', netns: undefined }
    const found = await client.parts((entry as Entry).vnet, device)
    expect(found.map(part => JSON.parse(JSON.stringify(part)))).toEqual(partsOf(sn0))
    expect(found.map(({ kind }) => kind)).toEqual([
      'queue',
      'buffers',
      'ring',
      'irq',
      'napi',
      'pool',
    ])
    const gone = client.parts((entry as Entry).vnet, { ...device, ifindex: 99 })
    await expect(gone).rejects.toMatchObject({ code: 'ENODEV' })
  })

  test("a client gets each device's faults and their effects, and the name of its peer", async () => {
    await snullPair(memory)
    await addDevice(memory)
    await addDevice(memory, { ndoTrigger: () => 0 })
    ends.push(serveControl(native, memory.net, { directory: join(root, 'vnet') }))
    const client = new ControlClient(native)
    ends.push(client)
    const [entry] = readDirectories(namedDirectory(join(root, 'vnet')))
    const found = await client.devices((entry as Entry).vnet)
    const listed = ['lockup', 'lost-interrupt', 'stuck', 'flap']
    expect(found.map(device => device.faults)).toEqual([listed, listed, [], undefined])
    const texts = found.map(({ faultTexts }) => faultTexts)
    expect(texts).toEqual([Object.values(faults), Object.values(faults), undefined, undefined])
    expect(found.map(({ peer, onSegment }) => [peer, onSegment])).toEqual([
      ['sn1', false],
      ['sn0', false],
      [undefined, false],
      [undefined, false],
    ])
  })

  test('a client gets the namespace of a peer, the lines of a fault as one, its segment, and its part in a lab', async () => {
    const { sn0, sn1 } = await snullPair(memory)
    await addDevice(memory, {
      ndoTrigger: () => 0,
      faults: { burn: 'Burns\nit.', freeze: 'Freezes it.' },
    })
    const is = { attaches: true, flips: true } as const
    const module = { name: 'mine', params: {}, values: {}, segment: () => [], ...is }
    const netnsOf = (dev: unknown) => (dev === sn1 ? 'red' : undefined)
    const parts = new Map<unknown, LabPart>([
      [sn0, { isRouter: true }],
      [sn1, { segment: 'wifi' }],
    ])
    const labPartOf = (dev: unknown) => parts.get(dev)
    ends.push(
      serveControl(native, memory.net, {
        directory: join(root, 'vnet'),
        netnsOf,
        labPartOf,
        module,
      }),
    )
    const client = new ControlClient(native)
    ends.push(client)
    const [entry] = readDirectories(namedDirectory(join(root, 'vnet')))
    const found = await client.devices((entry as Entry).vnet)
    expect(found.map(({ peer }) => peer)).toEqual([`red/${sn1.name}`, sn0.name, undefined])
    expect(found.map(({ onSegment }) => onSegment)).toEqual([true, true, true])
    expect(found.map(({ attached, flips }) => attached && flips)).toEqual([true, true, true])
    expect(found.map(({ router, labSegment }) => [router, labSegment])).toEqual([
      [true, undefined],
      [false, 'wifi'],
      [false, undefined],
    ])
    expect(found[2]?.faults).toEqual(['burn', 'freeze'])
    expect(found[2]?.faultTexts).toHaveLength(2)
  })
})
