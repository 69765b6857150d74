/** `vnet lan` as a child within a namespace of a test, and what the host's files say of its port. */
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { Netns, Outcome } from './netns.ts'
import { jsonLines, type Running, spawnVnet } from './vnet-process.ts'

const PROGRAM = fileURLToPath(new URL('../../dist/vnet.js', import.meta.url))

/** Runs `vnet lan ARGS` within `netns` until it is ready. */
export function spawnLan(netns: Netns, ...args: string[]): Promise<Running> {
  return spawnVnet(['lan', ...args, '--json'], { within: ['ip', 'netns', 'exec', netns.name] })
}

/** Asks a running vnet of `netns` by a command of the program. */
export function vnetIn(netns: Netns, ...args: string[]): Promise<Outcome> {
  return netns.run([process.execPath, PROGRAM, ...args].join(' '))
}

/** Ends it: well, and without a word of an error. */
export async function stopLan(vnet: Running): Promise<void> {
  const ended = await vnet.stop()
  expect(ended).toMatchObject({ status: 0, stderr: '' })
  expect(jsonLines(ended.stdout).filter(({ level }) => level === 'error' || level === 'warning')).toEqual([])
}

/** Files of /sys/class/net/NAME, each one's text without its end of line. */
export function sysfs(netns: Netns, name: string, ...files: string[]): string[] {
  const paths = files.map(file => `/sys/class/net/${name}/${file}`)
  return netns
    .exec(`cat ${paths.join(' ')}`)
    .trimEnd()
    .split('\n')
}
