/** The error of a program of `run` that is not ready. */
import { beforeEach, expect, test } from 'vitest'
import { ServiceError, startService } from '../../src/file/service.ts'
import { client, clientAndServer } from '../support/client-and-server.ts'

clientAndServer()

let lines: string[] = []
beforeEach(() => {
  lines = []
})

async function errorOf(command: string | string[]): Promise<Error> {
  const lab = {
    env: process.env,
    log: (line: string) => lines.push(line),
    signal: new AbortController().signal,
  }
  return startService(client, { command, ready: 'hello' }, lab).then(
    () => expect.unreachable(),
    error => error,
  )
}

test('has the last lines that the program has printed, without control characters and without a place', async () => {
  const error = await errorOf(
    'for i in 1 2 3; do echo "line $i"; done; printf "no \\033[1mspace  left" >&2; exit 3',
  )
  expect(error).toBeInstanceOf(ServiceError)
  expect(error.message).toMatch(
    /^client: for i in .*\.\.\.: it has ended with status 3 before a line with 'hello'; its last lines: /,
  )
  // The two streams have no order.
  const [, last = ''] = error.message.split('its last lines: ')
  expect(last.split(' | ')).toHaveLength(3)
  expect(last).toContain('no \\x1b[1mspace left')
  expect(error.stack).toBe(error.message)
  expect(lines).toContain('client: line 1')
})

test('has a part of a long command and of long lines, in one line', async () => {
  const { message } = await errorOf([
    'sh',
    '-c',
    `# ${'x'.repeat(500)}\nhead -c 500 /dev/zero | tr '\\0' y; exit 1`,
  ])
  expect(message).toBe(
    `client: sh -c # ${'x'.repeat(52)}...: it has ended with status 1 before a line with 'hello'; its last lines: ${'y'.repeat(160)}...`,
  )
})

test('has no more if the program has printed nothing', async () => {
  expect((await errorOf('exit 4')).message).toBe(
    "client: exit 4: it has ended with status 4 before a line with 'hello'",
  )
})
