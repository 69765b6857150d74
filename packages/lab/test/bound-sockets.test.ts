/** Sockets that the lab makes for a host. */
import dgram from 'node:dgram'
import { expect, onTestFinished, vi } from 'vitest'
import { test as base } from '../src/vitest.ts'

const test = base.extend({ world: 'memory' as const })

test('a socket that cannot be bound is closed', async ({ lab }) => {
  const [host] = lab.hosts('a')
  const { port } = (await host.createSocket('udp4')).address()
  const made = vi.spyOn(dgram, 'createSocket')
  onTestFinished(() => made.mockRestore())
  for (const at of ['0.0.0.0', 'not an address']) {
    await expect(host.createSocket('udp4', port, at)).rejects.toThrow(
      /EADDRINUSE|not an IP address/,
    )
    const socket = made.mock.results.at(-1)?.value as dgram.Socket
    expect(() => socket.close()).toThrow('Not running')
  }
})
