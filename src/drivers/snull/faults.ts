/** Faults of snull's hardware: module parameters, most of them "every Nth frame", 0 for never. */

import { UsageError } from '../../base/usage-error.ts'
import { int, type ParamValues, text } from '../../netdev/driver.ts'
import { SKB_DROP_REASON_MAX } from '../../skb/drop-reason.ts'
import { dropReasonName, dropReasonOf } from '../../skb/drop-reason-name.ts'

/** `--drop RX_CRC=10` drops the tenth frame, and each tenth after it, for that reason. */
export interface DropFault {
  readonly reason: number
  readonly every: number
  /** True if the receiver drops and counts it. */
  readonly rx: boolean
}

/** A day in milliseconds, longer than any test. */
export const DAY = 86_400_000

const everyNth = (description: string) => int({ default: 0, live: true, description })

/** Parameters of a driver whose board is SnullHw: a fault every so many frames. */
export const faultParams = {
  lockup: everyNth('lose the interrupt of every Nth transmit completion: the queue stops until the timeout'),
  stuck: everyNth('keep every Nth frame in the transmitter, its queue stopped, until the timeout'),
  spurious: everyNth('raise a spurious interrupt every Nth frame'),
  lowmem: everyNth('fail the buffer allocation of every Nth received frame'),
  // 2000: the kernel looks for lost carriers once a second (net/core/link_watch.c).
  flap: int({
    default: 0,
    max: DAY,
    description: 'turn the carrier off for half of every N ms; the kernel notices it from N = 2000 on',
  }),
  drop: text<DropFault | undefined>({
    default: undefined,
    live: true,
    description: 'drop every Nth frame for a reason: RX_CRC=10',
    parse: parseDrop,
    format: fault => (fault === undefined ? 'none' : `${dropReasonName(fault.reason)}=${fault.every}`),
  }),
}

/** Faults that happen once, when they are triggered. */
export const faults = {
  lockup: 'Loses the interrupt after the next frame sent on a queue, or on each: it stops until the timeout.',
  'lost-interrupt': 'The same after one frame, on the chosen queue or the first that sends.',
  stuck: 'Keeps the next frame in the transmitter: its queue stops until the timeout.',
  flap: 'Takes the link down for a second.',
}
export type Fault = keyof typeof faults

export function isFault(name: string): name is Fault {
  return Object.hasOwn(faults, name)
}

export type Faults = ParamValues<typeof faultParams>

/** Returns true if the transmitter has to look at any of them. */
export function isFaulty({ lockup, stuck, spurious, flap, drop }: Faults): boolean {
  return (lockup | stuck | spurious | flap) !== 0 || drop !== undefined
}

/** Returns true if the `count`-th frame is one of "every Nth". */
export function takes(every: number, count: number): boolean {
  return every !== 0 && count % every === 0
}

/** `none` turns it off while the driver runs. */
function parseDrop(value: string): DropFault | undefined {
  if (value === 'none') return undefined
  const [, name = '', n = ''] = /^(\w+)=([1-9]\d{0,8})$/.exec(value) ?? []
  const reason = dropReasonOf(name.toUpperCase())
  if (reason === undefined)
    throw new UsageError(`'${value}' is not REASON=N, with N from 1; reasons are ${reasonNames()}`)
  return { reason, every: Number(n), rx: !name.toUpperCase().startsWith('TX_') }
}

function reasonNames(): string {
  return Array.from({ length: SKB_DROP_REASON_MAX - 1 }, (_, i) => dropReasonName(i + 1)).join(', ')
}
