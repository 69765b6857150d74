/** The CNI plugin where no daemon listens, beside the daemon's code for a pod without a wire. */
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Attachments } from '#src/agent/attachments.ts'
import { cni } from '#src/agent/cni.ts'
import { runPlugin } from '#support/cni-plugin.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const directory = freshDirectory()
beforeEach(() => {
  vi.stubEnv('VNET_NODE_SOCKET', join(directory, 'node.sock'))
})
afterEach(() => vi.unstubAllEnvs())

/** A daemon without attachments: every list of them is empty. */
const NONE = new Proxy({} as Attachments, {
  get: (_, name) => (name === 'inTurn' ? (fn: () => Promise<unknown>) => fn() : () => []),
})

const POD = { CONTAINERID: 'c', IFNAME: 'eth0' }

test.each([
  ['ADD', '{"name":"n","prevResult" : {"dns":{}} ,"cniVersion":"1.0.0"}', 0],
  ['ADD', '{"name":"n","prevResult":{},"cniVersion":"9.9.9"}', 1],
  ['FLY', '{', 1],
])(
  '%s with %s prints the same with and without a daemon, status %i',
  async (COMMAND, config, status) => {
    const variables = Object.entries({ COMMAND, ...POD })
    const given = variables.map(([name, value]) => `CNI_${name}=${value}\0`).join('')
    const asked = await cni(NONE, `${given}\0${config}`)
    const alone = await runPlugin({ COMMAND, ...POD }, config)
    expect([alone.status, asked.status]).toEqual([status, status])
    expect(JSON.parse(alone.stdout)).toEqual(JSON.parse(asked.text))
  },
)
