/** What set-up says before it builds, if /dev/net/tun cannot be opened. */
import { expect, test } from 'vitest'
import { SetupTree } from '#support/setup-tree.ts'

test('the first line of a set-up says what to do about EACCES of /dev/net/tun, before a step', async () => {
  using tree = new SetupTree()
  tree.write('break-npm', '')
  const { code, stderr } = await tree.setUp({ tun: 'EACCES' })
  const mode = 'sudo chmod 666 /dev/net/tun, then npm start, or npm start -- rootless -- COMMAND'
  const first = `vnet: /dev/net/tun cannot be opened (EACCES), which interfaces need: sudo npm start; or ${mode}\n`
  expect([code, stderr.startsWith(first)]).toEqual([1, true])
})

test('a set-up where /dev/net/tun opens says nothing about it', async () => {
  using tree = new SetupTree()
  tree.write('break-npm', '')
  expect((await tree.setUp()).stderr).not.toContain('/dev/net/tun')
})
