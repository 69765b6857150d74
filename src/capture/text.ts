// A file may hold any bytes: what is not UTF-8 becomes U+FFFD.
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Decodes the text of an option. A zero byte ends it, as readers of pcapng must take it. */
export function decodeText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return UTF8.decode(end < 0 ? bytes : bytes.subarray(0, end))
}
