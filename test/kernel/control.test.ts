/** A vnet over its real socket: long replies, subscribers that do not read, and plain sockets. */
import { describe, expect, test } from 'vitest'
import { type DeviceEvent, findVnets } from '#src/control/index.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { GENL_CLIENT, GENL_REPLIES } from '#support/genl-client.ts'
import { asNobodyIn } from '#support/privileges.ts'
import { servedDevices } from '#support/served-devices.ts'

const { netns, directory } = freshQuietNamespaces('netns')
const { serve, asking } = servedDevices(directory)

test('an echo returns a text of maximum length', async () => {
  const { vnet } = await serve(['one'])
  const text = 'x'.repeat(65_530)
  expect(await asking().echo(vnet, text)).toBe(text)
})

test('a reply with hundreds of queues arrives whole', async () => {
  await serve(['a', 'b'], { queues: 256 })
  const client = asking()
  for (const device of (await findVnets(client, { directory })).devices) {
    expect((await client.stats(device.vnet, device))!.queues).toHaveLength(256)
  }
})

describe('a subscriber', () => {
  test('a subscriber that does not read loses events, learns of the loss, and gets the next event', async () => {
    const { vnet, devices } = await serve(['one'])
    const [{ port }] = devices as [(typeof devices)[number]]
    const events: (DeviceEvent['event'] | 'lost')[] = []
    let told = () => {}
    const note = (what: (typeof events)[number]) => {
      events.push(what)
      told()
    }
    await using _ = await asking().subscribe(vnet, ({ event }) => note(event), {
      onLost: () => note('lost'),
    })
    // All in one turn of the event loop, in which the subscriber cannot read.
    for (let i = 0; i < 20_000; i++) {
      port.change({ kind: i % 2 === 0 ? 'down' : 'up' })
    }
    while (!events.includes('lost')) {
      await new Promise<void>(resolve => {
        told = resolve
      })
    }
    const before = events.length
    expect(before).toBeLessThan(20_000)
    port.change({ kind: 'down' })
    while (events.at(-1) !== 'down' || events.length === before) {
      await new Promise<void>(resolve => {
        told = resolve
      })
    }
    expect(events.filter(event => event === 'lost')).toHaveLength(1)
  })
})

test('nobody with plain sockets can resolve the family and dump, and learns what is wrong with a request', async () => {
  await serve(['one', 'two'])
  const { vnet } = (await findVnets(asking(), { directory })).devices[0]!
  const command = [...asNobodyIn(netns), ...GENL_CLIENT, vnet].join(' ')
  const { stdout, stderr } = await netns.run(command)
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual(GENL_REPLIES)
})
