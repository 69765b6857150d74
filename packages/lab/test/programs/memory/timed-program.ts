import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** The compiled module of the world, which a program imports. */
export const MODULE = join(import.meta.dirname, '../../../dist/memory/time/virtual-time.js')

/**
 * Runs a program in a process of its own, with a world `time` and `log` for lines, and before it
 * the statements `earlier`, which have no world.
 */
export function run(
  program: string,
  flags: readonly string[] = [],
  earlier = '',
): { status: number | null; lines: string[]; stderr: string } {
  const script = `
    import { writeSync } from 'node:fs'
    import { VirtualTime } from ${JSON.stringify(MODULE)}
    const log = line => writeSync(1, line + '\\n')
    ${earlier}
    const time = new VirtualTime()
    ${program}`
  const options = { encoding: 'utf8', timeout: 50_000 } as const
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...flags, '--input-type=module', '-e', script],
    options,
  )
  return { status, lines: stdout.split('\n').slice(0, -1), stderr }
}
