/** The cases that run against mutants of the stack. They are bundled without the stack. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Case, isPassive, parseCases } from '../../../conform/src/notation.ts'
import { runCase } from '../../../conform/src/run-case.ts'
import { legalWorld } from '../tcp-conformance/legal-worlds.ts'
import type { MemoryWorld } from '../tcp-conformance/memory-world.ts'

/** Returns the cases of a folder that the stack passes, in the order of files. */
export function readCases(folder: string): readonly Case[] {
  const files = readdirSync(folder).sort()
  const cases = files.flatMap(file => parseCases(readFileSync(join(folder, file), 'utf8')))
  return cases.filter(({ linux }) => linux === undefined)
}

/**
 * Returns why a case fails on a host; undefined if it passes or does not apply. With the name of a
 * legal world, decides as on an interface.
 */
export async function failureOf(
  one: Case,
  World: typeof MemoryWorld,
  legal?: string,
): Promise<string | undefined> {
  try {
    const world = new World(one.family, one.sysctls, !isPassive(one))
    await runCase(one, legal === undefined ? world : legalWorld(legal, world))
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
