/** Programs that see another operating system. */
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { asOn } from '#support/other-system.ts'

export type Platform = 'darwin' | 'win32'

export const root = resolve(import.meta.dirname, '../../..')
export const program = join(root, 'dist/vnet.js')

export const refusal = (platform: Platform) =>
  `this needs Linux: it drives TAP interfaces, which ${platform} does not have; drivers and labs in memory work everywhere`

/** A program that sends a ping through a driver in memory, and prints the number of replies. */
export const PING = `
  const { testBed } = await import('vnet/bed')
  const { loop } = await import('vnet/drivers')
  const bed = await testBed(loop)
  console.log((await bed.ping()).received)
  await bed.close()
`

/** Returns functions that start Node and vnet in a directory. */
export function programsIn(directory: string) {
  function node(platform: Platform, ...args: string[]) {
    const options = { cwd: directory, encoding: 'utf8', timeout: 50_000 } as const
    const ran = spawnSync(process.execPath, [asOn(platform), ...args], options)
    return { status: ran.status, stdout: ran.stdout, stderr: ran.stderr }
  }
  return {
    node,
    vnet: (platform: Platform, line: string) =>
      node(platform, program, ...line.split(' ').filter(word => word !== '')),
    /** A program of statements; names of packages are looked up from the root of the tree. */
    run(platform: Platform, text: string) {
      const resolved = text.replace(
        /'((?:@vnet|vnet)\/?[^']*)'/g,
        (_, name) => `'${import.meta.resolve(name)}'`,
      )
      return node(platform, '--input-type=module', '-e', resolved)
    },
  }
}
