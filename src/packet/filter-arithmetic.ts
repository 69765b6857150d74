/** Numbers in a filter: `tcp[13] & 2`. The program computes them from bytes of the frame. */
import * as codes from './bpf-codes.ts'
import { all, type Condition } from './condition.ts'
import {
  IP_PROTOCOLS,
  type IpProtocol,
  isEtherType,
  isFirstFragment,
  isProtocol,
  LINK_PROTOCOLS,
  LOAD,
  LOAD_HEADER_LEN,
  LOAD_LEN,
  LOAD_X,
} from './filter-primitives.ts'

export type Value =
  | { readonly op: 'number'; readonly value: number }
  | { readonly op: 'length' }
  /** Bytes of a header of the frame. */
  | { readonly op: 'bytes'; readonly protocol: string; readonly at: Value; readonly size: number }
  | { readonly op: 'negative'; readonly of: Value }
  | { readonly op: Operator; readonly left: Value; readonly right: Value }

const ALU = {
  '+': codes.ADD_K,
  '-': codes.SUB_K,
  '*': codes.MUL_K,
  '/': codes.DIV_K,
  '|': codes.OR_K,
  '&': codes.AND_K,
  '<<': codes.LSH_K,
  '>>': codes.RSH_K,
  '%': codes.MOD_K,
  '^': codes.XOR_K,
} as const
export type Operator = keyof typeof ALU
export const isOperator = (text: string): text is Operator => Object.hasOwn(ALU, text)

/** Operators with the result 0 if the first operand is 0. */
const KEEP_ZERO: readonly Operator[] = ['*', '/', '%', '&', '<<', '>>']

const SCRATCH_WORDS = 16

/** The protocols of IPv4 with a header that a filter may index. */
const TRANSPORTS = ['tcp', 'udp', 'sctp', 'icmp', 'igmp', 'igrp', 'pim', 'vrrp']
const ETHER = ['ether', 'link']

export const canIndex = (name: string) =>
  ETHER.includes(name) || TRANSPORTS.includes(name) || name === 'icmp6' || LINK_PROTOCOLS.has(name)

/** Constants for positions and values of bytes, such as tcp-syn. */
export const CONSTANTS: Readonly<Record<string, number>> = {
  tcpflags: 13,
  'tcp-fin': 1,
  'tcp-syn': 2,
  'tcp-rst': 4,
  'tcp-push': 8,
  'tcp-ack': 16,
  'tcp-urg': 32,
  'tcp-ece': 64,
  'tcp-cwr': 128,
  icmptype: 0,
  icmpcode: 1,
  'icmp-echoreply': 0,
  'icmp-unreach': 3,
  'icmp-sourcequench': 4,
  'icmp-redirect': 5,
  'icmp-echo': 8,
  'icmp-routeradvert': 9,
  'icmp-routersolicit': 10,
  'icmp-timxceed': 11,
  'icmp-paramprob': 12,
  'icmp-tstamp': 13,
  'icmp-tstampreply': 14,
  'icmp-ireq': 15,
  'icmp-ireqreply': 16,
  'icmp-maskreq': 17,
  'icmp-maskreply': 18,
  icmp6type: 0,
  icmp6code: 1,
  'icmp6-destinationunreach': 1,
  'icmp6-packettoobig': 2,
  'icmp6-timeexceeded': 3,
  'icmp6-parameterproblem': 4,
  'icmp6-echo': 128,
  'icmp6-echoreply': 129,
  'icmp6-routersolicit': 133,
  'icmp6-routeradvert': 134,
  'icmp6-neighborsolicit': 135,
  'icmp6-neighboradvert': 136,
  'icmp6-redirect': 137,
}

/** Returns the number that a value is in every frame; undefined if it depends on the frame. */
export function constantOf(value: Value): number | undefined {
  if (value.op === 'number') return value.value
  if (value.op === 'length' || value.op === 'bytes') return undefined
  if (value.op === 'negative') {
    const of = constantOf(value.of)
    return of === undefined ? undefined : -of >>> 0
  }
  const [left, right] = [constantOf(value.left), constantOf(value.right)]
  // libpcap does not compute these either: a division by zero would reject the frame.
  if (left === 0 && KEEP_ZERO.includes(value.op)) return 0
  return left === undefined || right === undefined
    ? undefined
    : computed(value.op, left, right) >>> 0
}

function computed(op: Operator, left: number, right: number): number {
  checkOperand(op, right)
  switch (op) {
    case '+':
      return left + right
    case '-':
      return left - right
    case '*':
      return Math.imul(left, right)
    case '/':
      return Math.floor(left / right)
    case '%':
      return left % right
    case '|':
      return left | right
    case '^':
      return left ^ right
    case '&':
      return left & right
    case '<<':
      return left << right
    case '>>':
      return left >>> right
  }
}

function checkOperand(op: Operator, right: number): void {
  if ((op === '/' || op === '%') && right === 0) throw new RangeError('division by zero')
  if ((op === '<<' || op === '>>') && right >= 32) throw new RangeError(`a shift by ${right} bits`)
}

/**
 * Returns the condition under which a value exists; undefined if it is in every frame. Like with
 * libpcap, only the first operand counts: bytes of the second one are read from any frame.
 */
export function existsIf(value: Value): Condition | undefined {
  if (value.op === 'number' || value.op === 'length') return undefined
  if (value.op === 'negative') return existsIf(value.of)
  if (value.op !== 'bytes') return existsIf(value.left)
  return allOf(existsIf(value.at), hasHeader(value.protocol))
}

/** Returns the condition that all given conditions hold; undefined if none is given. */
export function allOf(...of: readonly (Condition | undefined)[]): Condition | undefined {
  const [first, ...others] = of.filter(each => each !== undefined)
  return first === undefined ? undefined : all(first, ...others)
}

function hasHeader(protocol: string): Condition | undefined {
  if (ETHER.includes(protocol)) return undefined
  const type = LINK_PROTOCOLS.get(protocol)
  if (type !== undefined) return isEtherType(type)
  const { number } = IP_PROTOCOLS.get(protocol) as IpProtocol
  return protocol === 'icmp6' ? isProtocol(number, 6) : all(isProtocol(number, 4), isFirstFragment)
}

interface Load {
  readonly code: number
  readonly k: number
}

/** Returns instructions that load a value into the accumulator; they use scratch from `free` on. */
export function loadsOf(value: Value, free = 0): Load[] {
  const constant = constantOf(value)
  if (constant !== undefined) return [{ code: codes.LD_IMM, k: constant }]
  if (value.op === 'length') return [LOAD_LEN]
  if (value.op === 'negative') return [...loadsOf(value.of, free), { code: codes.NEG, k: 0 }]
  if (value.op === 'bytes') return loadBytes(value.protocol, value.at, value.size, free)
  const { op, left, right } = value as Extract<Value, { left: Value }>
  const code = ALU[op]
  const k = constantOf(right)
  if (k === undefined) {
    return [...loadBoth(left, right, free), { code: code | codes.OPERAND_X, k: 0 }]
  }
  checkOperand(op, k)
  return [...loadsOf(left, free), { code, k }]
}

/** Returns instructions that load a value into the accumulator and one into the index register. */
export function loadBoth(left: Value, right: Value, free = 0): Load[] {
  if (free >= SCRATCH_WORDS) throw new RangeError('the expression is too deep')
  const stored = { code: codes.ST, k: free }
  return [
    ...loadsOf(left, free),
    stored,
    ...loadsOf(right, free + 1),
    { code: codes.TAX, k: 0 },
    { code: codes.LD_MEM, k: free },
  ]
}

/** Returns where the protocol's header starts, without the length of an IPv4 header before it. */
function startOf(protocol: string): number {
  if (ETHER.includes(protocol)) return 0
  return protocol === 'icmp6' ? 54 : 14
}

function loadBytes(protocol: string, at: Value, size: number, free: number): Load[] {
  const isTransport = TRANSPORTS.includes(protocol)
  const start = startOf(protocol)
  const position = constantOf(at)
  if (position !== undefined) {
    const k = start + position
    return isTransport
      ? [LOAD_HEADER_LEN, { code: LOAD_X[size] as number, k }]
      : [{ code: LOAD[size] as number, k }]
  }
  if (free >= SCRATCH_WORDS) throw new RangeError('the expression is too deep')
  const added: Load[] = isTransport
    ? [
        { code: codes.ST, k: free },
        LOAD_HEADER_LEN,
        { code: codes.LD_MEM, k: free },
        { code: codes.ADD_X, k: 0 },
      ]
    : []
  return [
    ...loadsOf(at, free),
    ...added,
    { code: codes.TAX, k: 0 },
    { code: LOAD_X[size] as number, k: start },
  ]
}
