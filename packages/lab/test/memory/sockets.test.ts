/** Sockets of Node over a TCP and UDP in memory. */
import { describe, expect, test } from 'vitest'
import { pem } from './certificate.ts'
import { httpPrograms } from './socket-programs/http.ts'
import type { Program } from './socket-programs/program.ts'
import { tcpPrograms } from './socket-programs/tcp.ts'
import { tlsPrograms } from './socket-programs/tls.ts'
import { udpPrograms } from './socket-programs/udp.ts'
import { loopback, memoryWorld, type World } from './socket-worlds.ts'

const programs = { ...tcpPrograms, ...httpPrograms, ...tlsPrograms, ...udpPrograms }

/** Returns the events of a program by its ends, with every port as PORT. */
async function eventsOf(program: Program, world: World): Promise<Record<string, string[]>> {
  const ends: Record<string, string[]> = {}
  const note = (end: string, line: string) => {
    ends[end] ??= []
    ends[end].push(line.replaceAll(/(?<=\.\d+:)\d+/g, 'PORT'))
  }
  await program(world, note, pem)
  // Events that are due already, such as the last close.
  for (let i = 0; i < 3; i++) {
    await new Promise(resolve => setImmediate(resolve))
  }
  return ends
}

describe('a program has the same events in memory as over the loopback interface', () => {
  for (const [name, program] of Object.entries(programs)) {
    test(name, async () => {
      const real = await eventsOf(program, loopback)
      using world = memoryWorld()
      expect(await eventsOf(program, world)).toEqual(real)
    })
  }
})
