import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import {
  CONNECTIONS,
  hosts,
  PORT,
  retried,
  type Scenario,
  type SubjectFaults,
  tcp,
} from '../subject.ts'

export const bug = 'the client ignores the error of a connect, and uses its default settings'

export const options = CONNECTIONS

export const faults: SubjectFaults = [
  [tcp.toServer('reset', { nth: 1 })],
  [tcp.fromServer('reset', { nth: 1 })],
]

const scenario =
  (ignoresError: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await hosts(lab)
    await server.listen(
      net.createServer(socket => socket.on('error', () => {}).end('verify=yes')),
      PORT,
    )

    const load = async (): Promise<string> => {
      const socket = client.createConnection(PORT, 'server')
      try {
        await once(socket, 'connect')
      } catch (error) {
        if (ignoresError) return 'verify=no'
        throw error
      }
      const [settings] = await once(socket, 'data')
      socket.destroy()
      return String(settings)
    }

    assert.equal(await retried(load), 'verify=yes')
  }

export const broken = scenario(true)
export const fixed = scenario(false)
