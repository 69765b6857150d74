/** The file of a capture. */
import { readFileSync } from 'node:fs'

/** Returns the contents of a capture file. Throws Node's error if it cannot be read. */
export const captureBytes = (name: string): Uint8Array => readFileSync(name)
