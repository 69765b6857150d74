import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { LabHost } from '../../../../src/index.ts'
import { echo } from '../../../support/echo.ts'
import { type Parts, type Planted, star } from '../planted.ts'

export const bug = 'a pool hands out a half-open connection, and reports its error to the caller'
export const program = 'Node, in memory'
export const faults = ['forget on server']
export const shows = /ECONNRESET|operation was aborted/

const ATTEMPTS = 5
/** Milliseconds for a reply. */
const PATIENCE = 1000

/** Sends a line by a connection, and returns the reply. */
async function exchange(connection: Socket, line: string): Promise<string> {
  const replied = once(connection, 'data', { signal: AbortSignal.timeout(PATIENCE) })
  connection.write(line)
  const [reply] = await replied
  return String(reply)
}

function poolOf(client: LabHost, server: string, isBroken: boolean) {
  const idle: Socket[] = []
  return async (line: string): Promise<string> => {
    for (let attempt = 1; ; attempt++) {
      const pooled = idle.pop()
      try {
        const connection = pooled ?? (await client.connect(80, server)).on('error', () => {})
        const reply = await exchange(connection, line).catch(error => {
          connection.destroy()
          throw error
        })
        idle.push(connection)
        return reply
      } catch (error) {
        if (attempt === ATTEMPTS || (isBroken && pooled !== undefined)) throw error
      }
    }
  }
}

export const parts: Parts = isBroken => ({
  server: echo,
  async client({ host, lab, server }) {
    const request = poolOf(host, server, isBroken)
    await request('first')
    await lab.sleep('2s')
    await request('second')
  },
})

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab, signal }) => {
    const [client, server] = await star(lab, 'client', 'server')
    await server.start(echo)
    await parts(isBroken).client({ host: client, lab, signal, server: 'server' })
  }
