import { EventEmitter, once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { readDirectories } from '#src/control/sockets/directory.ts'
import { loadNative } from '#src/linux/native.ts'
import { memoryNets } from '#support/memory-net.ts'
import { startLabControl } from '../src/kernel/lab-control.ts'

const newNet = memoryNets()

test('a lab that ends while its control server fails to load ends with a warning, and leaves no file', async () => {
  const { net, lines } = newNet()
  const loading = new EventEmitter()
  const control = startLabControl(
    loadNative(),
    net,
    () => undefined,
    async () => {
      loading.emit('start')
      await once(loading, 'end')
      throw new Error('it cannot be loaded')
    },
  )
  const [own] = readDirectories().filter(({ pid }) => pid === process.pid)
  const loads = once(loading, 'start')
  const client = connect(own?.vnet ?? '')
  await loads
  const end = control?.[Symbol.asyncDispose]()
  loading.emit('end')
  await end
  client.destroy()
  expect(lines).toEqual([expect.stringContaining('`vnet lab list` no longer finds this lab: ')])
  expect(existsSync(own?.vnet ?? '')).toBe(false)
})

test('a lab whose control server cannot be loaded is no longer found', async () => {
  const { net, lines } = newNet()
  const load = () => Promise.reject(new Error('it cannot be loaded'))
  const control = startLabControl(loadNative(), net, () => undefined, load)
  const [own] = readDirectories().filter(({ pid }) => pid === process.pid)
  const client = connect(own?.vnet ?? '')
  // The kernel resets the connection if the socket closes before it was accepted.
  await new Promise(resolve => client.on('error', () => {}).on('close', resolve))
  expect([lines.length, existsSync(own?.vnet ?? '')]).toEqual([1, false])
  await control?.[Symbol.asyncDispose]()
})
