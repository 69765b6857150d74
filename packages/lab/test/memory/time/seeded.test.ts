/** Random values of explored runs come from their seed. */
import crypto, { randomBytes, randomUUID } from 'node:crypto'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { patchRandom, seedRandom } from '../../../src/memory/time/seeded.ts'

patchRandom()

async function drawn(): Promise<unknown[]> {
  const numbers = new Uint16Array(4)
  const taken = createRequire(import.meta.url)('node:crypto') as typeof crypto
  return [
    Math.random(),
    randomBytes(4).toString('hex'),
    (await promisify(crypto.randomBytes)(4)).toString('hex'),
    randomUUID(),
    globalThis.crypto.randomUUID(),
    taken.randomInt(1000),
    taken.randomInt(1000, 1002),
    await new Promise(resolve => crypto.randomInt(7, (_, value) => resolve(value))),
    [...globalThis.crypto.getRandomValues(new Uint32Array(2))],
    [...(crypto.randomFillSync(numbers, 1, 2) as Uint16Array)],
    [...((await promisify(crypto.randomFill)(Buffer.alloc(4))) as Buffer)],
  ]
}

test("one seed draws the same values, another seed others, and without one they are Node's", async () => {
  const draw = async (seed: number) => {
    const end = seedRandom(seed)
    try {
      return await drawn()
    } finally {
      end()
    }
  }
  const first = await draw(7)
  expect(await draw(7)).toEqual(first)
  expect(await draw(8)).not.toEqual(first)
  expect(await drawn()).not.toEqual(await drawn())
  expect(first[3]).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
  const [, , , , , below, between, callback, , filled] = first as [
    0,
    0,
    0,
    0,
    0,
    number,
    number,
    number,
    0,
    number[],
  ]
  expect([
    below >= 0 && below < 1000,
    [1000, 1001].includes(between),
    callback >= 0 && callback < 7,
  ]).toEqual([true, true, true])
  // Only the elements that were asked for.
  expect([filled[0], filled[3], filled[1] !== 0]).toEqual([0, 0, true])
})

test('wrong arguments are errors of Node', () => {
  const end = seedRandom(1)
  try {
    expect(() => randomBytes(-1)).toThrow('out of range')
    expect(() => crypto.randomInt(5, 1)).toThrow('out of range')
    expect(() => globalThis.crypto.getRandomValues(new Float32Array(1) as never)).toThrow()
  } finally {
    end()
  }
  syncBuiltinESMExports()
})
