/** The frames of the warm-up are in no counter and in no capture of the interfaces of users. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readAll } from '#support/capture-bytes.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { spawnVnet, stopConserved } from '#support/vnet-process.ts'

const { left, right, directory } = freshQuietNamespaces('left', 'right')

test('neither counters nor a capture have frames of the warm-up', async () => {
  const file = join(directory, 'all.pcapng')
  const args = ['cable', `${left.name}/left`, `${right.name}/right`, '--capture', file]
  const vnet = await spawnVnet([...args, '--json', '-v'])
  await vnet.line(/cable: warmed up by \d{4,} frames/)
  const interfaces = Object.values(await stopConserved(vnet))
  expect(interfaces).toHaveLength(2)
  for (const { total, drops } of interfaces) {
    expect([total.txPackets, total.rxPackets, total.txDropped, total.rxDropped]).toEqual([
      0, 0, 0, 0,
    ])
    expect(drops).toEqual({ rx: {}, tx: {} })
  }
  expect(readAll(readFileSync(file)).packets).toEqual([])
})

test('a vnet that ends during its warm-up ends like any other', async () => {
  const vnet = await spawnVnet(['cable', `${left.name}/left`, `${right.name}/right`, '--json'])
  await stopConserved(vnet)
})
