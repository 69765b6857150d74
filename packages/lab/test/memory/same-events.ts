/** The events of programs with sockets, in memory and over the loopback interface. */
import { expect, test } from 'vitest'
import { pem } from './certificate.ts'
import type { Program } from './socket-programs/program.ts'
import { loopback, memoryWorld, type World } from './socket-worlds.ts'

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

/** Makes a test for each program: it has the same events in both. */
export function testEvents(programs: Readonly<Record<string, Program>>): void {
  for (const [name, program] of Object.entries(programs)) {
    test(`a program has the same events in memory as over the loopback interface: ${name}`, async () => {
      const real = await eventsOf(program, loopback)
      using world = memoryWorld()
      expect(await eventsOf(program, world)).toEqual(real)
    })
  }
}
