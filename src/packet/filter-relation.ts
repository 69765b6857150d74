/** Relations of numbers in a filter: `tcp[13] & 2 != 0`. */
import * as codes from './bpf-codes.ts'
import { and, type Condition, not, testing } from './condition.ts'
import {
  allOf,
  CONSTANTS,
  canIndex,
  constantOf,
  existsIf,
  isOperator,
  loadBoth,
  loadsOf,
  type Operator,
  type Value,
} from './filter-arithmetic.ts'
import type { Cursor } from './filter-tokens.ts'

const RELATIONS = ['=', '==', '!=', '>', '<', '>=', '<=']
/** `%` and `^` bind to the value before them, and to all of the expression after them. */
const LOOSE = ['%', '^']
const PRECEDENCE: Readonly<Record<Operator, number>> = {
  '|': 1,
  '&': 2,
  '<<': 3,
  '>>': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 7,
  '^': 7,
}
const SIGN_PRECEDENCE = 6

/** Reads a relation. Throws a RangeError. */
export function relation(cursor: Cursor): Condition {
  const left = arithmetic(cursor, 0)
  const sign = cursor.token
  if (sign?.kind !== 'sign' || !RELATIONS.includes(sign.text)) throw cursor.unexpected()
  cursor.move()
  const right = arithmetic(cursor, 0)
  const k = constantOf(right)
  const compare = (code: number) =>
    k === undefined
      ? testing(loadBoth(left, right), 0, code | codes.OPERAND_X)
      : testing(loadsOf(left), k, code)
  const exists = allOf(existsIf(left), existsIf(right))
  const test = compared(sign.text, compare)
  return exists === undefined ? test : and(exists, test)
}

function arithmetic(cursor: Cursor, least: number): Value {
  let left = operand(cursor)
  for (;;) {
    const { kind, text } = cursor.token ?? {}
    if (kind !== 'sign' || text === undefined || !isOperator(text) || PRECEDENCE[text] <= least) {
      return left
    }
    cursor.move()
    left = {
      op: text,
      left,
      right: arithmetic(cursor, LOOSE.includes(text) ? 0 : PRECEDENCE[text]),
    }
  }
}

function operand(cursor: Cursor): Value {
  if (cursor.takes('-')) return { op: 'negative', of: arithmetic(cursor, SIGN_PRECEDENCE) }
  if (cursor.takes('(')) {
    const value = arithmetic(cursor, 0)
    cursor.expect(')')
    return value
  }
  const { token } = cursor
  if (token?.kind === 'number') return { op: 'number', value: cursor.number() }
  const word = cursor.word()
  if (word === undefined) throw cursor.unexpected()
  cursor.move()
  if (word === 'len' || word === 'length') return { op: 'length' }
  if (Object.hasOwn(CONSTANTS, word)) return { op: 'number', value: CONSTANTS[word] as number }
  if (!canIndex(word) || !cursor.takes('[')) {
    cursor.move(-1)
    throw cursor.unexpected()
  }
  const at = arithmetic(cursor, 0)
  const size = cursor.takes(':') ? cursor.number() : 1
  if (size !== 1 && size !== 2 && size !== 4) {
    throw new RangeError(`${word}[]: the size is 1, 2 or 4 bytes, not ${size}`)
  }
  cursor.expect(']')
  return { op: 'bytes', protocol: word, at, size }
}

/** Returns whether a relation follows, such as `tcp[13] & 2 != 0` or `(tcp[13] & 2) != 0`. */
export function isArithmetic(cursor: Cursor): boolean {
  const { token } = cursor
  if (token?.kind === 'number') return continuesValue(cursor, cursor.at + 1)
  if (token?.kind === 'word') {
    const isIndexed = canIndex(token.text) && cursor.tokenAt(cursor.at + 1)?.text === '['
    return (
      isIndexed ||
      token.text === 'len' ||
      token.text === 'length' ||
      Object.hasOwn(CONSTANTS, token.text)
    )
  }
  if (token?.text === '-') return true
  return token?.text === '(' && continuesValue(cursor, cursor.closing() + 1)
}

function continuesValue(cursor: Cursor, at: number): boolean {
  const { kind, text = '' } = cursor.tokenAt(at) ?? {}
  return kind === 'sign' && (isOperator(text) || RELATIONS.includes(text))
}

function compared(sign: string, compare: (code: number) => Condition): Condition {
  switch (sign) {
    case '>':
      return compare(codes.JGT_K)
    case '>=':
      return compare(codes.JGE_K)
    case '<':
      return not(compare(codes.JGE_K))
    case '<=':
      return not(compare(codes.JGT_K))
    default:
      return sign === '!=' ? not(compare(codes.JEQ_K)) : compare(codes.JEQ_K)
  }
}
