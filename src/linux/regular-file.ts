/**
 * Opens, reads and replaces the files that options and settings name. They must be regular files,
 * because open(2) and read(2) may wait for ever for a FIFO, a terminal or a device, and nothing can
 * end that wait. Output may also go to a character device, such as /dev/null.
 */
import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { asUsageError, EEXIST, UsageError, VnetError } from '../base/index.ts'
import { writeFile } from './files.ts'

/** Bytes of a file; the longest trace is far shorter. */
const FILE_MAX = 64 * 1024 * 1024
const CHUNK = 64 * 1024

/** Returns the text of a file. Throws a UsageError, also if it is longer than `most` bytes. */
export function readTextFile(path: string, most = FILE_MAX): string {
  return asUsageError(path, () => {
    const fd = openRegular(path, fs.constants.O_RDONLY)
    try {
      const chunk = Buffer.alloc(CHUNK)
      const chunks: Buffer[] = []
      // Files of /proc have no size, and some have no end.
      for (let length = 0; length <= most; ) {
        const read = fs.readSync(fd, chunk)
        if (read === 0) return Buffer.concat(chunks).toString('utf8')
        chunks.push(Buffer.from(chunk.subarray(0, read)))
        length += read
      }
    } finally {
      fs.closeSync(fd)
    }
    throw new UsageError(`${path}: longer than ${most / 1024 ** 2} MiB`)
  })
}

/** Returns a descriptor that appends to a new file, or to one that it empties unless `keeps`. */
export function openOutput(path: string, { keeps = false, mode = 0o600 } = {}): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_TRUNC } = fs.constants
  return openRegular(path, O_WRONLY | O_APPEND | O_CREAT | (keeps ? 0 : O_TRUNC), mode)
}

/** Throws a UsageError if the path leads to a device, a FIFO or a socket, or to nothing. */
export function checkRegular(path: string): void {
  asUsageError(path, () => refuseIrregular(path, fs.statSync(path)))
}

/** Replaces a file as a whole. Throws a VnetError unless `path` is free or a file of this user. */
export function replaceFile(path: string, text: string, mode: number): void {
  const temporary = `${path}.new`
  for (const each of [path, temporary]) {
    refuseForeign(each)
  }
  fs.rmSync(temporary, { force: true })
  writeFile(temporary, text, { mode, flag: 'wx' })
  fs.renameSync(temporary, path)
}

/** Throws a VnetError unless `path` is free, or a regular file of this user. A link is neither. */
export function refuseForeign(path: string): void {
  const found = fs.lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined || (found.isFile() && found.uid === process.geteuid?.())) return
  throw new VnetError(
    EEXIST,
    ['replace', path],
    `it is ${kindOf(found)}, which vnet does not replace: name another file`,
  )
}

function openRegular(path: string, flags: number, mode?: number): number {
  return asUsageError(path, () => {
    const found = fs.statSync(path, { throwIfNoEntry: false })
    const isOutput = (flags & fs.constants.O_CREAT) !== 0
    if (found !== undefined && !(isOutput && found.isCharacterDevice())) {
      refuseIrregular(path, found)
    }
    if (found === undefined && isOutput) {
      refuseMissingDirectory(path)
    }
    return fs.openSync(path, flags | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY, mode)
  })
}

/** Lets directories pass: the calls that follow refuse them. */
function refuseIrregular(path: string, found: fs.Stats): void {
  if (found.isFile() || found.isDirectory()) return
  throw new UsageError(`${path}: it is ${kindOf(found)}: name a regular file`)
}

/** Names the part of a path that does not exist. */
export function refuseMissingDirectory(path: string): void {
  let missing: string | undefined
  for (let above = dirname(path); !fs.existsSync(above); above = dirname(above)) {
    missing = above
  }
  if (missing !== undefined) {
    throw new UsageError(`${path}: no such file or directory: ${missing}`, { cause: missing })
  }
}

function kindOf(found: fs.Stats): string {
  if (found.isFile()) return `a file of user ${found.uid}`
  if (found.isDirectory()) return 'a directory'
  if (found.isSymbolicLink()) return 'a symbolic link'
  if (found.isFIFO()) return 'a pipe'
  return found.isSocket() ? 'a socket' : 'a device'
}
