import { asker } from '../messages.ts'
import { type Planted, star } from '../planted.ts'
import { startServer } from '../programs.ts'

export const bug = 'a file is written in place, and half of it remains after a crash'
export const program = 'Node, in the kernel'
export const faults = ['restart 200ms on server']
export const shows = /the file is 'first '/

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab }) => {
    const [client, server] = await star(lab, 'client', 'server')
    await startServer(server, 'upload.mjs', isBroken)
    const ask = await asker(client)
    const { boot } = (await ask('server', { verb: 'first', text: 'first ' })) ?? {}
    await ask('server', { verb: 'second', text: 'second', boot })
    const { text } = (await ask('server', { verb: 'read' })) ?? {}
    if (text !== 'old' && text !== 'first second') throw new Error(`the file is '${text}'`)
  }
