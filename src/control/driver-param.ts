/** Module parameters of a running driver, as a client has them. */
import type { Decoded } from '../netlink/index.ts'
import type { paramAnswer } from './family.ts'

export interface DriverParam {
  /** The driver that has it. */
  readonly driver: string
  /** As the driver spells it: `poolSize`. */
  readonly name: string
  /** As it would be on the command line; empty when there is none. */
  readonly value: string
  /** `int`, `bool` or `string`. */
  readonly type: string
  /** May be set while running. */
  readonly live: boolean
  readonly description: string
  /** What values it may have, in words: `1 to 64`. */
  readonly range: string | undefined
}

export function driverParam(answer: Decoded<typeof paramAnswer.fields>): DriverParam {
  return {
    driver: answer.driver,
    name: answer.paramName,
    value: answer.paramValue,
    type: answer.paramType,
    live: answer.paramLive ?? false,
    description: answer.paramDescription ?? '',
    range: answer.paramRange,
  }
}
