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

/** Bytes of each stream that are compared. Later ones are only counted. */
const KEPT = 1 << 20

/**
 * Passes on the output of a first run, and the output of later runs after the part that is the
 * same. If the output of a run differs, a line says so, and the rest follows.
 */
export class TrialOutput {
  readonly #write: OnOutput
  readonly #print: (line: string) => void
  readonly #kept = { out: Buffer.alloc(KEPT), err: Buffer.alloc(KEPT) }
  readonly #length = { out: 0, err: 0 }
  readonly #at = { out: 0, err: 0 }

  constructor(write: OnOutput, print: (line: string) => void) {
    this.#write = write
    this.#print = print
  }

  take(stream: 'out' | 'err', text: Buffer): void {
    const at = this.#at[stream]
    const known = Math.min(this.#length[stream] - at, text.length)
    const kept = this.#kept[stream].subarray(at, at + known)
    const isSame = kept.equals(text.subarray(0, kept.length))
    if (!isSame) this.#print('the output of the new run differs from here')
    const rest = text.subarray(isSame ? known : 0)
    this.#at[stream] += text.length
    if (rest.length === 0) return
    rest.copy(this.#kept[stream], this.#at[stream] - rest.length)
    this.#length[stream] = this.#at[stream]
    this.#write(stream, rest)
  }

  /** The run starts again. */
  restart(): void {
    this.#at.out = this.#at.err = 0
  }
}
