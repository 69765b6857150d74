/** The numbers of pcapng (pcapng.constants), and its padding. */
export * from './pcapng.generated.ts'

/** The most interfaces of a file, a bound of memory. */
export const MAX_INTERFACES = 65_536

/** Returns `length` rounded up to the 32-bit boundary to which pcapng pads. */
export const padded = (length: number): number => (length + 3) & ~3
