import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import {
  CONNECTION,
  hosts,
  onLines,
  PORT,
  type Scenario,
  type SubjectFaults,
  tcp,
} from '../subject.ts'

export const bug =
  'the client takes what one read returns for a whole message, which fills two segments'

export const options = CONNECTION

export const faults: SubjectFaults = [
  [tcp.fromServer('drop', { nth: 3 })],
  [tcp.fromServer({ delay: '50ms' }, { nth: 3 })],
]

/** Longer than a segment of Ethernet, and shorter than two. */
const MESSAGE = { text: 'x'.repeat(2000) }

const scenario =
  (readsWholeMessages: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await hosts(lab)
    await server.listen(
      net.createServer(socket =>
        socket.on('error', () => {}).write(`${JSON.stringify(MESSAGE)}\n`),
      ),
      PORT,
    )

    const socket = client.createConnection(PORT, 'server')
    const line = readsWholeMessages
      ? await new Promise<string>(resolve => onLines(socket, resolve))
      : String((await once(socket, 'data'))[0])

    assert.deepEqual(JSON.parse(line), MESSAGE)
    socket.destroy()
  }

export const broken = scenario(false)
export const fixed = scenario(true)
