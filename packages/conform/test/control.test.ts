/** The control port with a program that this test is. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MemoryWorld } from '../../inet/test/tcp-conformance/memory-world.ts'
import { ControlledProgram, ControlPort } from '../src/control.ts'
import { pattern } from '../src/layers.ts'
import { NotOffered } from '../src/run.ts'

let server: Server
let control: ControlPort
let program: Socket
/** What vnet has sent. */
let requests = ''
/** Replies of the program to each line, in pieces. */
let replies: (string | Uint8Array)[][] = []

beforeEach(async () => {
  requests = ''
  server = createServer(socket => {
    program = socket.on('data', data => {
      requests += data.toString('latin1')
      for (const piece of replies.shift() ?? []) {
        socket.write(piece)
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  control = await ControlPort.open('127.0.0.1', (server.address() as AddressInfo).port)
})

afterEach(() => {
  control.close()
  server.close()
})

describe('the control port', () => {
  test('returns the replies in the order of the lines', async () => {
    replies = [['1', '\n'], ['ECONNRESET\n']]
    const both = [control.ask('accept'), control.ask('error')]
    expect((await Promise.all(both)).map(({ text }) => text)).toEqual(['1', 'ECONNRESET'])
    expect(requests).toBe('accept\nerror\n')
  })

  test('returns what was read, in however many pieces it arrives', async () => {
    const bytes = pattern([1, 3001])
    replies = [['3000\n', bytes.subarray(0, 1)], ['0\n']]
    const read = control.ask('read 4000')
    await expect.poll(() => requests).toBe('read 4000\n')
    for (let at = 1; at < bytes.length; at += 999) {
      await new Promise(resolve => program.write(bytes.subarray(at, at + 999), resolve))
    }
    expect(Buffer.compare((await read).bytes, bytes)).toBe(0)
    expect((await control.ask('close')).text).toBe('0')
  })

  test('refuses a second reply to a line', async () => {
    replies = [['0\n0\n']]
    expect((await control.ask('accept')).text).toBe('0')
    await expect(control.ask('error')).rejects.toThrow(
      'the control port has sent more than its reply',
    )
    expect(requests).toBe('accept\n')
  })

  test('does not offer a request that the program does not know', async () => {
    replies = [['?\n'], ['0\n']]
    await expect(control.ask('keepalive 1 1 2')).rejects.toThrow(NotOffered)
    expect((await control.ask('end')).text).toBe('0')
    expect(control.failure).toBe(undefined)
  })

  test.each([
    ['a reply that is too long', 'accept', '1'.repeat(64)],
    ['a reply that is not a number or a name', 'accept', '\x1b[31m\n'],
    ['an empty reply', 'accept', '\n'],
    ['more bytes than were asked for', 'read 10', '11\n'],
  ])('refuses %s, and sends no more lines', async (_, line, reply) => {
    replies = [[reply]]
    const error = `the control port has replied ${JSON.stringify(reply)} to '${line}'`
    await expect(control.ask(line)).rejects.toThrow(error)
    expect(control.failure).toBe(error)
    await expect(control.ask('end')).rejects.toThrow()
    expect(requests).toBe(`${line}\n`)
  })

  test('fails when the program closes the connection', async () => {
    const reply = control.ask('accept')
    await expect.poll(() => requests).toBe('accept\n')
    program.end('1')
    await expect(reply).rejects.toThrow('the control port has closed the connection')
  })
})

describe('a program with a control port', () => {
  const world = new MemoryWorld(4, {}, false)
  const call = (line: string, ...texts: readonly (string | Uint8Array)[][]) => {
    replies = [...texts]
    const [verb = '', ...words] = line.split(' ')
    return new ControlledProgram(control, world, 4).call(verb, words)
  }

  test('asks again while a call would block', async () => {
    await call('accept', ['0\n'], ['EAGAIN\n'], ['1\n'])
    await call(
      'read 4',
      ['EAGAIN\n'],
      ['3\n', pattern([1, 4])],
      ['EAGAIN\n'],
      ['1\n', pattern([4, 5])],
    )
    expect(requests).toBe('accept\naccept\naccept\nread 4\nread 4\nread 1\nread 1\n')
  })

  test('waits for a state that the stack is about to reach', async () => {
    await call('state CLOSE-WAIT', ['ESTAB\n'], ['CLOSE-WAIT\n'])
    expect(requests).toBe('state\nstate\n')
  })

  test('takes an error for another, because the RFCs have no names of them', async () => {
    await call('error ECONNREFUSED', ['0\n'], ['ECONNRESET\n'])
    await expect(call('read ECONNRESET', ['0\n'])).rejects.toThrow('0, not ECONNRESET')
  })

  test('writes the bytes after the line', async () => {
    await call('write 3', ['3\n'])
    expect(requests).toBe(`write 3\n${Buffer.from(pattern([1, 4])).toString('latin1')}`)
    await call('write 3 = 0', ['EAGAIN\n'])
  })

  test.each([
    ['read 4', '4\nabcd', 'other bytes than the peer has sent'],
    ['read 4', '0\n', 'not 4, but the end'],
    ['read nothing', '1\nx', '1, not EAGAIN'],
    ['read end', 'ECONNRESET\n', 'ECONNRESET, not 0'],
    ['write 3', '2\n', '2, not 3'],
    ['listen', 'EADDRNOTAVAIL\n', 'EADDRNOTAVAIL, not a port'],
    ['accept nothing', '1\n', '1, not 0'],
  ])('fails at %s if the reply is %j', async (line, reply, error) => {
    await expect(call(line, [reply])).rejects.toThrow(error)
  })
})
