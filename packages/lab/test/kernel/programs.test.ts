/** Programs in the namespaces of a lab. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { isAlive } from '../../src/kernel/processes.ts'
import { client, clientAndServer, lab, server } from '../support/client-and-server.ts'

clientAndServer()

/** Reads the first line that a program prints. */
async function firstLine({ stdout }: ChildProcess): Promise<string> {
  const [chunk] = await once(stdout!.setEncoding('utf8'), 'data')
  return String(chunk).trim()
}

test('exec returns what a program printed, its status, or the signal that ended it', async () => {
  expect(await client.exec('sh', ['-c', 'cat; echo oops >&2; exit 3'], { input: 'in' })).toEqual({
    status: 3,
    signal: null,
    stdout: 'in',
    stderr: 'oops\n',
  })
  expect(await client.exec('sh', ['-c', 'kill -TERM $$'])).toMatchObject({
    status: null,
    signal: 'SIGTERM',
  })
})

test('exec takes a directory, an environment and a time limit', async () => {
  const { stdout } = await client.exec('sh', ['-c', 'pwd; echo $A'], {
    cwd: '/usr',
    env: { A: 'b', PATH: '/bin' },
  })
  expect(stdout).toBe('/usr\nb\n')
  expect(await client.exec('sleep', ['60'], { timeout: 50 })).toMatchObject({
    status: null,
    signal: 'SIGTERM',
  })
})

test('exec rejects for a missing or non-executable program, and spawn ends as in a shell', async () => {
  await expect(client.exec('no-such-program')).rejects.toMatchObject({
    code: 'ENOENT',
    message: 'exec no-such-program: ENOENT, no such file or directory',
  })
  await expect(client.exec('/etc')).rejects.toMatchObject({ code: 'EACCES', syscall: 'exec /etc' })
  await expect(client.exec('ping -c1 server')).rejects.toThrow(
    'the arguments are a list: exec(command, args)',
  )
  for (const [program, status] of [
    ['no-such-program', 127],
    ['/etc', 126],
  ] as const) {
    expect(await once(client.spawn(program, [], { stdio: 'ignore' }), 'exit')).toEqual([
      status,
      null,
    ])
  }
  expect(await client.exec('sh', ['-c', 'no-such-program'])).toMatchObject({ status: 127 })
})

test('a directory that does not exist, and arguments in another form, are named in the error', async () => {
  await expect(client.exec('true', [], { cwd: '/nowhere' })).rejects.toMatchObject({
    code: 'ENOENT',
    message: expect.stringContaining('the directory /nowhere does not exist'),
  })
  await expect(client.exec('true', [], { cwd: '/etc/passwd' })).rejects.toThrow(
    'the directory /etc/passwd',
  )
  const list = '-c1' as unknown as string[]
  await expect(client.exec('ping', list)).rejects.toThrow("ping: '-c1' is not a list of arguments")
  await expect(client.exec('', [])).rejects.toThrow("'' is not a program")
  for (const key of ['shell', 'uid', 'gid', 'argv0']) {
    expect(() => client.spawn('ls', [], { [key]: 1 })).toThrow(
      `ls: ${key}: 1 is not possible: run sh,`,
    )
  }
})

test('programs find other namespaces by name, also in a link that is made while they run', async () => {
  const waiting = client.spawn('sh', ['-c', 'read line; getent hosts server'])
  await lab.cable(client, server)
  const line = firstLine(waiting)
  waiting.stdin!.end('go\n')
  expect(await line).toMatch(new RegExp(`^${server.addresses[1]}\\s+server$`))
  await server.listen(
    http.createServer((request, response) => response.end(request.url)),
    8080,
  )
  expect((await client.exec('curl', ['-sS', 'http://server:8080/x'])).stdout).toBe('/x')
  expect((await client.exec('ping', ['-c1', '-W30', 'server'])).stdout).toContain(' 0% packet loss')
})

test('programs see the interfaces of their namespace alone, in /sys too, and the machine has none of them', async () => {
  await lab.cable(client, server)
  expect((await client.exec('ls', ['/sys/class/net'])).stdout.split(/\s+/)).toEqual([
    'lo',
    'server',
    '',
  ])
  expect(
    (await server.exec('ip', ['-br', 'link'])).stdout.split('\n').map(line => line.split(' ')[0]),
  ).toEqual(['lo', 'client', ''])
  expect(readFileSync('/etc/hosts', 'utf8')).not.toContain('198.18.')
  // Node reads its limits there.
  expect((await client.exec('ls', ['/sys/fs/cgroup'])).stdout).toBe(
    execFileSync('ls', ['/sys/fs/cgroup'], { encoding: 'utf8' }),
  )
  const own = execFileSync('ip', ['-br', 'link'], { encoding: 'utf8' })
  expect(own).not.toMatch(/^(client|server) /m)
})

test('a program has only the descriptors that it was given', async () => {
  // Descriptor 3 is of ls itself.
  const { stdout } = await client.exec('sh', ['-c', 'ls /proc/self/fd | sort -n'])
  expect(stdout).toBe('0\n1\n2\n3\n')
  const child = client.spawn('sh', ['-c', 'echo four >&4; echo ready'], {
    stdio: ['pipe', 'pipe', 2, 'ignore', 'pipe'],
  })
  const four = once(child.stdio[4] as NodeJS.ReadableStream, 'data')
  expect(await firstLine(child)).toBe('ready')
  expect(String(await four)).toBe('four\n')
})

test('programs end with the lab, and so do programs that they started in the background', async () => {
  const child = client.spawn('sh', [
    '-c',
    'setsid sleep 1000 >/dev/null & echo $!; exec sleep 1000',
  ])
  const background = Number(await firstLine(child))
  expect([isAlive(child.pid!), isAlive(background)]).toEqual([true, true])
  await lab.close()
  expect(child.signalCode).toBe('SIGKILL')
  await expect.poll(() => isAlive(background)).toBe(false)
})

test('a program keeps the process id of its launcher, so that signals reach it', async () => {
  const child = client.spawn('sh', ['-c', 'echo $$; exec sleep 1000'])
  expect(await firstLine(child)).toBe(String(child.pid))
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([null, 'SIGTERM'])
})

test('exec and spawn after the end of the lab are errors', async () => {
  await lab.close()
  await expect(client.exec('true')).rejects.toThrow('host client: the lab has ended')
  expect(() => client.spawn('true')).toThrow('the lab has ended')
})

test('a launcher runs a program in the namespace, with its arguments and descriptors', async () => {
  await lab.cable(client, server)
  // Browsers are controlled by the descriptors 3 and 4.
  const script = 'cat <&3 >&4; grep -c "server$" /etc/hosts; readlink /proc/self/ns/net; echo "$@"'
  const launcher = client.launcher('sh')
  const child = spawn(launcher, ['-c', script, 'sh', "it's", 'me'], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
  })
  const [, stdout, , third, fourth] = child.stdio as [
    unknown,
    Readable,
    unknown,
    Writable,
    Readable,
  ]
  // Node discards what is not being read when the program ends.
  const output = Promise.all([text(fourth), text(stdout)])
  third.end('through both')
  const { stdout: own } = await client.exec('readlink', ['/proc/self/ns/net'])
  expect(await output).toEqual(['through both', `2\n${own}it's me\n`])
})

test('a program that a launcher has started ends with the lab', async () => {
  const child = spawn(client.launcher('sh'), ['-c', 'echo started; exec sleep 1000'])
  const ended = once(child, 'exit')
  await once(child.stdout, 'data')
  await lab.close()
  expect(await ended).toEqual([null, 'SIGKILL'])
})
