/** What capture-bytes.node.ts is in a browser, which has no files. */

/** Always throws: the caller must pass the bytes. */
export function captureBytes(name: string): Uint8Array {
  throw new Error(`${name}: a browser has no files: pass the bytes of the capture`)
}
