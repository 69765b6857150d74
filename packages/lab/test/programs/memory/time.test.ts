import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { start } from '../../memory/time/started.ts'
import { run } from './timed-program.ts'

test('a pending timer keeps its process alive, also after a time without one', () => {
  const program = `
    setTimeout(() => {
      log('rung at ' + time.now)
      setTimeout(() => {
        log('rung again at ' + time.now)
        // The program computes for longer than a timer of Node.
        queueMicrotask(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10))
      }, 3_600_000)
    }, 3_600_000)
    setTimeout(() => log('without ref'), 7_200_001).unref()
    // An open pipe that waits for nothing.
    process.stdout.write('')`
  const { status, lines } = run(program)
  expect([status, lines]).toEqual([0, ['rung at 3600000', 'rung again at 7200000']])
})

test('time stands still for a request of before the world, such as the close of a module', () => {
  const fifo = join(fileDirectory(), 'fifo')
  execFileSync('mkfifo', [fifo])
  // The open of one end waits for the other, which is opened in real time.
  const earlier = `
    const { open, openSync } = await import('node:fs')
    open('${fifo}', () => log('opened'))
    setTimeout(() => openSync('${fifo}', 'w'), 50)`
  const program = `
    setTimeout(() => log('rung'), 1000)
    setTimeout(() => log('without ref'), 1001).unref()`
  const { status, lines } = run(program, [], earlier)
  expect([status, lines]).toEqual([0, ['opened', 'rung']])
})

test('a world that has waited for something does not keep its process alive', () => {
  const program = `
    setTimeout(() => log('rung'), 1000)
    setTimeout(() => log('without ref'), 1001).unref()
    inRealTime(time.hold(), 2)`
  const { status, lines } = run(program, [], 'const inRealTime = setTimeout')
  expect([status, lines]).toEqual([0, ['rung']])
})

test('an exception of a timer ends a process that does not catch it', () => {
  const { status, stderr } = run("setTimeout(() => { throw new Error('of the timer') }, 1)")
  expect(status).toBe(1)
  expect(stderr).toContain('of the timer')
})

test('time stands still until a child process ends', async () => {
  const time = start()
  const timer = setInterval(() => {}, 1)
  const child = execFile(process.execPath, ['-p', '1'])
  await once(child, 'close')
  clearInterval(timer)
  expect(time.now).toBe(0)
})

test('time continues with one line about a real connection without events, which it names', async () => {
  const lines: string[] = []
  const time = start({ patience: 50, log: line => lines.push(line) })
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = net.connect(port, '127.0.0.1')
  const [accepted] = (await once(server, 'connection')) as [net.Socket]
  accepted.unref()
  await time.sleep('1h')
  expect(lines).toEqual([
    expect.stringMatching(
      `^vnet: the lab waits for a real TCP connection \\(to 127.0.0.1:${port}\\): `,
    ),
  ])
  client.destroy()
  accepted.destroy()
  server.close()
})
