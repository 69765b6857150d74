/** The cable of QEMU's card in the virtual machine of `vnet check --kernel`, and its mirror. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { arpRequest, udpFrame } from '#src/bed/frames.ts'
import { TestBed } from '#src/bed/test-bed.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { connectMirror, framesOf, withLength } from '../src/kernel/cable.ts'
import { driver } from '../src/kernel/wire.ts'

const directory = freshDirectory()
const [HERE, THERE] = ['02:00:00:00:00:01', '02:00:00:00:00:02']
const ENDS = JSON.stringify([
  { name: 'tx0', mac: '02:00:00:00:00:01', isNoArp: true, addresses: [] },
])

const frame = udpFrame({
  from: '198.18.0.1',
  to: '198.18.0.9',
  sourceMac: HERE,
  destinationMac: THERE,
})
const mirrored = udpFrame({
  from: '198.18.0.9',
  to: '198.18.0.1',
  sourceMac: THERE,
  destinationMac: HERE,
})

/** Listens like QEMU, and returns its end of the cable once the mirror is connected. */
async function cableAt(path: string, connect: () => unknown): Promise<Socket> {
  const server = createServer().listen(path)
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const connected = once(server, 'connection')
  await connect()
  const [socket] = (await connected) as [Socket]
  onTestFinished(() => void socket.destroy())
  return socket
}

test('frames are found in chunks of any size', () => {
  const frames: string[] = []
  const take = framesOf(each => frames.push(each.toString('latin1')))
  for (const byte of Buffer.concat([
    withLength(Buffer.from('one')),
    withLength(Buffer.from('2')),
  ])) {
    take(Buffer.of(byte))
  }
  take(Buffer.concat(['a', '', 'bc'].map(text => withLength(Buffer.from(text)))))
  expect(frames).toEqual(['one', '2', 'a', '', 'bc'])
})

test('the mirror returns a frame of IPv4 to its sender, and drops others', async () => {
  const path = join(directory, 'mirror')
  const socket = await cableAt(path, () => {
    const mirror = connectMirror(path)
    onTestFinished(() => void mirror.destroy())
  })
  const returned = new Promise<Buffer>(resolve => {
    socket.on('data', framesOf(resolve))
  })
  for (const sent of [
    Buffer.from('short'),
    arpRequest({ from: '198.18.0.1', to: '198.18.0.9' }),
    frame,
  ]) {
    socket.write(withLength(sent))
  }
  expect([...(await returned)]).toEqual([...mirrored])
})

test('without a receive ring, the frames of the mirror reach the first interface', async () => {
  const path = join(directory, 'cable')
  let bed: TestBed | undefined
  const params = { sockets: join(directory, 'none'), ends: ENDS, cable: path, sendsOnly: true }
  const socket = await cableAt(path, async () => {
    bed = await TestBed.make(driver, params, {})
  })
  await using made = bed as TestBed
  socket.write(withLength(frame))
  await expect.poll(() => made.received.map(({ bytes }) => [...bytes])).toEqual([[...mirrored]])
})
