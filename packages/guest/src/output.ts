/** The output of the command of a guest. */
import { Buffer } from 'node:buffer'
import type { MailRecord } from './mail.ts'

/** Takes output of the command. The bytes are valid during the call only. */
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
 * same. If the output of a run differs, a line to `print` says so, and the rest follows.
 */
export function trialOutput(write: OnOutput, print: (line: string) => void) {
  const kept = { out: Buffer.alloc(KEPT), err: Buffer.alloc(KEPT) }
  const length = { out: 0, err: 0 }
  const at = { out: 0, err: 0 }
  return {
    take(stream: 'out' | 'err', text: Buffer): void {
      const known = Math.min(length[stream] - at[stream], text.length)
      const before = kept[stream].subarray(at[stream], at[stream] + known)
      const isSame = before.equals(text.subarray(0, before.length))
      if (!isSame) {
        print('the output of the new run differs from here')
      }
      const rest = text.subarray(isSame ? known : 0)
      at[stream] += text.length
      if (rest.length === 0) return
      rest.copy(kept[stream], at[stream] - rest.length)
      length[stream] = at[stream]
      write(stream, rest)
    },

    /** The command starts again: its next output is compared from the beginning. */
    restart(): void {
      at.out = 0
      at.err = 0
    },
  }
}
