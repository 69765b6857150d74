/** The seed of the wire that a vnet recorded, from the comments of its dropped packets. */
import { printable } from '../../base/printable.ts'
import { FileError, UsageError } from '../../base/usage-error.ts'
import { CaptureError } from '../../capture/input.ts'
import { CaptureReader } from '../../capture/reader.ts'
import type { ReplayInput } from './input.ts'

/**
 * `dropped: wire ab, stage 1 loss 5% (seed 3, packet 13)`, from capturedDropText, and an id if that
 * is another number. Unlike the fields of a drop, editcap(1) and Wireshark keep it.
 */
const WIRE = /^dropped: wire (?:(?:in|out) \()?(?:ab|ba)\)?, /
const SEED = /\(seed (\d+), packet -?\d+\)(?:, id \d+)?$/

/**
 * Returns the only seed in the comments of a capture; undefined if it has none, or is read from a
 * pipe. Rejects with a UsageError for several seeds, and with a FileError for a comment of a wire
 * without its seed. Packets after a defect of the file do not count.
 */
export async function capturedSeed(input: ReplayInput): Promise<number | undefined> {
  if (!input.repeats) return undefined
  const reader = new CaptureReader(input.name)
  const chunks = input.chunks()
  const seeds = new Set<number>()
  let packets = 0
  const scan = () => {
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      packets++
      for (const comment of record.comments) {
        if (WIRE.test(comment)) seeds.add(seedOf(comment, `${input.name}: packet ${packets}`))
      }
    }
  }
  try {
    for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next()) {
      reader.push(chunk.value)
      scan()
    }
    reader.end()
    scan()
  } catch (error) {
    // The simulation reports it.
    if (!(error instanceof CaptureError)) throw error
  }
  if (seeds.size > 1) {
    const [one, other] = seeds
    throw new UsageError(`${input.name}: its comments have several seeds, such as ${one} and ${other}: give --seed`)
  }
  return [...seeds][0]
}

function seedOf(comment: string, place: string): number {
  const seed = Number(SEED.exec(comment)?.[1])
  if (seed >= 1 && Number.isSafeInteger(seed)) return seed
  throw new FileError(`${place}: the comment '${printable(comment)}' has no seed of a wire: give --seed`)
}
