import { asker } from '../messages.ts'
import { type Planted, star } from '../planted.ts'
import { startServer } from '../programs.ts'

export const bug = 'a file is truncated before it is written, and lost on a full disk'
export const program = 'Python, in the kernel'
export const faults = ['full 10s on server']
export const shows = /the file has/

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab }) => {
    const [client, server] = await star(lab, 'client', 'server')
    await startServer(server, 'settings.py', isBroken)
    const ask = await asker(client)
    const next = { letter: 'b', length: 50_000 }
    const isWritten = (await ask('server', { verb: 'write', ...next }))?.done === true
    const { letter, length } = (await ask('server', { verb: 'read' })) ?? {}
    const expected = isWritten ? next : { letter: 'a', length: 5000 }
    if (letter === expected.letter && length === expected.length) return
    throw new Error(
      `the file has ${length} times ${letter}, not ${expected.length} times ${expected.letter}`,
    )
  }
