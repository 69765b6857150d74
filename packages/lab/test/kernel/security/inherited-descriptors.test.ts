/**
 * Descriptors that a shell left open reach no program of a namespace: a socket would lead to the
 * machine's network. Node itself marks only those up to the first unused number above 15.
 */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { builtFile } from '#src/linux/native.ts'
import { freshDirectory, written } from '#support/fresh-directory.ts'
import { PROGRAM } from '#support/vnet-process.ts'

const NET = `
hosts: [client, server]
cables:
  link: { ends: [client, server] }
run:
  server:
    command: ls /proc/self/fd | xargs; exec sleep infinity
    ready: '0 1 2 3'
`
const DENY = ['python3', 'test/support/deny-calls.py', 'close_range']

const directory = freshDirectory()
const file = () => written(directory, 'net.yaml', NET)
const server = createServer().listen(0, '127.0.0.1')
await once(server, 'listening')
const { fd: socket } = (server as unknown as { _handle: { fd: number } })._handle
const opened = [openSync('/etc/hostname', 'r'), openSync('/', 'r')]
/** From 200 on: a pipe, a server, a file and a directory. */
const left = ['pipe', socket, ...opened] as const

afterAll(() => {
  server.close()
  opened.forEach(closeSync)
})

/** Runs a command with the descriptors, and a file at 63. */
function withLeft([program = '', ...args]: readonly string[]) {
  const unused = (length: number) => Array<'ignore'>(length).fill('ignore')
  const stdio = [
    'ignore',
    'pipe',
    'pipe',
    ...unused(60),
    opened[0] as number,
    ...unused(136),
    ...left,
  ] as const
  const { status, stdout, stderr } = spawnSync(program, args, {
    stdio: [...stdio],
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

const vnet = (...args: readonly string[]) => withLeft([process.execPath, PROGRAM, ...args])
const LIST = ['ls', '/proc/self/fd']
/** The standard streams, and the directory that ls reads. */
const listed = { status: 0, stdout: '0\n1\n2\n3\n' }

describe('a descriptor that a shell left open does not reach', () => {
  test('the command of vnet run', () => {
    expect(vnet('run', '--quiet', '--no-internet', '--', ...LIST)).toMatchObject(listed)
  })

  test('the command and the services of vnet lab', () => {
    expect(vnet('lab', file(), '--', ...LIST)).toMatchObject(listed)
  })

  test('the command of vnet explore', () => {
    const found = join(directory, 'found')
    vnet(
      'explore',
      file(),
      '--faults',
      'drop',
      '--filter',
      'udp port 9',
      '--',
      'sh',
      '-c',
      `${LIST.join(' ')} >>${found}`,
    )
    expect(readFileSync(found, 'utf8')).toMatch(/^(0\n1\n2\n3\n)+$/)
  })

  for (const [mode, ...words] of [
    ['check'],
    ['check,none'],
    ['--network'],
    ['--with-parent', `${process.pid}`],
  ]) {
    test(`a program of vnet-rootless ${mode}`, () => {
      const rootless = [builtFile('vnet-rootless', 'the launcher'), mode as string, ...words]
      expect(withLeft([...rootless, ...LIST])).toMatchObject(listed)
      expect(withLeft([...DENY, ...rootless, ...LIST])).toMatchObject(listed)
    })
  }
})

test('an argument hands a descriptor on, as the <(...) of a shell does', () => {
  expect(vnet('run', '--quiet', '--no-internet', '--', 'cat', '/dev/fd/63').status).toBe(0)
  expect(vnet('lab', file(), '--', 'cat', '/dev/fd/63').status).toBe(0)
})
