/** The file of a capture. */
import { readFileSync } from 'node:fs'

export const captureBytes = (name: string): Uint8Array => readFileSync(name)
