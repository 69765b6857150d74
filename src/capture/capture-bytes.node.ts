/** The file of a capture. */
import { readFileSync } from 'node:fs'

export function captureBytes(name: string): Uint8Array {
  return readFileSync(name)
}
