/** Filters in the kernel: the verdicts of BpfProgram, for frames and programs of any kind. */
import { expect, test } from 'vitest'
import { filterLines } from '#src/attach/filter-program.ts'
import { type Random, random } from '#src/base/random.ts'
import * as bpf from '#src/linux/bpf.ts'
import { check } from '#src/linux/errno.ts'
import { loadNative } from '#src/linux/native.ts'
import { compileFilter } from '#src/linux/pcap-filter.ts'
import { BpfProgram } from '#src/packet/bpf.ts'
import { randomFilter } from '#support/filter-texts.ts'
import { fuzzFrames } from '#support/fuzz-frames.ts'
import { SEED, scaled } from '#support/scale.ts'
import { randomProgram } from '../../packet/bpf-model.ts'

const BPF_PROG_TEST_RUN = 10
/** The kernel runs programs over frames of at least an Ethernet header. */
const ETH_HLEN = 14

const native = loadNative()

/** Returns a function that runs the filter in the kernel. */
function inKernel(...filters: BpfProgram[]): Disposable & { matches(frame: Uint8Array): boolean } {
  const program = bpf.loadProgram(native, 'filter', [
    bpf.mov(6, 1),
    ...filterLines(filters, 'no'),
    bpf.movImm(0, 1),
    bpf.exit(),
    'no',
    bpf.movImm(0, 0),
    bpf.exit(),
  ])
  return {
    matches(frame) {
      const attr = new Uint8Array(80)
      const view = new DataView(attr.buffer)
      view.setUint32(0, program, true)
      view.setUint32(8, frame.length, true)
      check(native.bpf(-1, BPF_PROG_TEST_RUN, attr, 16, frame), 'BPF_PROG_TEST_RUN')
      return view.getUint32(4, true) !== 0
    },
    [Symbol.dispose]: () => native.close(program),
  }
}

test('random filters have the same verdict in the kernel and by libpcap', {
  timeout: 900_000,
}, () => {
  const chance = random(SEED)
  const next = fuzzFrames(chance, 2000)
  const seen = { true: 0, false: 0 }
  for (let n = 0; n < scaled(10_000); n++) {
    const text = randomFilter(chance, 3)
    const filter = compiled(text)
    if (filter === undefined) continue
    using kernel = inKernel(filter.program)
    for (let frames = 0; frames < 8; frames++) {
      const { bytes } = next()
      if (bytes.length < 54) continue
      const expected = filter(bytes, 0, bytes.length)
      expect(
        kernel.matches(bytes.slice()),
        `seed ${SEED}: ${text}: ${Buffer.from(bytes).toString('hex')}`,
      ).toBe(expected)
      seen[`${expected}`]++
    }
  }
  expect(Math.min(seen.true, seen.false)).toBeGreaterThan(scaled(10_000))
})

/** Texts of up to `most` characters: what `one` returns, joined. */
function long(one: (n: number) => string, most: number, by = ' or '): string {
  let text = one(0)
  for (let n = 1; text.length + by.length + one(n).length <= most; n++) {
    text += by + one(n)
  }
  return text
}

test.each([
  ['ports, not optimized', 0, [long(n => `tcp port ${n}`, 1000)]],
  ['networks', 1, [long(n => `net 198.${n}`, 1000)]],
  ['loads at positions that other loads give', 0, [long(n => `ip[ip[${n}]:4] = ${n}`, 1000)]],
  [
    'many that load in other orders',
    1,
    Array.from({ length: 12 }, (_, of) =>
      long(n => `ether[${(n * 37 + of * 11) % 200}:4] = ${n} and tcp[tcp[${n + of}]] = ${of}`, 190),
    ),
  ],
])('the kernel takes long filters: %s', { timeout: 60_000 }, (_, optimize, texts) => {
  using kernel = inKernel(...texts.map(text => compileFilter(text, undefined, optimize).program))
  expect(kernel.matches(new Uint8Array(60))).toBe(false)
})

test('a shift by 32 bits leaves nothing', () => {
  using kernel = inKernel(compileFilter('1 << ether[14] = 0').program)
  const frame = new Uint8Array(60)
  expect([31, 32, 33].map(bits => kernel.matches(frame.fill(bits, 14, 15)))).toEqual([
    false,
    true,
    true,
  ])
})

function compiled(text: string) {
  try {
    return compileFilter(text, undefined, 0)
  } catch {
    return undefined
  }
}

test('random programs have the same verdict in the kernel and here', { timeout: 900_000 }, () => {
  const chance = random(SEED)
  let matched = 0
  for (let n = 0; n < scaled(10_000); n++) {
    const program = drawn(chance)
    using kernel = inKernel(program)
    for (let frames = 0; frames < 4; frames++) {
      const frame = Uint8Array.from({ length: ETH_HLEN + chance.below(50) }, () =>
        chance.below(256),
      )
      // The kernel refuses packets that are shorter than their headers.
      frame[12] = 0x88
      const expected = program.run(frame, 0, frame.length) !== 0
      const why = () => `seed ${SEED}: ${JSON.stringify(program.instructions)}: ${frame}`
      expect(kernel.matches(frame), why()).toBe(expected)
      if (expected) {
        matched++
      }
    }
  }
  expect(matched).toBeGreaterThan(scaled(10_000))
})

function drawn(chance: Random): BpfProgram {
  for (;;) {
    try {
      return new BpfProgram(randomProgram(chance))
    } catch {
      // It breaks a rule.
    }
  }
}
