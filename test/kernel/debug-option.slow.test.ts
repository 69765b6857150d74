/** `--debug` and `--chaos` live: the driver of docs/debugging.md, and one of vnet's own. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { LIBRARY } from '#support/driver-files.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { sentPackets } from '#support/shown-link.ts'
import { snmp } from '#support/snmp.ts'
import { expectConserved, finalStatistics, spawnVnet } from '#support/vnet-process.ts'

const page = readFileSync('docs/debugging.md', 'utf8')
const blocks = [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
const blockOf = (kind: string) => blocks.find(([, found]) => found === kind)?.[2] ?? ''

const { netns, directory } = freshQuietNamespaces('netns')
beforeEach(() => {
  netns.ip('link set lo up')
})

test('--debug finds the mistakes of the driver in docs/debugging.md, with the lines shown there', async () => {
  const file = join(directory, 'wrong.js')
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  writeFileSync(file, blockOf('js').replace("'vnet'", `'${LIBRARY}'`))
  const vnet = await spawnVnet([file, '--debug', '--netns', netns.name])
  await netns.run('ping -c 1 -W 1 -s 56 198.18.0.2')
  await netns.run('ping -c 1 -W 1 -s 8 198.18.0.2')
  // Its own frames come back to it.
  await expect.poll(() => sentPackets(netns, 'wrong0')).toBeGreaterThanOrEqual(2)
  const { stderr } = await vnet.stop()
  for (const line of blockOf('text').trim().split('\n')) {
    expect(stderr).toContain(line.replaceAll('./wrong.js', file))
  }
})

test('--debug --chaos reports nothing in snull, whose frames still pass', async () => {
  const vnet = await spawnVnet([
    'snull',
    '--use-napi',
    '--debug',
    '--chaos',
    '3',
    '--json',
    '--netns',
    netns.name,
  ])
  await netns.run('ping -c 20 -i 0.05 -W 1 198.18.0.2')
  await expect.poll(() => snmp(netns)['Icmp.InEchoReps']).toBeGreaterThanOrEqual(10)
  await vnet.line(/chaos: /)
  const ended = await vnet.stop()
  expect([ended.status, `${ended.stdout}${ended.stderr}`.includes('debug: ')]).toEqual([0, false])

  expectConserved(Object.values(finalStatistics(ended)))
})
