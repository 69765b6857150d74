/** Files that look like modules of a kernel. */
import { Buffer } from 'node:buffer'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Kernel } from '../../src/kernel.ts'

/** Returns an ELF file with these texts in its section .modinfo. */
export function moduleFile(info: readonly string[]): Buffer {
  const names = Buffer.from('\0.shstrtab\0.modinfo\0')
  const texts = Buffer.from(info.map(text => `${text}\0`).join(''))
  const start = 64 + names.length + texts.length
  const header = Buffer.alloc(64)
  header.writeBigUInt64LE(BigInt(start), 0x28)
  header.writeUInt16LE(64, 0x3a)
  header.writeUInt16LE(3, 0x3c)
  header.writeUInt16LE(1, 0x3e)
  const section = (name: number, offset: number, size: number) => {
    const bytes = Buffer.alloc(64)
    bytes.writeUInt32LE(name)
    bytes.writeBigUInt64LE(BigInt(offset), 0x18)
    bytes.writeBigUInt64LE(BigInt(size), 0x20)
    return bytes
  }
  const sections = [
    section(0, 0, 0),
    section(names.indexOf('.shstrtab'), 64, names.length),
    section(names.indexOf('.modinfo'), 64 + names.length, texts.length),
  ]
  return Buffer.concat([header, names, texts, ...sections])
}

/** Writes modules below `modules`, each with its texts, and returns the kernel that has them. */
export function kernelWith(
  modules: string,
  files: Readonly<Record<string, readonly string[]>>,
  builtin = '',
): Kernel {
  mkdirSync(modules, { recursive: true })
  for (const [name, info] of Object.entries(files)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    writeFileSync(join(modules, name), moduleFile(info))
  }
  writeFileSync(join(modules, 'modules.builtin'), builtin)
  return { release: '6.1.0-test', image: '/none', modules }
}
