/** The random stream of a stage: a stream of its own, so that no stage shifts another's. */
import { type Random, random } from '../base/random.ts'

/** Returns the stream of a name, `ab/loss/2`, under a seed. FNV-1a over both, then mixed. */
export function stream(seed: number, name: string): Random {
  let hash = 0x811c9dc5
  for (const char of `${seed}/${name}`) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return random(hash ^ (hash >>> 13))
}
