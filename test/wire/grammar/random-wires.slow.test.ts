import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import type { WireResources } from '#src/netdev/device-wire.ts'
import { printGroups } from '#src/wire/grammar/groups.ts'
import { parseWire } from '#src/wire/parse.ts'
import type { Impairment } from '#src/wire/wire.ts'
import { forAll } from '#support/for-all.ts'
import { either, SEED } from '#support/scale.ts'
import { plainFrame, TestWire } from '#support/wire.ts'
import { wires } from './arbitrary.ts'

/** Each has frame memory of its own, which is freed late. */
const WIRES = either(300, 30)

/** Filters match frames by the last bit of their payload's first byte. */
const resources: WireResources = {
  filter: text =>
    Object.assign((bytes: Uint8Array, at: number) => (bytes[at + 14] & 1) === text.length % 2, {
      text,
    }),
  file: path => (path.includes('t') ? '-8192 0 8192' : '1\n2\n40\n'),
}

const open: TestWire[] = []
afterEach(() => {
  for (const wire of open.splice(0)) {
    wire.chain.close()
  }
})

function makeWire(stages: readonly Impairment[], seed: number): TestWire {
  const wire = new TestWire(stages, { seed, log: true })
  open.push(wire)
  return wire
}

/** Returns no stages for a spec with values that a stage refuses. */
function parse(text: string): Impairment[] {
  try {
    return parseWire(text, resources)
  } catch (error) {
    expect((error as Error).name).toBe('FileError')
    return []
  }
}

const steps = fc.array(
  fc.record({
    frames: fc.nat({ max: 40 }),
    length: fc.integer({ min: 14, max: 1514 }),
    ns: fc.nat({ max: 50_000_000 }),
  }),
  { maxLength: 12 },
)

function send(
  wire: TestWire,
  { frames, length, ns }: { frames: number; length: number; ns: number },
): void {
  for (let i = 0; i < frames; i++) {
    const bytes = plainFrame(length)
    if (length > 14) {
      bytes[14] = i
    }
    wire.sendFrame(bytes)
  }
  wire.advance(ns)
}

/** What came out, when and with which bytes. */
const packetsOf = ({ received }: TestWire) =>
  received.map(({ id, time, bytes }) => `${id} ${time} ${Buffer.from(bytes).toString('latin1')}`)

test('in + duplicated = out + dropped + held for any words, at any moment, across changes and the end', () => {
  let packets = 0
  forAll(
    { numRuns: WIRES, seed: SEED },
    [fc.array(wires, { minLength: 1, maxLength: 3 }), steps, fc.nat()],
    (changes, sent, seed) => {
      const wire = makeWire([], seed)
      for (const change of changes) {
        wire.chain.set(parse(printGroups(change)))
        for (const step of sent) {
          send(wire, step)
          packets += step.frames
          wire.conserved()
        }
      }
      wire.chain.close()
      expect(wire.conserved().held).toBe(0)
      expect(wire.failures).toEqual([])
      open.pop()
    },
  )
  expect(packets).toBeGreaterThan(WIRES)
})

test('the same spec, seed and arrivals give the same decisions', () => {
  forAll({ numRuns: WIRES / 3, seed: SEED }, [wires, steps, fc.nat()], (groups, sent, seed) => {
    const text = printGroups(groups)
    const [first, second] = [makeWire(parse(text), seed), makeWire(parse(text), seed)]
    for (const step of sent) {
      send(first, step)
      send(second, step)
    }
    expect(JSON.stringify(second.decisions)).toBe(JSON.stringify(first.decisions))
    expect(packetsOf(second)).toEqual(packetsOf(first))
    for (const wire of open.splice(0)) {
      wire.chain.close()
    }
  })
})
