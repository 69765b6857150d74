import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
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

test('a world that has waited for something does not keep its process alive', () => {
  const program = `
    setTimeout(() => log('rung'), 1000)
    setTimeout(() => log('without ref'), 1001).unref()
    inRealTime(time.hold(), 2)`
  const { status, lines } = run(program, [], 'const inRealTime = setTimeout')
  expect([status, lines]).toEqual([0, ['rung']])
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
