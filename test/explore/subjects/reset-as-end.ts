import assert from 'node:assert/strict'
import net from 'node:net'
import { CONNECTIONS, hosts, PORT, retried, type Scenario, type SubjectFault } from '../subject.ts'

export const bug = 'the client takes a connection reset for the end of the file'

export const options = CONNECTIONS

export const faults: readonly (readonly SubjectFault[])[] = [
  [{ direction: 'ba', action: 'reset', filter: 'tcp src port 7', when: { nth: 3 } }],
  [{ direction: 'ab', action: 'reset', filter: 'tcp dst port 7', when: { nth: 2 } }],
]

const FILE = Buffer.alloc(6000, 'a line of the file\n')

/** Settles with all that arrives before the end. */
function download(socket: net.Socket, takesResetForEnd: boolean): Promise<Buffer> {
  const chunks: Buffer[] = []
  return new Promise((resolve, reject) => {
    const end = () => resolve(Buffer.concat(chunks))
    socket.on('data', chunk => chunks.push(chunk))
    socket.on('end', end)
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' && takesResetForEnd) end()
      else reject(error)
    })
  })
}

const scenario =
  (takesResetForEnd: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await hosts(lab)
    const files = net.createServer(socket => socket.on('error', () => {}).end(FILE))
    await server.listen(files, PORT)

    const file = await retried(() => download(client.createConnection(PORT, 'server'), takesResetForEnd))

    assert.equal(file.length, FILE.length, 'the length of the downloaded file')
  }

export const broken = scenario(true)
export const fixed = scenario(false)
