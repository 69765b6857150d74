/**
 * Loaded before each test file. Makes `toEqual` fast for bytes and lists of numbers that are equal:
 * vitest takes a microsecond and more for each, so comparing a frame takes longer than handling it.
 * Unequal ones are left to vitest.
 */
import { expect } from 'vitest'

const ADDED = Symbol.for('vnet.equalOctets')
/** A process runs many test files, and keeps the testers. */
const shared = globalThis as { [ADDED]?: true }

/** Lists below this length are compared as fast by vitest. */
const FEW = 8

function areEqualOctets(a: unknown, b: unknown): true | undefined {
  if (a instanceof Uint8Array) {
    const isSame = b instanceof Uint8Array && a.constructor === b.constructor
    return isSame && Buffer.compare(a, b) === 0 ? true : undefined
  }
  if (!Array.isArray(a) || !Array.isArray(b)) return undefined
  if (a.length < FEW || a.length !== b.length) return undefined
  for (let i = 0; i < a.length; i++) {
    if (typeof a[i] !== 'number' || !Object.is(a[i], b[i])) return undefined
  }
  return true
}

if (shared[ADDED] === undefined) {
  shared[ADDED] = true
  expect.addEqualityTesters([areEqualOctets])
}
