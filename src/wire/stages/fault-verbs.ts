/** The names of faults, for lists that do not need their code. */

/** The faults of one packet. docs/wires.md describes them. */
export const FAULT_VERBS = [
  'drop',
  'duplicate',
  'delay',
  'swap',
  'corrupt',
  'tamper',
  'ce',
  'reset',
] as const
export type FaultVerb = (typeof FAULT_VERBS)[number]
/** The faults that have no time. */
export const TIMELESS_VERBS = FAULT_VERBS.filter(verb => verb !== 'delay')

/** The last byte of a stream that a fault may be at. */
export const BYTE_MAX = 2 ** 31 - 1
