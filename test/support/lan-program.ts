/** `vnet lan` for a namespace of a test, and sysfs files of its port. */
import { expect } from 'vitest'
import type { Netns, Outcome } from './netns.ts'
import { runCommand } from './vnet-commands.ts'
import { jsonLines, type Running, spawnVnet, startVnet } from './vnet-process.ts'

/**
 * Starts `vnet lan ARGS` in this process, with the ports that name no namespace in `netns`, and
 * waits until it is ready.
 */
export function startLan(netns: Netns, ...args: string[]): Promise<Running> {
  return startVnet(['lan', ...args, '--netns', netns.name, '--json'])
}

/** Starts `vnet lan ARGS` as a child process in `netns`, and waits until it is ready. */
export function spawnLan(netns: Netns, ...args: string[]): Promise<Running> {
  return spawnVnet(['lan', ...args, '--json'], { within: ['ip', 'netns', 'exec', netns.name] })
}

/** Runs a command of vnet in `netns`. */
export function vnetIn(netns: Netns, ...args: string[]): Promise<Outcome> {
  return runCommand(netns, args)
}

/** Stops a run, which must exit with status 0 and print no error. */
export async function stopLan(vnet: Running): Promise<void> {
  const ended = await vnet.stop()
  expect(ended).toMatchObject({ status: 0, stderr: '' })
  expect(
    jsonLines(ended.stdout).filter(({ level }) => level === 'error' || level === 'warning'),
  ).toEqual([])
}

/** Adds 198.18.0.N and 2001:db8:0:1::N to an interface, without detection of duplicates. */
export async function addAddresses(netns: Netns, name: string, n: number): Promise<void> {
  for (const text of [`198.18.0.${n}/24`, `2001:db8:0:1::${n}/64 nodad`]) {
    expect(await netns.run(`ip addr add ${text} dev ${name}`)).toMatchObject({
      status: 0,
      stderr: '',
    })
  }
}

/** Reads files of /sys/class/net/NAME, without their final newline. */
export function sysfs(netns: Netns, name: string, ...files: string[]): string[] {
  const paths = files.map(file => `/sys/class/net/${name}/${file}`)
  return netns
    .exec(`cat ${paths.join(' ')}`)
    .trimEnd()
    .split('\n')
}
