/**
 * Zip files: written without compression, and read as other programs write them (PKWARE's
 * APPNOTE.TXT). All numbers are little-endian.
 */
import { inflated, limitLength } from './kept-driver.ts'

export interface ZippedFile {
  /** The path in the zip file, `01-drop/drop.js`. */
  readonly name: string
  readonly text: string
}

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const LOCAL_LENGTH = 30
const CENTRAL_LENGTH = 46
const END_LENGTH = 22
const STORED = 0
const DEFLATED = 8
/** Version 2.0 of the format, and names in UTF-8. */
const [VERSION, UTF8] = [20, 0x800]
/** 1 January 1980, which any reader takes. */
const DATE = 0x21

/** Returns numbers of 4 bytes, or of 2 if they are in an array of their own. */
function record(...fields: readonly (number | readonly number[])[]): Uint8Array<ArrayBuffer> {
  const bytes = fields.flatMap(field =>
    typeof field === 'number' ? [0, 8, 16, 24].map(by => field >>> by) : field.flatMap(each => [each, each >>> 8]),
  )
  return Uint8Array.from(bytes)
}

export function zipOf(files: readonly ZippedFile[]): Blob {
  const parts: Uint8Array<ArrayBuffer>[] = []
  const directory: Uint8Array<ArrayBuffer>[] = []
  const lengthOf = (all: readonly Uint8Array[]) => all.reduce((sum, { length }) => sum + length, 0)
  for (const file of files) {
    const [name, bytes] = [file.name, file.text].map(text => new TextEncoder().encode(text)) as [Utf8, Utf8]
    const at = lengthOf(parts)
    const common = record([VERSION, UTF8, STORED, 0, DATE], crc32(bytes), bytes.length, bytes.length, [name.length, 0])
    directory.push(record(CENTRAL, [VERSION]), common, record([0, 0, 0], 0, at), name)
    parts.push(record(LOCAL), common, name, bytes)
  }
  const count = files.length
  const end = record(END, [0, 0, count, count], lengthOf(directory), lengthOf(parts), [0])
  return new Blob([...parts, ...directory, end], { type: 'application/zip' })
}
type Utf8 = Uint8Array<ArrayBuffer>

/** Returns the text of the first file with this name, in any folder; undefined without one. */
export async function textInZip(zip: Uint8Array<ArrayBuffer>, wanted: string): Promise<string | undefined> {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.length)
  let end = zip.length - END_LENGTH
  while (end >= 0 && view.getUint32(end, true) !== END) end--
  if (end < 0) throw new Error('not a zip file')
  let at = view.getUint32(end + 16, true)
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (view.getUint32(at, true) !== CENTRAL) throw new Error('a damaged zip file')
    const [nameLength = 0, extra = 0, comment = 0] = [28, 30, 32].map(from => view.getUint16(at + from, true))
    const name = new TextDecoder().decode(zip.subarray(at + CENTRAL_LENGTH, at + CENTRAL_LENGTH + nameLength))
    if (name.split('/').at(-1) === wanted) return textAt(zip, view, at)
    at += CENTRAL_LENGTH + nameLength + extra + comment
  }
  return undefined
}

/** Returns the text of the file with the directory entry at `at`. */
async function textAt(zip: Uint8Array<ArrayBuffer>, view: DataView, at: number): Promise<string> {
  const method = view.getUint16(at + 10, true)
  const length = view.getUint32(at + 20, true)
  limitLength(length)
  const local = view.getUint32(at + 42, true)
  const start = local + LOCAL_LENGTH + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)
  const bytes = zip.slice(start, start + length)
  if (method === DEFLATED) return inflated(bytes)
  if (method !== STORED) throw new Error('a zip file with another compression than deflate')
  return new TextDecoder().decode(bytes)
}

function crc32(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc
}
