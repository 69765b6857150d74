/**
 * Classic BPF: each instruction, each rule, and random programs against the slow model of
 * bpf-model.ts.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { type BpfInstruction, BpfProgram } from '#src/packet/bpf.ts'
import * as codes from '#src/packet/bpf-codes.ts'
import { either, SEED, scaled } from '#support/scale.ts'
import { CODE, isValid, model, type Name, op, randomProgram } from './bpf-model.ts'

const MAX = 0xffffffff
const RET_A = op('ret a')

/** The frame of 8 bytes stands in the middle of others, which no program may see. */
const FRAME = [0x81, 0x02, 0xf3, 0x04, 0x45, 0x06, 0x07, 0xff]
const AT = 3
const bytes = Uint8Array.from([0xee, 0xee, 0xee, ...FRAME, 0xee, 0xee, 0xee, 0xee])

const run = (...program: BpfInstruction[]) => new BpfProgram(program).run(bytes, AT, FRAME.length)
/** Returns A after instructions that start with the given registers. */
const given = (a: number, x: number, ...rest: BpfInstruction[]) =>
  run(op('ldx #', x), op('ld #', a), ...rest, RET_A)

describe('loads', () => {
  test.each<[Name, number, number]>([
    ['ld #', MAX, MAX],
    ['ld []', 0, 0x8102f304],
    ['ld []', 4, 0x450607ff],
    ['ldh []', 2, 0xf304],
    ['ldh []', 6, 0x07ff],
    ['ldb []', 0, 0x81],
    ['ldb []', 7, 0xff],
    ['ld [x+]', 2, 0x450607ff],
    ['ldh [x+]', 4, 0x07ff],
    ['ldb [x+]', 5, 0xff],
    ['ld len', 0, 8],
  ])('%s %i loads %i into A (X is 2)', (name, k, expected) => {
    expect(given(77, 2, op(name, k))).toBe(expected)
  })

  test.each<[Name, number, number]>([
    ['ldx #', MAX, MAX],
    ['ldx len', 0, 8],
    ['msh', 4, 20],
    ['msh', 7, 60],
  ])('%s %i loads %i into X', (name, k, expected) => {
    expect(given(77, 2, op(name, k), op('txa'))).toBe(expected)
  })

  test('len is the whole length of a frame that was cut off, and loads end at its bytes', () => {
    const cut = (...program: BpfInstruction[]) =>
      new BpfProgram(program).runCutOff(Uint8Array.from(FRAME), 1500)
    expect([cut(op('ld len'), RET_A), cut(op('ldx len'), op('txa'), RET_A)]).toEqual([1500, 1500])
    expect([cut(op('ldb []', 7), RET_A), cut(op('ldb []', 8), op('ret #', 9))]).toEqual([0xff, 0])
    expect(cut(op('ld len'), op('ldb []', 8), op('ret #', 9))).toBe(0)
  })

  test('ld M, ldx M, st and stx use all 16 words of scratch memory', () => {
    for (let i = 0; i < 16; i++) {
      expect(given(MAX - i, 2, op('st', i), op('ld #', 1), op('ld M', i))).toBe(MAX - i)
      expect(given(5, i + 100, op('stx', i), op('ldx M', i), op('txa'))).toBe(i + 100)
    }
  })

  test.each<[Name, number]>([
    ['ld []', 5],
    ['ldh []', 7],
    ['ldb []', 8],
    ['msh', 8],
    ['ld []', 0x7fffffff],
    ['ldb []', 0x80000000],
    ['ld [x+]', 3],
    ['ldh [x+]', 5],
    ['ldb [x+]', 6],
    ['ldb [x+]', 0x7fffffff],
    ['ldb [x+]', 0xfffffffe],
    ['ldh [x+]', MAX],
    ['msh', MAX],
  ])('%s %i is outside the frame and ends the program with 0 (X is 2)', (name, k) => {
    expect(given(77, 2, op(name, k), op('ret #', 9))).toBe(0)
  })

  test('an X beyond the frame ends the program with 0, also if X + k wraps to a byte of the frame', () => {
    for (const [x, k] of [
      [MAX, 1],
      [0x80000000, 0x80000000],
      [9, 0],
      [0x7fffffff, 0x7fffffff],
    ]) {
      for (const name of ['ld [x+]', 'ldh [x+]', 'ldb [x+]'] as const) {
        expect(given(77, x, op(name, k))).toBe(0)
      }
    }
  })

  test('loads from frames shorter than the load end the program with 0', () => {
    for (const name of [
      'ld []',
      'ldh []',
      'ldb []',
      'ld [x+]',
      'ldh [x+]',
      'ldb [x+]',
      'msh',
    ] as const) {
      expect(new BpfProgram([op(name), op('ret #', 9)]).run(bytes, AT, 0)).toBe(0)
    }
    expect(new BpfProgram([op('ld []'), op('ret #', 9)]).run(bytes, AT, 3)).toBe(0)
    expect(new BpfProgram([op('ldh []'), op('ret #', 9)]).run(bytes, AT, 1)).toBe(0)
  })
})

describe('arithmetic', () => {
  const cases: [string, number, number, number][] = [
    ['add', MAX, 2, 1],
    ['sub', 1, 2, MAX],
    ['mul', 0x12345678, 0x9abcdef1, 0x366176f8],
    ['mul', MAX, MAX, 1],
    ['div', MAX, 2, 0x7fffffff],
    ['div', 0x80000000, MAX, 0],
    ['div', MAX, 1, MAX],
    ['mod', MAX, 10, 5],
    ['mod', 7, 0x80000001, 7],
    ['or', 0x80000001, 0x10, 0x80000011],
    ['and', 0xf0f0f0f0, 0x8000ffff, 0x8000f0f0],
    ['xor', MAX, 0x0f, 0xfffffff0],
    ['lsh', 3, 31, 0x80000000],
    ['lsh', 0x80000001, 0, 0x80000001],
    ['rsh', 0x80000000, 31, 1],
    ['rsh', 0x80000001, 0, 0x80000001],
  ]
  test.each(cases)(
    '%s of %i and %i is %i, with a constant and with X',
    (name, a, operand, expected) => {
      expect(given(a, 99, op(`${name} #` as Name, operand))).toBe(expected)
      expect(given(a, operand, op(`${name} x` as Name))).toBe(expected)
    },
  )

  test('neg negates A modulo 2^32', () => {
    expect([
      given(1, 0, op('neg')),
      given(0, 0, op('neg')),
      given(0x80000000, 0, op('neg')),
    ]).toEqual([MAX, 0, 0x80000000])
  })

  test('division and remainder by an X of zero end the program with 0', () => {
    expect(given(7, 0, op('div x'), op('ret #', 9))).toBe(0)
    expect(given(7, 0, op('mod x'), op('ret #', 9))).toBe(0)
  })

  test('a shift by an X of 32 or more gives 0', () => {
    for (const x of [32, 33, 0x80000000, MAX]) {
      expect([given(MAX, x, op('lsh x')), given(MAX, x, op('rsh x'))]).toEqual([0, 0])
    }
  })

  test('tax and txa copy one register to the other', () => {
    expect(given(7, 5, op('tax'), op('ld #', 1), op('txa'))).toBe(7)
    expect(given(7, 5, op('txa'))).toBe(5)
  })
})

describe('jumps and returns', () => {
  const cases: [string, number, number, boolean][] = [
    ['jeq', MAX, MAX, true],
    ['jeq', 1, 2, false],
    ['jgt', MAX, 1, true],
    ['jgt', 1, MAX, false],
    ['jgt', 5, 5, false],
    ['jge', 0x80000000, 0x7fffffff, true],
    ['jge', 5, 5, true],
    ['jge', 0, 0x80000000, false],
    ['jset', 0x80000000, 0xc0000000, true],
    ['jset', 3, 4, false],
  ]
  test.each(cases)(
    '%s of %i and %i is %s, with a constant and with X',
    (name, a, operand, expected) => {
      const ends = [op('ret #', 1), op('ret #', 2), op('ret #', 3)]
      expect(given(a, 99, op(`${name} #` as Name, operand, 2, 1), ...ends)).toBe(expected ? 3 : 2)
      expect(given(a, operand, op(`${name} x` as Name, 0, 0, 1), ...ends)).toBe(expected ? 1 : 2)
    },
  )

  test('ja skips k instructions', () => {
    expect(run(op('ja', 1), op('ret #', 1), op('ret #', 2))).toBe(2)
    expect(run(op('ja', 0), op('ret #', 1), op('ret #', 2))).toBe(1)
  })

  test('jumps reach 255 instructions, and ja reaches the end of the longest program', () => {
    const fill = (n: number) => Array.from({ length: n }, () => op('ret #', 1))
    expect(run(op('jeq #', 0, 255, 0), ...fill(255), op('ret #', 2))).toBe(2)
    expect(run(op('ja', 4094), ...fill(4094), op('ret #', 2))).toBe(2)
  })

  test('ret returns a constant or A, unsigned', () => {
    expect([
      run(op('ret #', MAX)),
      run(op('ret #', 0)),
      run(op('ld #', MAX), RET_A),
      run(RET_A),
    ]).toEqual([MAX, 0, MAX, 0])
  })

  test('registers are 0 at the start of every run', () => {
    const program = new BpfProgram([op('add #', 1), op('tax'), RET_A])
    expect([program.run(bytes, AT, 8), program.run(bytes, AT, 8)]).toEqual([1, 1])
    const index = new BpfProgram([op('txa'), op('ldx #', 5), RET_A])
    expect([index.run(bytes, AT, 8), index.run(bytes, AT, 8)]).toEqual([0, 0])
  })
})

describe('the check', () => {
  const END = op('ret #', 1)
  test.each<[string, BpfInstruction[], string]>([
    ['if it is empty', [], 'a BPF program has 1 to 4096 instructions, not 0'],
    [
      'if it is too long',
      Array.from({ length: 4097 }, () => END),
      'a BPF program has 1 to 4096 instructions, not 4097',
    ],
    [
      'if it does not end with a return',
      [END, op('ld #')],
      'BPF instruction 1: the last one is not a return',
    ],
    ['if ja goes past the end', [op('ja', 1), END], 'BPF instruction 0: jump past the end'],
    [
      'if a true branch goes past the end',
      [op('jeq #', 0, 1, 0), END],
      'BPF instruction 0: jump past the end',
    ],
    [
      'if a false branch goes past the end',
      [op('jset x', 0, 0, 1), END],
      'BPF instruction 0: jump past the end',
    ],
    [
      'if ja goes backward',
      [END, op('ja', MAX), END],
      'BPF instruction 1: jump backward, which pcap-filter(7) needs for protochain only, and the kernel refuses',
    ],
    ['if it divides by a constant 0', [op('div #', 0), END], 'BPF instruction 0: division by zero'],
    [
      'if it takes a remainder by a constant 0',
      [op('mod #', 0), END],
      'BPF instruction 0: division by zero',
    ],
    ['if it shifts left by 32', [op('lsh #', 32), END], 'BPF instruction 0: shift by 32 bits'],
    ['if it shifts right by 32', [op('rsh #', 32), END], 'BPF instruction 0: shift by 32 bits'],
    [
      'if it stores A in M[16]',
      [op('st', 16), END],
      'BPF instruction 0: there is no scratch memory M[16]',
    ],
    [
      'if it stores X in M[16]',
      [op('stx', 16), END],
      'BPF instruction 0: there is no scratch memory M[16]',
    ],
    [
      'if it loads A from M[16]',
      [op('ld M', 16), END],
      'BPF instruction 0: there is no scratch memory M[16]',
    ],
    [
      'if it loads X from M[16]',
      [op('ldx M', 16), END],
      'BPF instruction 0: there is no scratch memory M[16]',
    ],
    [
      'if it loads ancillary data (SKF_AD_OFF + SKF_AD_PKTTYPE)',
      [op('ldb []', 0xfffff004), END],
      'BPF instruction 0: load of ancillary data, which only the kernel has',
    ],
    [
      'if it loads from the link layer (SKF_LL_OFF)',
      [op('ldh []', 0xffe00000), END],
      'BPF instruction 0: load of ancillary data, which only the kernel has',
    ],
    [
      'if it reads scratch memory before it is written',
      [op('st', 1), op('ld M', 2), END],
      'BPF instruction 1: M[2] may be read before it is written',
    ],
    [
      'if only one of two ways writes scratch memory that is read',
      [op('jeq #', 0, 0, 1), op('st', 2), op('ldx M', 2), END],
      'BPF instruction 2: M[2] may be read before it is written',
    ],
  ])('a program is refused %s', (_, program, message) => {
    expect(() => new BpfProgram(program)).toThrow(new RangeError(message))
  })

  test('a program is refused if a field does not fit struct sock_filter', () => {
    for (const wrong of [
      { k: -1 },
      { k: 2 ** 32 },
      { k: 0.5 },
      { jt: 256 },
      { jt: -1 },
      { jf: 256 },
      { jf: Number.NaN },
    ]) {
      expect(() => new BpfProgram([{ ...END, ...wrong }])).toThrow(
        'BPF instruction 0: a field is out of range',
      )
    }
  })

  test('a program is refused if it has any code but the 49 that the kernel knows', () => {
    const accepted: number[] = []
    for (let code = 0; code < either(0x10000, 0x1000); code++) {
      try {
        new BpfProgram([op('st', 1), { code, jt: 0, jf: 0, k: 1 }, END, END])
        accepted.push(code)
      } catch (error) {
        if ((error as Error).message !== `BPF instruction 1: unknown code 0x${code.toString(16)}`) {
          throw error
        }
      }
    }
    expect(accepted).toEqual(Object.values(CODE).sort((a, b) => a - b))
    expect(accepted).toHaveLength(49)
  })

  test('a program is accepted if every way to a read of scratch memory writes it first', () => {
    const both = [op('jeq #', 0, 0, 2), op('st', 2), op('ja', 1), op('stx', 2), op('ld M', 2), END]
    expect(run(...both)).toBe(1)
    const returned = [op('st', 2), op('jeq #', 0, 0, 1), END, op('ld M', 2), END]
    expect(run(...returned)).toBe(1)
  })
})

describe('random programs', () => {
  const PROGRAMS = scaled(100_000)
  test('random programs are accepted if the rules hold, and return what the slow model does', {
    timeout: 900_000,
  }, () => {
    const chance = random(SEED)
    const frame = new Uint8Array(128)
    let accepted = 0
    let matched = 0
    for (let n = 0; n < PROGRAMS; n++) {
      const program = randomProgram(chance)
      const why = () => `seed ${SEED}, program ${n}: ${JSON.stringify(program)}`
      let compiled: BpfProgram | undefined
      try {
        compiled = new BpfProgram(program)
      } catch (error) {
        expect(error, why()).toBeInstanceOf(RangeError)
      }
      expect(compiled !== undefined, why()).toBe(isValid(program))
      if (compiled === undefined) continue
      accepted++
      for (let frames = 0; frames < 4; frames++) {
        const at = chance.below(20)
        const length = chance.below(64)
        for (let i = 0; i < frame.length; i++) {
          frame[i] = chance.below(256)
        }
        const expected = model(program, frame.subarray(at, at + length))
        expect(compiled.run(frame, at, length), why()).toBe(expected)
        if (expected !== 0) {
          matched++
        }
      }
    }
    expect(accepted).toBeGreaterThan(PROGRAMS / 4)
    expect(accepted).toBeLessThan(PROGRAMS * 0.9)
    expect(matched).toBeGreaterThan(accepted)
  })
})

describe('the names of codes', () => {
  const source = readFileSync(new URL('../../src/packet/bpf.ts', import.meta.url), 'utf8')
  const cases = [...source.matchAll(/case (0x[0-9a-f]+): \/\/ (\w+)/g)]

  test('the interpreter has one case for each code, and its comment is the name of the code', () => {
    const named = cases.map(([, code, name]) => [name, Number(code)] as const)
    for (const [name, code] of named) {
      expect(codes, `case ${code}`).toHaveProperty(name, code)
    }
    expect(new Set(named.map(([, code]) => code))).toEqual(new Set(Object.values(CODE)))
    expect(named).toHaveLength(Object.values(CODE).length)
  })

  test('the interpreter has no case without a comment, and none that is not a literal', () => {
    const body = source.slice(source.indexOf('  run(bytes'), source.indexOf('function isOutside'))
    expect(body.match(/\bcase .*/g)).toHaveLength(cases.length)
  })
})
