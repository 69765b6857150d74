/** A call that fails, or that loses its link meanwhile, leaves nothing open. */
import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { memoryNets } from '#support/memory-net.ts'
import { openFiles } from '#support/open-files.ts'
import { Calls } from '../src/carrier/lab-calls.ts'
import type { EndSpec } from '../src/carrier/protocol.ts'

const makeNet = memoryNets()

const end = (n: number): EndSpec => {
  const mac = Uint8Array.of(2, 0, 0, 0, 0, n)
  return {
    isRouter: false,
    host: `host${n}`,
    path: `eth${n}`,
    mac,
    addresses: [`198.18.0.${n}/24`],
  }
}
const LINK = { lab: '', ab: '', ba: '', seed: 7, mtu: undefined, capture: undefined }
const CABLE = { ...LINK, a: end(1), b: end(2) }
const LAN = { ...LINK, name: 'lan', ports: [end(250), end(251)], file: {} }

const refused = () => Promise.reject(new Error('the kernel refuses'))
const calls = ({ settle = async () => {}, bindUdp = async (_: number, __: Socket) => 0 } = {}) => {
  const memory = makeNet()
  return { memory, calls: new Calls(memory.net, { hasKernel: false, settle, bindUdp }) }
}

test('a cable that does not get what was requested is closed', async () => {
  const { memory, calls: made } = calls({ settle: refused })
  await expect(made.cable(CABLE)).rejects.toThrow('the kernel refuses')
  expect([...memory.net.devices]).toEqual([])
})

test('a segment that does not get what was requested is closed', async () => {
  const { memory, calls: made } = calls({ settle: refused })
  await expect(made.lan(LAN)).rejects.toThrow('the kernel refuses')
  expect([...memory.net.devices]).toEqual([])
})

test('the socket of port control is closed if it cannot be bound', async () => {
  let closed: Promise<unknown> | undefined
  const bindUdp = (_: number, socket: Socket) => {
    closed = once(socket, 'close')
    return refused()
  }
  const { memory, calls: made } = calls({ bindUdp })
  const nat = { kind: 'symmetric', address: 0xc6120001, portMapping: 0 } as const
  await expect(made.cable({ ...CABLE, nat })).rejects.toThrow('the kernel refuses')
  await closed
  expect([...memory.net.devices]).toEqual([])
})

test('a capture that starts while its link is closed ends', async () => {
  const { calls: made } = calls()
  const link = await made.cable(CABLE)
  const path = join(testDirectory(), 'link.pcapng')
  const capturing = made.capture(link, path)
  const closing = made.close(link)
  await expect(capturing).rejects.toThrow('the link is closed')
  await closing
  expect(openFiles('/proc/self/fd')).not.toContain(path)
})
