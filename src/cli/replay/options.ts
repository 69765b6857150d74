/** The options of `vnet replay`. */
import type { AddressMapping } from '../../packet/rewrite.ts'
import type { DIRECTIONS } from './selection.ts'

export interface ReplayOptions {
  readonly to?: string
  readonly receive?: string
  readonly multiplier?: number
  readonly mbps?: number
  readonly pps?: number
  readonly topspeed?: boolean
  readonly loop?: number
  readonly limit?: number
  readonly map?: readonly AddressMapping[]
  readonly interface?: string
  readonly direction?: (typeof DIRECTIONS)[number]
  readonly json?: boolean
}
