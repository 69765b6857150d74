/** The command in docs/kernel-map.md that sets IFF_DEBUG. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { shownLink } from '#support/shown-link.ts'

const page = readFileSync(new URL('../../docs/kernel-map.md', import.meta.url), 'utf8')

const { netns } = freshQuietNamespaces('netns')

async function run(script: string): Promise<void> {
  const child = netns.spawn(['python3', '-c', script])
  expect(await new Promise(resolve => child.on('close', resolve))).toBe(0)
}

const flags = () => [...shownLink(netns, 'sn0').flags].sort()

test('the command turns IFF_DEBUG on and off, and leaves the other flags alone', async () => {
  const [, script = ''] = /^sudo python3 -c '(.*?)'$/ms.exec(page) ?? []
  expect(script).toContain('sn0')
  netns.ip('tuntap add dev sn0 mode tap', 'link set sn0 up multicast off')
  const before = flags()
  await run(script)
  expect(flags()).toEqual([...before, 'DEBUG'].sort())
  await run(script.replace('flags | 4', 'flags & ~4'))
  expect(flags()).toEqual(before)
})
