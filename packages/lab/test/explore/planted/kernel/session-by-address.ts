import type { Planted } from '../planted.ts'
import { run, startServer } from '../programs.ts'

export const bug = 'a session is found by its address, and lost when a NAT has forgotten it'
export const program = 'Go, in the kernel'
export const faults = ['pause 4s on client']
export const links = ['client-router']
export const shows = /the session is lost/

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab }) => {
    const [client, server] = lab.hosts('client', 'server')
    await lab.router('router', {
      nat: 'symmetric',
      udpTimeout: '3s',
      inside: [client],
      outside: server,
    })
    await startServer(server, 'sessions', isBroken)
    if ((await run(client, 'session_client.py', isBroken)) !== 0) {
      throw new Error('the session is lost')
    }
  }
