/** Times and numbers, as several views show them. */
import { formatNumber } from 'vnet/internal/base/duration'

/** Returns `16:03:09`, in local time. */
export const clockText = (seconds: number): string => new Date(seconds * 1000).toLocaleTimeString('en-GB')

/** Returns a whole number as `1,234`. */
export const whole = (number: number): string => number.toLocaleString('en')

/** Returns a lateness in ms as text; empty for undefined. */
export const lateText = (ms: number | undefined): string => (ms === undefined ? '' : formatNumber(ms / 1000, 's'))
