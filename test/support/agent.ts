/** A daemon `vnet node` for a test, with its own socket. */
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { type Running, startVnet, stopRunning } from './vnet-process.ts'

/** Has daemons and their clients use a socket in `directory` during each test. */
export function useAgentSocket(directory: string): void {
  beforeEach(() => {
    process.env.VNET_NODE_SOCKET = join(directory, 'node.sock')
  })
  afterEach(async () => {
    // A daemon writes its state into the directory, which is removed next.
    await stopRunning()
    delete process.env.VNET_NODE_SOCKET
  })
}

export function startAgent(...args: string[]): Promise<Running> {
  return startVnet(['node', ...args])
}
