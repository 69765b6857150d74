/** What set-up does where the programs of these tests are missing. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SetupTree } from '#support/setup-tree.ts'

let tree: SetupTree
beforeEach(() => {
  tree = new SetupTree()
})
afterEach(() => tree[Symbol.dispose]())

test('set-up fails with one line that names what apt-get cannot install', async () => {
  tree.program('apt-get', 'echo "E: Unable to locate package docker.io"; exit 100')
  const { code, stdout, stderr } = await tree.setUp({
    args: ['--containers'],
    preload: 'process.getuid = () => 0',
  })
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(
    /^vnet: the tests of test\/containers need .*docker, .*: sudo apt-get install docker\.io .* \(tried: E: Unable .*\)\n$/,
  )
})
