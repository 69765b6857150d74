import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { CONNECTION, hosts, PORT, type Scenario, type SubjectFaults, tcp } from '../subject.ts'

export const bug =
  'the client reads the length of a message before all four bytes of it have arrived'

export const options = CONNECTION

export const faults: SubjectFaults = [
  [tcp.fromServer('drop', { nth: 3 })],
  [tcp.fromServer({ delay: '50ms' }, { nth: 3 })],
]

const PREFIX = 4
/** Messages of one byte: a segment of 1448 bytes, with TCP timestamps, ends in a prefix. */
const COUNT = 400
const MESSAGE = Buffer.from([0, 0, 0, 1, 0x61])

const scenario =
  (neededBytes: number): Scenario =>
  async ({ lab }) => {
    const { client, server } = await hosts(lab)
    await server.listen(
      net.createServer(socket =>
        socket.on('error', () => {}).end(Buffer.alloc(COUNT * MESSAGE.length, MESSAGE)),
      ),
      PORT,
    )

    const socket = client.createConnection(PORT, 'server')
    const messages: string[] = []
    let rest = Buffer.alloc(0)
    let length: number | undefined
    socket.on('data', chunk => {
      rest = Buffer.concat([rest, chunk])
      for (;;) {
        if (length === undefined) {
          if (rest.length < neededBytes) break
          length = (rest[0] << 24) | (rest[1] << 16) | (rest[2] << 8) | rest[3]
          rest = rest.subarray(PREFIX)
        }
        if (rest.length < length) break
        messages.push(rest.toString('latin1', 0, length))
        rest = rest.subarray(length)
        length = undefined
      }
    })
    await once(socket, 'close')

    assert.deepEqual(messages, Array(COUNT).fill('a'))
  }

export const broken = scenario(1)
export const fixed = scenario(PREFIX)
