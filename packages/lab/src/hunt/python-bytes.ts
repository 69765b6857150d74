/**
 * Python literals: bytes as an expression of Python 3 that people can read. Text is as it is, a
 * repeated text is a product, numbered lines are a loop, and all else is base64 in lines.
 */
import { deflateSync } from 'node:zlib'

/** An expression, and the modules that it needs. */
export interface PythonBytes {
  /** It may have several lines; further lines have the indent, except lines of base64. */
  readonly expression: string
  readonly imports: readonly string[]
}

/** A part of bytes, as a text with a character for each byte. */
interface Piece {
  readonly length: number
  readonly kind: 'text' | 'times' | 'numbered'
  /** The text, or the repeated text, or the format of a line with its number as %d. */
  readonly text: string
  /** The times, or the first number. */
  readonly from: number
  /** After the last number. */
  readonly to: number
}

/** Columns of a line of base64, and of a literal. */
const BASE64_COLUMNS = 76
const LITERAL_COLUMNS = 84
/** The longest text that may be repeated. */
const PERIOD_MAX = 128
/** A part of at least so many bytes, and so many repetitions, is worth another form. */
const FOLDED_MIN = 48
const TIMES_MIN = 3
/** The most bytes of a text that is readable as it is, and of other bytes. */
const TEXT_MAX = 2000
const BINARY_MAX = 128
/** In a readable text, one in so many characters may be an escape. */
const ESCAPES = 10
const LINE_MAX = 200

/** Returns bytes as an expression. `indent` is before each line but the first. */
export function pythonBytes(bytes: Uint8Array, indent = ''): PythonBytes {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  const imports = new Set<string>()
  const terms = piecesOf(text).flatMap(piece => termsOf(piece, imports))
  const expression = terms.length === 0 ? "b''" : terms.join(` +\n${indent}`)
  return { expression, imports: [...imports] }
}

function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = []
  let from = 0
  let at = 0
  while (at < text.length) {
    const folded = numberedAt(text, at) ?? repeatedAt(text, at)
    if (folded === undefined) {
      at++
    } else {
      pieces.push(...plainPieces(text.slice(from, at)), folded)
      at += folded.length
      from = at
    }
  }
  return [...pieces, ...plainPieces(text.slice(from))]
}

/** Returns the lines of a header, such as that of HTTP, apart from what follows it. */
function plainPieces(text: string): Piece[] {
  const header = /^(?:[\t -~]{0,200}\r\n)+/.exec(text)?.[0] ?? ''
  const parts = header.length > TEXT_MAX ? [text] : [header, text.slice(header.length)]
  return parts.filter(part => part !== '').map(textPiece)
}

const textPiece = (text: string): Piece => ({
  kind: 'text',
  length: text.length,
  text,
  from: 0,
  to: 0,
})

/** Returns lines that differ only in a number, which counts by one. */
function numberedAt(text: string, at: number): Piece | undefined {
  if (at > 0 && text[at - 1] !== '\n') return undefined
  const end = text.indexOf('\n', at) + 1
  if (end === 0 || end - at > LINE_MAX) return undefined
  const line = text.slice(at, end)
  for (const { 0: digits, index } of line.matchAll(/\d{1,15}/g)) {
    const [before, after] = [line.slice(0, index), line.slice(index + digits.length)]
    const width = digits.startsWith('0') && digits.length > 1 ? digits.length : 0
    const lineOf = (n: number) => before + String(n).padStart(width, '0') + after
    let to = Number(digits)
    let length = 0
    for (; text.startsWith(lineOf(to), at + length); to++) {
      length += lineOf(to).length
    }
    const from = Number(digits)
    if (to - from < TIMES_MIN || length < FOLDED_MIN) continue
    const format = `${escapedPercent(before)}%${width === 0 ? '' : `0${width}`}d${escapedPercent(after)}`
    return { kind: 'numbered', length, text: format, from, to }
  }
  return undefined
}

const escapedPercent = (text: string): string => text.replaceAll('%', '%%')

/** Returns a text that is repeated from here on. */
function repeatedAt(text: string, at: number): Piece | undefined {
  const most = Math.min(PERIOD_MAX, (text.length - at) / TIMES_MIN)
  for (let period = 1; period <= most; period++) {
    let end = at + period
    while (end < text.length && text.charCodeAt(end) === text.charCodeAt(end - period)) {
      end++
    }
    const times = Math.floor((end - at) / period)
    if (times < TIMES_MIN || times * period < FOLDED_MIN) continue
    const own = text.slice(at, at + period)
    return { kind: 'times', length: times * period, text: own, from: times, to: 0 }
  }
  return undefined
}

function termsOf({ kind, text, from, to }: Piece, imports: Set<string>): string[] {
  if (kind === 'times') return [`${literal(text)} * ${from}`]
  if (kind === 'numbered') {
    return [`b''.join(${literal(text)} % i for i in range(${from}, ${to}))`]
  }
  return isReadable(text) ? literals(text) : [packed(text, imports)]
}

function isReadable(text: string): boolean {
  if (text.length <= BINARY_MAX) return true
  const escapes = text.replaceAll(/[\n -~]|\r\n/g, '').length
  return text.length <= TEXT_MAX && escapes * ESCAPES <= text.length
}

/** Returns base64, of the compressed bytes if they are shorter. */
function packed(text: string, imports: Set<string>): string {
  const bytes = Buffer.from(text, 'latin1')
  const short = deflateSync(bytes, { level: 9 })
  const isShorter = short.length < bytes.length
  const lines = (isShorter ? short : bytes)
    .toString('base64')
    .replaceAll(new RegExp(`.{1,${BASE64_COLUMNS}}`, 'g'), '$&\n')
  imports.add('base64')
  const decoded = `base64.b64decode('''\n${lines}''')`
  if (!isShorter) return decoded
  imports.add('zlib')
  return `zlib.decompress(${decoded})`
}

const ESCAPED: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

const escaped = (text: string): string =>
  text.replaceAll(
    /[^ -~]|[\\']/g,
    one => ESCAPED[one] ?? `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )

const literal = (text: string): string => `b'${escaped(text)}'`

/** Returns a text as literals, one for each line of it and for each line that it fills. */
function literals(text: string): string[] {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? []
  return lines.flatMap(line => {
    const parts: string[] = []
    let part = ''
    for (const one of line) {
      const next = escaped(one)
      if (part.length + next.length > LITERAL_COLUMNS) {
        parts.push(part)
        part = ''
      }
      part += next
    }
    return [...parts, part].map(each => `b'${each}'`)
  })
}
