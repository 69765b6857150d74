/** The output of the command of a guest. */
import { Buffer } from 'node:buffer'
import type { MailRecord } from './mail.ts'

export type OnOutput = (stream: 'out' | 'err', bytes: Buffer) => void

/** Passes on a record of output. Returns whether it is one. */
export function takeOutput({ kind, content }: MailRecord, onOutput: OnOutput): boolean {
  if (kind !== 'o' && kind !== 'e') return false
  onOutput(kind === 'o' ? 'out' : 'err', content)
  return true
}

/** The last bytes of an output, of both streams. */
export class LastOutput {
  bytes: Buffer
  readonly #max: number

  constructor(max: number, before: Buffer = Buffer.alloc(0)) {
    this.#max = max
    this.bytes = before
  }

  readonly take: OnOutput = (_, bytes) => {
    this.bytes = Buffer.concat([this.bytes, bytes]).subarray(-this.#max)
  }
}
