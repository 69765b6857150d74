/** The cases that run against mutants of the stack. They are bundled without the stack. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Case, isPassive, parseCases } from '../../src/conform/notation.ts'
import { runCase } from '../../src/conform/run-case.ts'
import type { MemoryWorld } from '../tcp-conformance/memory-world.ts'

/** Returns the cases of a folder that the stack passes, in the order of files. */
export function readCases(folder: string): readonly Case[] {
  const files = readdirSync(folder).sort()
  const cases = files.flatMap(file => parseCases(readFileSync(join(folder, file), 'utf8')))
  return cases.filter(({ linux }) => linux === undefined)
}

/** Returns why a case fails on a host; undefined if it passes or does not apply. */
export async function failureOf(one: Case, World: typeof MemoryWorld): Promise<string | undefined> {
  try {
    await runCase(one, new World(one.family, one.sysctls, !isPassive(one)))
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
