/** HMAC-SHA256 (RFC 2104, FIPS 180-4): crypto.subtle is only for https and this machine's pages. */
const BLOCK = 64
const LENGTH_BYTES = 8

const PRIMES: number[] = []
for (let n = 2; PRIMES.length < 64; n++) if (PRIMES.every(prime => n % prime !== 0)) PRIMES.push(n)

/** The first 32 bits of the fractional part. Doubles have 18 bits more than that here. */
const fraction = (root: number): number => ((root % 1) * 2 ** 32) >>> 0

const K = Uint32Array.from(PRIMES, prime => fraction(Math.cbrt(prime)))
const H = PRIMES.slice(0, 8).map(prime => fraction(Math.sqrt(prime)))

/** Returns the HMAC of a text, both in UTF-8, as hex. */
export function hmacSha256(key: string, text: string): string {
  const [keyBytes, bytes] = [new TextEncoder().encode(key), new TextEncoder().encode(text)]
  const padded = new Uint8Array(BLOCK)
  padded.set(keyBytes.length > BLOCK ? sha256(keyBytes) : keyBytes)
  const keyed = (pad: number, bytes: Uint8Array) => sha256(Uint8Array.of(...padded.map(byte => byte ^ pad), ...bytes))
  return hex(keyed(0x5c, keyed(0x36, bytes)))
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

function sha256(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((bytes.length + 1 + LENGTH_BYTES) / BLOCK) * BLOCK)
  padded.set(bytes)
  padded[bytes.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 4, bytes.length * 8)
  const state = Uint32Array.from(H)
  for (let at = 0; at < padded.length; at += BLOCK) compress(state, view, at)
  const digest = new DataView(new ArrayBuffer(32))
  for (const [i, word] of state.entries()) digest.setUint32(4 * i, word)
  return new Uint8Array(digest.buffer)
}

type Words = [number, number, number, number, number, number, number, number]

const rotated = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits))

function compress(state: Uint32Array, view: DataView, at: number): void {
  const w = new Uint32Array(64)
  for (let t = 0; t < 16; t++) w[t] = view.getUint32(at + 4 * t)
  for (let t = 16; t < 64; t++) {
    const [before15, before2] = [w[t - 15]!, w[t - 2]!]
    const s0 = rotated(before15, 7) ^ rotated(before15, 18) ^ (before15 >>> 3)
    const s1 = rotated(before2, 17) ^ rotated(before2, 19) ^ (before2 >>> 10)
    w[t] = w[t - 16]! + s0 + w[t - 7]! + s1
  }
  let [a, b, c, d, e, f, g, h] = [...state] as Words
  for (let t = 0; t < 64; t++) {
    const s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[t]! + w[t]!) | 0
    const s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0]
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] = state[i]! + word
}
