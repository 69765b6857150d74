/** Faults at a byte of a stream, as programs see them. */
import net from 'node:net'
import { describe, expect, test } from 'vitest'
import { createLab, type FaultWhen, type LabFaultAction } from '../../src/index.ts'

const SIZE = 20_000

interface Seen {
  readonly bytes: number
  readonly events: readonly string[]
  readonly serverError: string | undefined
  readonly hits: number
}

/** Returns what a client sees that asks for SIZE bytes, in 10 s. The faults are in the reply. */
async function seen(
  action: LabFaultAction,
  when: FaultWhen,
  options: { readonly wire?: string; readonly connections?: number } = {},
): Promise<readonly Seen[]> {
  await using lab = await createLab({ world: 'memory' })
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server, { wire: options.wire ?? '' })
  const errors: (string | undefined)[] = []
  const downloads = net.createServer(socket => {
    const own = errors.push(undefined) - 1
    socket.on('error', (error: NodeJS.ErrnoException) => {
      errors[own] = error.code
    })
    socket.once('data', () => socket.end(Buffer.alloc(SIZE)))
  })
  await server.listen(downloads, 80)
  await using fault = await link.ba.fault(action, 'tcp src port 80', when)
  fault.expectMiss()
  const all: Omit<Seen, 'serverError' | 'hits'>[] = []
  for (let i = 0; i < (options.connections ?? 1); i++) {
    const socket = client.createConnection(80, 'server')
    const events: string[] = []
    let bytes = 0
    socket.write('GET')
    socket.on('data', data => {
      bytes += data.length
    })
    socket.on('end', () => events.push('end'))
    socket.on('error', (error: NodeJS.ErrnoException) => events.push(error.code ?? 'error'))
    await Promise.race([new Promise(resolve => socket.once('close', resolve)), lab.sleep(10_000)])
    socket.destroy()
    all.push({ bytes, events })
  }
  await lab.sleep(1000)
  return all.map((each, i) => ({ ...each, serverError: errors[i], hits: fault.hits }))
}

describe.each(['', 'delay 20ms'])('on a wire %o', wire => {
  test('a fin ends the stream before its byte, and the server is reset', async () => {
    expect(await seen('fin', { byte: 9805 }, { wire })).toEqual([
      { bytes: 9805, events: ['end'], serverError: 'ECONNRESET', hits: 1 },
    ])
  })

  test('a reset is an error after the bytes before it', async () => {
    expect(await seen('reset', { byte: 9805 }, { wire })).toEqual([
      { bytes: 9805, events: ['ECONNRESET'], serverError: 'ECONNRESET', hits: 1 },
    ])
  })

  test.each(['mute', 'silence'] as const)('after a %s nothing arrives', async action => {
    expect(await seen(action, { byte: 9805 }, { wire })).toEqual([
      { bytes: 9805, events: [], serverError: undefined, hits: 1 },
    ])
  })

  test('a reset at byte -1 refuses the connection', async () => {
    expect(await seen('reset', { byte: -1 }, { wire })).toMatchObject([
      { bytes: 0, events: ['ECONNREFUSED'], hits: 1 },
    ])
  })

  test('a fin at the last byte loses just that', async () => {
    expect(await seen('fin', { byte: SIZE - 1 }, { wire })).toMatchObject([
      { bytes: SIZE - 1, events: ['end'] },
    ])
  })
})

test('the second connection is hit, and the others are whole', async () => {
  const all = await seen('fin', { byte: 0, nth: 2 }, { connections: 3 })
  expect(all.map(({ bytes }) => bytes)).toEqual([SIZE, 0, SIZE])
})

test('a fault at a byte needs one, and another fault has none', async () => {
  await expect(seen('fin', { nth: 1 })).rejects.toThrow('fin needs a byte')
  await expect(seen('drop', { byte: 1 })).rejects.toThrow('byte is for fin, reset, mute')
  await expect(seen('fin', { byte: -2 })).rejects.toThrow('byte')
})
