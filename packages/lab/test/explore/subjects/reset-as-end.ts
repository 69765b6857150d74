import assert from 'node:assert/strict'
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

export const bug = 'the client takes a connection reset for the end of the file'

export const options = CONNECTIONS

export const faults: SubjectFaults = [
  [tcp.fromServer('reset', { nth: 3 })],
  [tcp.toServer('reset', { nth: 2 })],
]

/** Bytes of the length before a file. */
const PREFIX = 4
const FILE = Buffer.alloc(6000, 'a line of the file\n')

/**
 * Settles with all that arrives before the end. Node reports an end, and no error, for a reset that
 * arrives together with data, so that only the length shows whether the file is whole.
 */
function download(socket: net.Socket, checksLength: boolean): Promise<Buffer> {
  const chunks: Buffer[] = []
  return new Promise((resolve, reject) => {
    const end = () => {
      const received = Buffer.concat(chunks)
      const isWhole =
        received.length >= PREFIX && received.length === PREFIX + received.readUInt32BE()
      if (isWhole || !checksLength) {
        resolve(received.subarray(PREFIX))
      } else {
        reject(new Error('the connection has ended before the file'))
      }
    }
    socket.on('data', chunk => chunks.push(chunk))
    socket.on('end', end)
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? end() : reject(error),
    )
  })
}

const scenario =
  (checksLength: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await hosts(lab)
    const length = Buffer.alloc(PREFIX)
    length.writeUInt32BE(FILE.length)
    const files = net.createServer(socket =>
      socket.on('error', () => {}).end(Buffer.concat([length, FILE])),
    )
    await server.listen(files, PORT)

    const file = await retried(() =>
      download(client.createConnection(PORT, 'server'), checksLength),
    )

    assert.equal(file.length, FILE.length, 'the length of the downloaded file')
  }

export const broken = scenario(false)
export const fixed = scenario(true)
