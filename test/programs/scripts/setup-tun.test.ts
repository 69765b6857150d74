/** What set-up says before it builds, if /dev/net/tun cannot be opened. */
import { expect, test } from 'vitest'
import { SetupTree } from '#support/setup-tree.ts'

const line = (code: string, advice: string) =>
  `vnet: /dev/net/tun cannot be opened (${code}), which interfaces need: ${advice}\n`
const MODE =
  'sudo npm start; or sudo chmod 666 /dev/net/tun, then npm start, or npm start -- rootless -- COMMAND'

test.each([
  ['EACCES', line('EACCES', MODE)],
  [
    'ENOENT',
    line('ENOENT', 'sudo modprobe tun; in a container, start it with --device /dev/net/tun'),
  ],
])(
  'the first line of a set-up says what to do about %s of /dev/net/tun, before a step',
  async (tun, first) => {
    using tree = new SetupTree()
    tree.write('break-npm', '')
    const { code, stderr } = await tree.setUp({ tun })
    expect([code, stderr.startsWith(first)]).toEqual([1, true])
  },
)

test('a set-up where /dev/net/tun opens says nothing about it', async () => {
  using tree = new SetupTree()
  tree.write('break-npm', '')
  expect((await tree.setUp()).stderr).not.toContain('/dev/net/tun')
})
