/**
 * The snapshot of a started kernel, from which every run continues. It is made once for a kernel,
 * an init, a QEMU and a size of memory, before an image is mounted.
 */
import { createHash } from 'node:crypto'
import { readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { builtFile, writeFile } from 'vnet/kit/linux'
import { cachedEntry } from './cache.ts'
import { type ArchiveFile, cpio } from './cpio.ts'
import type { Kernel } from './kernel.ts'
import {
  KERNEL_LINE,
  Machine,
  MEMORIES,
  type Memories,
  machineArguments,
  makeSparse,
  qemuVersion,
} from './machine.ts'
import { ModuleDirectory, START_MODULES } from './modules.ts'

/** A machine that has stopped, on disk. */
export type Snapshot = Readonly<{ ram: string; devices: string; memoryMb: number }>

/** Returns the snapshot of a started kernel. `print` is called if it has to be made. */
export async function bootSnapshot(
  kernel: Kernel,
  memoryMb: number,
  print: (line: string) => void,
): Promise<Snapshot> {
  const archive = cpio(firstFiles(kernel))
  const { size, mtimeMs } = statSync(kernel.image)
  const machine = [...machineArguments(memoryMb), KERNEL_LINE, JSON.stringify(MEMORIES)]
  const parts = [qemuVersion(), kernel.image, size, mtimeMs, ...machine]
  const key = createHash('sha256')
    .update(parts.join('\n'))
    .update(archive)
    .digest('hex')
    .slice(0, KEY_DIGITS)
  const entry = await cachedEntry('boot', key, BOOTS_KEPT, async directory => {
    print('starting the kernel of the guest, once')
    await start(directory, archive, kernel, memoryMb)
    return true
  })
  return { ...filesIn(entry as string), memoryMb }
}

const filesIn = (directory: string) => ({
  ram: join(directory, 'ram'),
  devices: join(directory, 'devices'),
})

const KEY_DIGITS = 16
/** Snapshots of started kernels: one for each size of memory that is in use. */
const BOOTS_KEPT = 3
/** The newest snapshots of stages that the cache keeps. Each takes some 300 MB. */
const STAGES_KEPT = 4

/**
 * Returns the snapshot of a job at its first stop. If the cache does not have it, `run` makes its
 * files in a directory, and returns undefined; if `run` returns something else, that is returned in
 * its place, and nothing is cached. `key` names all that the snapshot depends on.
 */
export async function stageSnapshot<End>(
  key: string,
  memoryMb: number,
  run: (directory: string) => Promise<End | undefined>,
): Promise<Snapshot | { readonly end: End }> {
  const name = createHash('sha256').update(key).digest('hex').slice(0, KEY_DIGITS)
  let end: End | undefined
  const entry = await cachedEntry('stage', name, STAGES_KEPT, async directory => {
    end = await run(directory)
    return end === undefined
  })
  return entry === undefined ? { end: end as End } : { ...filesIn(entry), memoryMb }
}

/** The files that the kernel starts with: init, and modules in the order of loading. */
function firstFiles(kernel: Kernel): ArchiveFile[] {
  const modules = new ModuleDirectory(kernel).inOrder(START_MODULES).map(({ content }, i) => ({
    name: `modules/${String(i).padStart(2, '0')}.ko`,
    content,
  }))
  const init = {
    name: 'init',
    content: readFileSync(builtFile('vnet-guest', 'the init of guests')),
    isProgram: true,
  }
  return [...['dev', 'proc', 'sys', 'modules'].map(name => ({ name })), init, ...modules]
}

/** Starts the kernel, and saves the machine in a directory when its init has stopped it. */
async function start(
  directory: string,
  archive: Uint8Array,
  kernel: Kernel,
  memoryMb: number,
): Promise<void> {
  const initramfs = join(directory, 'initramfs')
  writeFile(initramfs, archive)
  const { ram, devices } = filesIn(directory)
  const empty = Object.entries(MEMORIES).map(([name, mib]) => [
    name,
    makeSparse(join(directory, name), mib),
  ])
  const memories: Memories = Object.fromEntries(empty)
  const machine = new Machine({
    memoryMb,
    ram: makeSparse(ram, memoryMb),
    keeps: true,
    start: { kernel: kernel.image, initramfs },
    memories,
    console: join(directory, 'console'),
  })
  try {
    await machine.stopped()
    await machine.saveDevices(devices)
  } finally {
    await machine.close()
  }
  for (const path of [initramfs, ...Object.values(memories)]) {
    rmSync(path)
  }
}
