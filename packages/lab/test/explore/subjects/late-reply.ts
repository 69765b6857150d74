import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import {
  CONNECTION,
  hosts,
  onLines,
  PORT,
  retried,
  type Scenario,
  type SubjectFaults,
  within,
} from '../subject.ts'

export const bug =
  'the client uses a connection again after a timeout, and takes the late reply for the next one'

export const options = CONNECTION

export const faults: SubjectFaults = [
  [
    {
      direction: 'ba',
      action: { delay: '250ms' },
      filter: 'tcp src port 7 and tcp[tcpflags] & tcp-push != 0',
      when: { nth: 1 },
    },
  ],
  [
    {
      direction: 'ab',
      action: 'drop',
      filter: 'tcp dst port 7 and tcp[tcpflags] & tcp-push != 0',
      when: { nth: 1 },
    },
  ],
]

/** The round trip takes 120 ms, so that a delay of three round trips exceeds the timeout. */
const WIRE = 'delay 60ms'
const TIMEOUT = 300

const VALUES: Readonly<Record<string, string>> = { a: '1', b: '2', c: '3' }

const scenario =
  (closesAfterTimeout: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await hosts(lab, WIRE)
    const store = net.createServer(socket => {
      socket.on('error', () => {})
      onLines(socket, key => socket.write(`${VALUES[key]}\n`))
    })
    await server.listen(store, PORT)

    let idle: net.Socket | undefined
    const get = async (key: string): Promise<string> => {
      const socket = idle ?? (await client.connect(PORT, 'server'))
      idle = undefined
      socket.write(`${key}\n`)
      try {
        const [reply] = await within(
          once(socket, 'data'),
          `the client has no value of ${key}`,
          TIMEOUT,
        )
        idle = socket
        return String(reply).trim()
      } catch (error) {
        if (closesAfterTimeout) {
          socket.destroy()
        } else {
          idle = socket
        }
        throw error
      }
    }

    for (const [key, value] of Object.entries(VALUES)) {
      assert.equal(await retried(() => get(key)), value, `the value of ${key}`)
    }
    idle?.destroy()
  }

export const broken = scenario(false)
export const fixed = scenario(true)
