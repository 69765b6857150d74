/**
 * Conditions of packet filters and their BPF programs. A condition is a test of one value in the
 * frame, or a combination of conditions. A test of bytes past the end of the frame rejects it, also
 * inside of `not`: that is how BPF loads.
 */
import type { BpfInstruction } from './bpf.ts'
import * as codes from './bpf-codes.ts'

type Load = Pick<BpfInstruction, 'code' | 'k'>

export interface Test {
  readonly op: 'test'
  /** Instructions that load the accumulator, and the index register if `code` compares with it. */
  readonly loads: readonly Load[]
  /** A conditional jump. */
  readonly code: number
  readonly k: number
}

export type Condition =
  | Test
  | { readonly op: 'and' | 'or'; readonly first: Condition; readonly second: Condition }
  | { readonly op: 'not'; readonly of: Condition }

/** The value that a program returns for accepted frames, as from libpcap. */
const ACCEPT = 0xffff
/** A program that accepts every frame. */
export const EVERY_FRAME: BpfInstruction = { code: codes.RET_K, jt: 0, jf: 0, k: ACCEPT }
/** The longest distance of a conditional jump. */
const JUMP_MAX = 255

export const and = (first: Condition, second: Condition): Condition => ({
  op: 'and',
  first,
  second,
})
export const or = (first: Condition, second: Condition): Condition => ({ op: 'or', first, second })
export const not = (of: Condition): Condition => ({ op: 'not', of })
export const all = (...of: readonly [Condition, ...Condition[]]): Condition => of.reduce(and)
export const any = (...of: readonly [Condition, ...Condition[]]): Condition => of.reduce(or)

/** Tests loaded values: by default, whether they are equal to `k`. */
export const testing = (loads: readonly Load[], k: number, code: number = codes.JEQ_K): Test => ({
  op: 'test',
  loads,
  code,
  k: k >>> 0,
})

/** A place in the program, known once all instructions before it are. */
interface Label {
  at: number
}

/** An instruction, or a jump to labels. If they are far, unconditional jumps follow it. */
interface Step extends Load {
  readonly to?: readonly [Label, Label]
  far?: readonly boolean[]
}

/** Returns a program that returns `accept` for frames for which a condition is true, else 0. */
export function programOf(condition: Condition, accept = ACCEPT): BpfInstruction[] {
  const steps: Step[] = []
  const places: [Label, number][] = []
  const put = (label: Label) => places.push([label, steps.length])
  function add(each: Condition, yes: Label, no: Label): void {
    if (each.op === 'not') {
      add(each.of, no, yes)
      return
    }
    if (each.op === 'test') {
      steps.push(...each.loads, { code: each.code, k: each.k, to: [yes, no], far: [false, false] })
      return
    }
    const next: Label = { at: 0 }
    if (each.op === 'and') {
      add(each.first, next, no)
    } else {
      add(each.first, yes, next)
    }
    put(next)
    add(each.second, yes, no)
  }
  const matches: Label = { at: 0 }
  const fails: Label = { at: 0 }
  add(condition, matches, fails)
  put(matches)
  steps.push({ code: codes.RET_K, k: accept })
  put(fails)
  steps.push({ code: codes.RET_K, k: 0 })
  while (place(steps, places)) {
    // A far jump moves the places after it.
  }
  return steps.flatMap(instructionsOf(steps))
}

const sizeOf = ({ far = [] }: Step) => 1 + far.filter(Boolean).length

/** Computes the places of labels. Returns whether a jump became a far one. */
function place(steps: readonly Step[], places: readonly (readonly [Label, number])[]): boolean {
  const starts = startsOf(steps)
  for (const [label, step] of places) {
    label.at = starts[step] as number
  }
  let changed = false
  steps.forEach((step, i) => {
    if (step.to === undefined) return
    const far = step.to.map(
      (label, j) => step.far?.[j] === true || label.at - (starts[i] as number) > JUMP_MAX,
    )
    if (far.some((each, j) => each !== step.far?.[j])) {
      changed = true
    }
    step.far = far
  })
  return changed
}

function startsOf(steps: readonly Step[]): number[] {
  let at = 0
  return steps.map(step => {
    const start = at
    at += sizeOf(step)
    return start
  })
}

function instructionsOf(steps: readonly Step[]) {
  const starts = startsOf(steps)
  return ({ code, k, to, far = [] }: Step, i: number): BpfInstruction[] => {
    if (to === undefined) return [{ code, jt: 0, jf: 0, k }]
    const at = starts[i] as number
    const jumps: BpfInstruction[] = []
    const distances = to.map((label, j) => {
      if (!far[j]) return label.at - at - 1
      jumps.push({ code: codes.JA, jt: 0, jf: 0, k: label.at - at - 2 - jumps.length })
      return jumps.length - 1
    })
    return [{ code, jt: distances[0] as number, jf: distances[1] as number, k }, ...jumps]
  }
}
