/** Loops of bridges outside a vnet, in which a frame passes its wires for ever. */
import { expect, test } from 'vitest'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { sysfs, vnetIn } from '#support/lan-program.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { spawnVnet, stopConserved } from '#support/vnet-process.ts'

const { netns, far, files } = freshQuietNamespaces('netns', 'far')

const drivers = new URL('../../../dist/drivers/index.js', import.meta.url).href

/** Three cables in one vnet: a to b and c to d with a wire, and near to far without. */
const threeCables = () =>
  files.write(`import { cable } from '${drivers}'
    const { args, ...rest } = cable
    export const driver = {
      ...rest,
      name: 'cables',
      init: (params, context) => [
        ...cable.init(params, { ...context, args: ['a', 'b'] }),
        ...cable.init(params, { ...context, args: ['c', 'd'] }),
        ...cable.init({ ...params, wire: undefined }, { ...context, args: ['near', '${far.name}/far'] }),
      ],
    }
  `)

const duplicates = Array(31).fill('duplicate 100%').join(' | ')

test.each([
  ['a cable between two ports of a bridge', { a: 'one', b: 'one' }, duplicates],
  [
    'a cable with a slot between two ports of a bridge',
    { a: 'one', b: 'one' },
    `slot 20ms | ${duplicates}`,
  ],
  [
    'two cables between the same two bridges',
    { a: 'one', b: 'two', c: 'one', d: 'two' },
    'loss 0%',
  ],
])(
  'a storm through %s does not stop requests, other devices or the end',
  async (_, masters, wire) => {
    const within = ['ip', 'netns', 'exec', netns.name]
    const vnet = await spawnVnet([threeCables(), '--no-address', '--wire', wire, '--json'], {
      within,
    })
    netns.ip('addr add 192.0.2.1/24 dev near')
    far.ip('addr add 192.0.2.2/24 dev far')
    for (const bridge of new Set(Object.values(masters))) {
      netns.ip(`link add ${bridge} type bridge`, `link set dev ${bridge} up`)
    }
    for (const [name, bridge] of Object.entries(masters)) {
      netns.ip(`link set dev ${name} master ${bridge}`)
    }
    const passed = () => Number(sysfs(netns, 'a', 'statistics/rx_packets')[0])
    const untilMore = async () => {
      const before = passed()
      await expect.poll(passed).toBeGreaterThan(before + 1000)
    }
    using sender = new PacketSocket(netns, 'one')
    sender.send(ethernet(0x88b5, 46))
    await untilMore()
    const listed = await vnetIn(netns, 'list', '--names')
    expect(listed).toEqual({ status: 0, stdout: expect.stringMatching(/^near$/m), stderr: '' })
    await pingWithoutLoss(netns, '-c 100 -i 0.002 192.0.2.2')
    await untilMore()
    await stopConserved(vnet)
    expect(netns.ip('-br link')).not.toMatch(/^(a|b|c|d|near)\s/m)
  },
)
