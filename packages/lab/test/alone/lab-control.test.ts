import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { expect, test, vi } from 'vitest'
import { readDirectories } from '#src/control/protocol/directory.ts'
import { loadNative } from '#src/linux/native.ts'
import { memoryNets } from '#support/memory-net.ts'
import { startLabControl } from '../../src/kernel/lab-control.ts'

const loading = vi.hoisted(() => {
  const signal = () => {
    let resolve = () => {}
    return {
      promise: new Promise<void>(done => {
        resolve = done
      }),
      resolve: () => resolve(),
    }
  }
  return { started: signal(), end: signal() }
})
vi.mock('#src/control/server/server.ts', async () => {
  loading.started.resolve()
  await loading.end.promise
  throw new Error('it cannot be loaded')
})

const newNet = memoryNets()

test('a lab that ends while its control server fails to load ends with a warning, and leaves no file', async () => {
  const { net, lines } = newNet()
  const control = startLabControl(loadNative(), net, () => undefined)
  const [own] = readDirectories().filter(({ pid }) => pid === process.pid)
  const client = connect(own?.vnet ?? '')
  await loading.started.promise
  const end = control?.[Symbol.asyncDispose]()
  loading.end.resolve()
  await end
  client.destroy()
  expect(lines).toEqual([expect.stringContaining('`vnet lab list` no longer finds this lab: ')])
  expect(existsSync(own?.vnet ?? '')).toBe(false)
})
