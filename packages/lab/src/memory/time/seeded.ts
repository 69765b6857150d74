/**
 * Random numbers and bytes from a seed, for explored runs in memory, so that the packets of a
 * run are the same each time. A module that took one of these functions of CommonJS before vnet was
 * loaded keeps Node's, and so do the keys of TLS, which Node's C++ parts draw.
 */
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { type Random, random } from 'vnet/net'
import { thread } from './real.ts'

type Call = (...args: unknown[]) => unknown
type Done = (error: null, value: unknown) => void

/** Fills elements of a view, or of a buffer. Returns it. */
function fill<T extends ArrayBuffer | ArrayBufferView>(
  source: Random,
  view: T,
  at = 0,
  count?: number,
): T {
  const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(view) ? view : new Uint8Array(view)
  const size = (view as Partial<Uint8Array>).BYTES_PER_ELEMENT ?? 1
  const end = count === undefined ? byteLength : (at + count) * size
  const bytes = new Uint8Array(buffer, byteOffset)
  for (let i = at * size; i < end; i++) {
    bytes[i] = source.below(256)
  }
  return view
}

function uuid(source: Random): string {
  const bytes = fill(source, Buffer.alloc(16))
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** What each function returns, given the result of Node's, which has checked the arguments. */
const VALUES: Readonly<
  Record<string, (source: Random, args: unknown[], nodes: unknown) => unknown>
> = {
  random: source => source.next(),
  randomUUID: uuid,
  randomBytes: (source, _, bytes) => fill(source, bytes as Uint8Array),
  getRandomValues: (source, _, view) => fill(source, view as Uint8Array),
  randomFillSync: (source, [, at, count], view) =>
    fill(source, view as Uint8Array, at as number, count as number),
  randomInt: (source, [min, max]) =>
    max === undefined
      ? source.below(min as number)
      : (min as number) + source.below((max as number) - (min as number)),
}

/** Makes Node's functions ask for the source of the thread. */
export function patchRandom(): void {
  if (thread.hasSeeds) return
  thread.hasSeeds = true
  replace(Math, 'random')
  for (const name of ['randomUUID', 'randomBytes', 'randomFillSync', 'randomInt']) {
    replace(crypto, name)
  }
  for (const name of ['randomUUID', 'getRandomValues']) {
    replace(Object.getPrototypeOf(crypto.webcrypto), name)
  }
  const { randomFill } = crypto as unknown as { randomFill: Call }
  Object.assign(crypto, {
    randomFill: (...args: unknown[]) => {
      if (thread.random === undefined || typeof args.at(-1) !== 'function') {
        return randomFill(...args)
      }
      const done = args.pop() as Done
      process.nextTick(done, null, (crypto.randomFillSync as Call)(...args))
      return undefined
    },
  })
  syncBuiltinESMExports()
}

/** Draws from `seed` until the returned function is called. */
export function seedRandom(seed: number): () => void {
  thread.random = random(seed)
  return () => {
    thread.random = undefined
  }
}

/** The last argument may be a callback, to which Node gives the value later. */
function replace(owner: object, name: string): void {
  const nodes = Reflect.get(owner, name) as Call
  const draw = VALUES[name]
  const value = function (this: unknown, ...args: unknown[]): unknown {
    if (thread.random === undefined || draw === undefined) return nodes.apply(this, args)
    const done = typeof args.at(-1) === 'function' ? (args.pop() as Done) : undefined
    const drawn = draw(thread.random, args, nodes.apply(this, args))
    if (done === undefined) return drawn
    process.nextTick(done, null, drawn)
    return undefined
  }
  Object.defineProperty(owner, name, { value, configurable: true, writable: true })
}
