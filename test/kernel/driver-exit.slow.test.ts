/** A driver file with an async exit ends. */
import { expect, test } from 'vitest'
import { LIBRARY } from '#support/driver-files.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { startVnet } from '#support/vnet-process.ts'

const { netns, files } = freshQuietNamespaces('netns')

/** Runs a driver with this exit to its end. */
async function ended(exit: string) {
  const path = files.write(`import { setImmediate } from 'node:timers/promises'
    import { allocEtherdevMqs, defineDriver } from '${LIBRARY}'
    export const driver = defineDriver({
      name: 'mine',
      description: 'a test',
      params: {},
      init: () => [{ dev: allocEtherdevMqs({ name: 'mine0', setup() {}, priv: {} }) }],
      ${exit},
    })`)
  const { status, stderr } = await (await startVnet([path, '--netns', netns.name, '-v'])).stop()
  return {
    status,
    unloaded: stderr.includes('mine: module unloaded'),
    last: stderr.trimEnd().split('\n').at(-1),
  }
}

test('an async exit of a driver is awaited', async () => {
  expect(await ended('async exit() { await setImmediate(); await setImmediate() }')).toMatchObject({
    status: 0,
    unloaded: true,
  })
})

test.each([
  ['throws', "exit() { throw new Error('not yet') }"],
  ['rejects', "async exit() { await setImmediate(); throw new Error('not yet') }"],
])('an exit that %s is logged with its error, and the exit status is 1', async (_, exit) => {
  expect(await ended(exit)).toEqual({
    status: 1,
    unloaded: false,
    last: expect.stringMatching(/^mine: exit: Error: not yet \(at .*my-driver\.mjs:\d+:\d+\)+$/),
  })
})
