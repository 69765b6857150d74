/**
 * Names as in the kernel: any bytes but NUL, mostly UTF-8. A name that is UTF-8 is decoded as such.
 * In any other name each byte from 0x80 becomes a lone surrogate, U+DC80 to U+DCFF, as in Python's
 * `surrogateescape`. So different names are different strings, and encoding restores the bytes.
 */
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true })
const ENCODER = new TextEncoder()
const ESCAPED = /([\udc80-\udcff])/u

/** Decodes the bytes of a name. */
export const decodeName = (octets: Uint8Array): string => decodeAscii(octets) ?? decodeOther(octets)

/** Most names are ASCII, which takes no decoder. Returns undefined for another name. */
function decodeAscii(octets: Uint8Array): string | undefined {
  let name = ''
  for (const octet of octets) {
    if (octet >= 0x80) return undefined
    name += String.fromCharCode(octet)
  }
  return name
}

function decodeOther(octets: Uint8Array): string {
  try {
    // A copy of a few bytes: TextDecoder refuses views of a SharedArrayBuffer.
    return UTF8.decode(octets.slice())
  } catch {
    return Array.from(octets, octet =>
      String.fromCharCode(octet < 0x80 ? octet : 0xdc00 | octet),
    ).join('')
  }
}

/** Returns the bytes that `decodeName` turns into this name: UTF-8 and the escaped bytes. */
export function encodeName(name: string): Uint8Array {
  if (!ESCAPED.test(name)) return ENCODER.encode(name)
  const octetsOf = (part: string) =>
    ESCAPED.test(part) ? [part.charCodeAt(0) & 0xff] : [...ENCODER.encode(part)]
  return Uint8Array.from(name.split(ESCAPED).flatMap(octetsOf))
}
