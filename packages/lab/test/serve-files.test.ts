/** The files that `vnet host --serve` serves: replies, and the files that it opens. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { truncateSync, writeFileSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { fileServer } from '../src/commands/serve-files.ts'

/** Serves a directory on loopback, without a host. */
async function served() {
  const directory = testDirectory()
  const server = fileServer(directory)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo
  return { directory, port, server, url: (path: string) => `http://127.0.0.1:${port}${path}` }
}

test('a reply ends, if its file shrinks meanwhile, with its connection, without the next reply in it', async () => {
  const { directory, port } = await served()
  // More than the buffers of two sockets hold.
  const size = 64 * 2 ** 20
  const file = join(directory, 'shrinks')
  writeFileSync(file, '')
  truncateSync(file, size)
  writeFileSync(join(directory, 'next'), 'the next reply')
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: host\r\n\r\n`
  socket.write(get('/shrinks') + get('/next'))
  await once(socket, 'readable')
  truncateSync(file, 0)
  let length = 0
  let last = Buffer.alloc(0)
  socket.on('data', (bytes: Buffer) => {
    length += bytes.length
    last = Buffer.concat([last, bytes]).subarray(-2000)
  })
  await once(socket, 'close')
  expect(length).toBeLessThan(size)
  expect(last.includes('HTTP/1.1')).toBe(false)
})

test('a complete file is followed by the next reply', async () => {
  const { directory, url } = await served()
  writeFileSync(join(directory, 'a'), 'first')
  expect(await (await fetch(url('/a'))).text()).toBe('first')
  expect(await (await fetch(url('/a'))).text()).toBe('first')
})

test('a file that is not regular is refused before it is opened', async () => {
  const { directory, url } = await served()
  const pipe = join(directory, 'pipe')
  execFileSync('mkfifo', [pipe])
  // The shell waits until the server opens the pipe to read.
  const writer = spawn('sh', ['-c', `echo started; exec 3>${pipe}; echo opened`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  writer.stdout.setEncoding('utf8').on('data', chunk => {
    text += chunk
  })
  await once(writer.stdout, 'data')
  for (let i = 0; i < 50; i++) {
    expect((await fetch(url('/pipe'))).status).toBe(404)
  }
  writer.kill('SIGKILL')
  await once(writer, 'close')
  expect(text).toBe('started\n')
})

test('a client that is silent is disconnected', async () => {
  const { server } = await served()
  expect(server.timeout).toBe(60_000)
})
