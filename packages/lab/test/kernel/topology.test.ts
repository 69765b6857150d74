/** Networks that are described by one object. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLab, type Lab, type Topology } from '../../src/index.ts'

let lab: Lab
beforeEach(async () => {
  lab = await createLab({ seed: 7 })
})
afterEach(() => lab.close())

test('a topology makes hosts, routers, cables and lans, which it returns by their names', async () => {
  const { hosts, routers, cables, lans } = await lab.topology({
    hosts: ['laptop', 'phone', 'server', 'backup'],
    routers: { internet: { inside: ['server'] }, home: { outside: 'internet', nat: 'symmetric' } },
    cables: { back: { ends: ['server', 'backup'], wire: 'loss 1%' } },
    lans: {
      wifi: { ports: ['home', 'laptop', 'phone'], hosts: [{ name: 'printer', ip: '198.18.4.9' }] },
    },
  })
  const { laptop, phone, server } = hosts
  const ping = async (from: typeof laptop, to: string) =>
    (await from.exec('ping', ['-c1', '-W15', to])).status
  expect([
    await ping(laptop, 'phone'),
    await ping(phone, 'server'),
    await ping(laptop, '198.18.4.9'),
  ]).toEqual([0, 0, 0])
  const [receiver, sender] = [
    await server.createSocket('udp4', 5000),
    await laptop.createSocket('udp4'),
  ]
  const seen = new Promise<string>(resolve =>
    receiver.once('message', (_, { address }) => resolve(address)),
  )
  sender.send('x', 5000, 'server')
  expect(routers.home.addresses).toContain(await seen)
  expect((await cables.back.stats()).ab.text).toBe('loss 1%')
  expect((await lans.wifi.portOf(phone).stats()).a.sent).toBeGreaterThan(0)
})

test('a name that the topology does not have is an error', async () => {
  const cables = { link: { ends: ['a', 'c'] } } as const
  await expect(lab.topology({ hosts: ['a', 'b'], cables })).rejects.toThrow(
    'no host c here; it has a, b',
  )
})

test.each([
  [{}, 'a topology needs `hosts`'],
  [{ namespace: [] }, "topology: no option is called 'namespace'"],
  [
    { hosts: [], cable: {} },
    "topology: no option is called 'cable', but hosts, routers, cables, lans",
  ],
  [{ hosts: ['a'], cables: { x: {} } }, 'cable x: `ends` is a list of names'],
  [{ hosts: ['a'], cables: { x: { ends: ['a'] } } }, 'cable x: it has two `ends`'],
  [{ hosts: ['a'], lans: { x: { ports: 'a' } } }, 'lan x: `ports` is a list of names'],
  [{ hosts: ['a'], routers: { x: { inside: 'a' } } }, 'router x: `inside` is a list of names'],
])('the topology %j is refused', async (topology, text) => {
  await expect(lab.topology(topology as unknown as Topology)).rejects.toThrow(text)
})
