/** `vnet host` in a namespace of its own, and files that it serves. */
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { testDirectory } from '#support/fresh-directory.ts'
import { type Netns, type OwnNetns, outcome } from '#support/netns.ts'
import { type Running, spawnVnet } from '#support/vnet-process.ts'

export interface RunningHost {
  readonly netns: Netns
  readonly vnet: Running
  /** Returns what a shell prints in the namespace. */
  sh(command: string): Promise<string>
}

export async function runningHost(own: OwnNetns, ...args: readonly string[]): Promise<RunningHost> {
  const netns = own.add()
  netns.ip('link set lo up')
  const vnet = await spawnVnet(['host', ...args], {
    within: ['ip', 'netns', 'exec', netns.name],
    until: /^ready: /,
  })
  const sh = async (command: string) => {
    const { stdout, stderr } = await outcome(netns.spawn(['sh', '-c', command]))
    return stdout + stderr
  }
  return { netns, vnet, sh }
}

/** Makes a file of random bytes. Returns its directory, its name, and its SHA-256. */
export function randomFile(mebibytes: number): { directory: string; name: string; sha256: string } {
  const directory = testDirectory()
  const fd = openSync(join(directory, 'file'), 'w')
  const hash = createHash('sha256')
  for (let i = 0; i < mebibytes; i++) {
    const bytes = randomBytes(2 ** 20)
    hash.update(bytes)
    writeSync(fd, bytes)
  }
  closeSync(fd)
  return { directory, name: 'file', sha256: hash.digest('hex') }
}
