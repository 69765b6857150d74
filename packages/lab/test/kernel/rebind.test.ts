/** NATs that forget their mappings at a packet, in the kernel. */
import { expect, test } from 'vitest'
import { explore } from '../../src/index.ts'
import { ASK_INSIDE, REPLY, session } from '../support/nat-session.ts'

const KERNEL = { world: 'kernel', timeout: '60s' } as const

test.each([ASK_INSIDE, REPLY])(
  'rebind breaks a session that a server knows by its port: %s',
  async packet => {
    await expect(explore.repeat(session(1), [`rebind ${packet}`], KERNEL)).rejects.toThrow(
      'the session is dead',
    )
    await explore.repeat(session(2), [`rebind on nat ${packet}`], KERNEL)
  },
  120_000,
)

test("the kernel's NAT refuses rebind", async () => {
  const why = "rebind: the router nat has no NAT that rebinds: make it with nat: 'restricted'"
  const repeated = explore.repeat(session(1, 'masquerade'), [`rebind on nat ${ASK_INSIDE}`], KERNEL)
  await expect(repeated).rejects.toThrow(why)
}, 120_000)
