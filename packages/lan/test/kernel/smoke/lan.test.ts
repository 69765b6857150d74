/** `vnet lan`: two namespaces on one segment, with its gateway and its hosts. */
import { expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { stopLan } from '#support/lan-program.ts'
import { runMain } from '#support/run-main.ts'
import { hasCarrier, untilShown } from '#support/shown-link.ts'
import { pingAll } from '#support/traffic.ts'
import { jsonLines, startVnet } from '#support/vnet-process.ts'

const { own, near, far } = freshQuietNamespaces('near', 'far')

test('two ports of vnet lan reach each other, the gateway and a host of the segment', async () => {
  const ports = [`${near.name}/eth8`, `${far.name}/eth9`]
  const vnet = await startVnet(['lan', ...ports, '--hosts', '8', '--negotiation', '0', '--json'])
  for (const [netns, name, octet] of [
    [near, 'eth8', 51],
    [far, 'eth9', 52],
  ] as const) {
    await untilShown(own, netns, name, hasCarrier)
    await netns.run(`ip addr add 198.18.0.${octet}/24 dev ${name}`)
  }
  for (const octet of [52, 1, 5]) {
    await pingAll(near, `-c 3 -i 0.002 198.18.0.${octet}`)
  }
  const { stdout } = await runMain('lan', 'show', ports[0]!, '--stations', '--json')
  const [{ segments }] = jsonLines(stdout) as unknown as [
    { segments: { stations: { name: string }[] }[] },
  ]
  const names = segments.flatMap(({ stations }) => stations.map(({ name }) => name))
  expect(names.toSorted()).toEqual(['eth8', 'eth9'])
  await stopLan(vnet)
})
