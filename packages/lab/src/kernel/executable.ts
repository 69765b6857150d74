/** Executable: what a file is that a program is started from. */
import { readSync } from 'node:fs'
import { basename } from 'node:path'
import { openFile } from '../model/open-file.ts'

/** Parts of an ELF file that decide whether the clock of programs can be set for it. */
export interface Executable {
  /** The name of its dynamic loader; undefined for a statically linked program. */
  readonly loader: string | undefined
  readonly isGo: boolean
}

/** The magic number, and 64 bits, little-endian. */
const ELF = '\x7fELF'
const ELF64 = '\x7fELF\x02\x01'

// Offsets of struct Elf64_Ehdr, its size, and offsets of struct Elf64_Phdr.
const E_PHOFF = 32
const E_PHENTSIZE = 54
const E_PHNUM = 56
const EHDR_BYTES = 64

const P_TYPE = 0
const P_OFFSET = 8
const P_FILESZ = 32
const PT_INTERP = 3
const PT_NOTE = 4
/** The owner of the note that has Go's build id. */
const GO = 'Go\0\0'
/** The length of the line of an interpreter (BINPRM_BUF_SIZE). */
const LINE_BYTES = 256

/**
 * Returns the line of a script's interpreter, or what an ELF file is; undefined for any other file.
 * Throws if the file cannot be read.
 */
export function fileKind(path: string): string | Executable | undefined {
  using file = openFile(path, 'r')
  const read = (at: number, bytes: number) => {
    const into = Buffer.alloc(bytes)
    return into.subarray(0, readSync(file.fd, into, 0, bytes, at))
  }
  const line = read(0, LINE_BYTES).toString('latin1')
  if (line.startsWith('#!')) return line.slice(2).split('\n', 1)[0]?.trim()
  if (line.startsWith(ELF64)) return executableOf(read)
  return line.startsWith(ELF) ? { loader: 'a loader of another machine', isGo: false } : undefined
}

function executableOf(read: (at: number, bytes: number) => Buffer): Executable {
  const header = read(0, EHDR_BYTES)
  const size = header.readUInt16LE(E_PHENTSIZE)
  const headers = read(Number(header.readBigUInt64LE(E_PHOFF)), size * header.readUInt16LE(E_PHNUM))
  const ofType = (type: number) =>
    Array.from({ length: headers.length / size }, (_, i) => headers.subarray(i * size))
      .filter(each => each.readUInt32LE(P_TYPE) === type)
      .map(each =>
        read(Number(each.readBigUInt64LE(P_OFFSET)), Number(each.readBigUInt64LE(P_FILESZ))),
      )
  const [loader] = ofType(PT_INTERP)
  return {
    loader: loader && basename(loader.toString('latin1').replace(/\0.*/s, '')),
    isGo: ofType(PT_NOTE).some(note => note.includes(GO)),
  }
}
