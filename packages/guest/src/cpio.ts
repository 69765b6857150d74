/** Archives in the format "newc" of cpio(5), from which a kernel starts. */
import { Buffer } from 'node:buffer'

const MAGIC = '070701'
const REGULAR = 0o100_000
const DIRECTORY = 0o040_000

/** A file of the archive; one without content is a directory. */
export type ArchiveFile = Readonly<{ name: string; content?: Uint8Array; isProgram?: boolean }>

export function cpio(files: readonly ArchiveFile[]): Buffer {
  const parts: Uint8Array[] = []
  for (const [index, { name, content, isProgram }] of files.entries()) {
    const mode = content === undefined ? DIRECTORY | 0o755 : REGULAR | (isProgram ? 0o755 : 0o644)
    parts.push(...entry(name, index + 1, mode, content ?? new Uint8Array()))
  }
  parts.push(...entry('TRAILER!!!', 0, 0, new Uint8Array()))
  return Buffer.concat(parts)
}

/** A header of 13 numbers of eight digits, the name, the content; each at a multiple of 4. */
function entry(name: string, inode: number, mode: number, content: Uint8Array): Uint8Array[] {
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0]
  const header = MAGIC + fields.map(field => field.toString(16).padStart(8, '0')).join('')
  return [padded(Buffer.from(`${header}${name}\0`)), padded(content)]
}

const padded = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat([bytes, new Uint8Array(-bytes.length & 3)])
