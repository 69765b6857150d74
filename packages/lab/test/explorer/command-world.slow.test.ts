/** The world of `vnet explore`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'

const SCENARIO = `
export const options = { world: 'memory', faults: ['duplicate'] }
export default async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  const receiver = await server.createSocket('udp4', 5000)
  const arrived = new Promise(resolve => receiver.once('message', resolve))
  const sender = await client.createSocket('udp4')
  sender.send('x', 5000, 'server')
  await arrived
}
`

test('a module chooses its world, unless the command line does', async () => {
  const [own, other] = ['own.mjs', 'other.mjs'].map(name => join(testDirectory(), name)) as [
    string,
    string,
  ]
  writeFileSync(own, SCENARIO)
  writeFileSync(other, SCENARIO.replace("'memory'", "'kernel'"))
  const memory = {
    status: 0,
    stdout: expect.stringMatching(/1 points: 1 passed; .* in memory\n$/),
    stderr: '',
  }
  expect(await runMain('explore', own)).toEqual(memory)
  expect(await runMain('explore', other, '--world', 'memory')).toEqual(memory)
})
