/** The memory that a vnet in a process of its own still uses once its garbage is collected. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { expect } from 'vitest'
import type { Running, SpawnOptions } from './vnet-process.ts'

/**
 * Loaded into a vnet: at SIGUSR2 it collects its garbage twice, so that finalizers have run, and
 * writes the bytes that are still used to a file, by a rename.
 */
const COLLECTS = `
  import { renameSync, writeFileSync } from 'node:fs'
  process.on('SIGUSR2', () => {
    gc()
    setImmediate(() => {
      gc()
      const { heapUsed, external } = process.memoryUsage()
      writeFileSync(process.env.HELD + '.new', String(heapUsed + external))
      renameSync(process.env.HELD + '.new', process.env.HELD)
    })
  })`

/** Options for a vnet that reports what it holds in a file of that path. */
export const holding = (path: string): SpawnOptions => ({
  env: { HELD: path },
  nodeArgs: ['--expose-gc', '--import', `data:text/javascript,${encodeURIComponent(COLLECTS)}`],
})

/** Returns the MiB that a vnet holds that was started with these options. */
export async function heldMiB({ pid }: Running, path: string): Promise<number> {
  rmSync(path, { force: true })
  process.kill(pid, 'SIGUSR2')
  await expect.poll(() => existsSync(path)).toBe(true)
  return Number(readFileSync(path, 'utf8')) / 2 ** 20
}
