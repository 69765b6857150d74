/** CAPTURE: starts a capture, which the vnet's Captures then send. */

import { EINVAL, EOPNOTSUPP, EPERM, UsageError, VnetError } from '../../base/index.ts'
import type { PacketFilter } from '../../packet/bpf.ts'
import { decodeFilter } from '../protocol/attachment.ts'
import { commands, vnetAttributes } from '../protocol/family.ts'
import { MissingAttribute, type Operation, operation, Refusal } from './operation.ts'
import { type Subject, theOne } from './subject.ts'

/**
 * CAPTURE: also for clients of the capture group, so the right is checked here and not by
 * `changes`.
 */
export function capture(subject: Subject): Operation {
  return operation(commands.capture, {
    doit({ devices, snaplen, filter, program, drops }, caller) {
      const { captures } = subject
      if (captures === undefined) {
        throw new VnetError(EOPNOTSUPP, 'vnet_nl', 'there are no captures here')
      }
      if (caller.missingToCapture !== undefined) {
        throw new VnetError(EPERM, 'vnet_nl', caller.missingToCapture)
      }
      if (snaplen === 0) {
        throw new Refusal(EINVAL, vnetAttributes.captureSnaplen.type, 'snaplen: must be at least 1')
      }
      const wanted = {
        devices: devices && new Set(devices.map(which => theOne(subject, which))),
        snaplen,
        filter: filterOf(filter, program),
        dropsOnly: drops === true,
      }
      captures.start(wanted, caller)
      return
    },
  })
}

function filterOf(
  text: string | undefined,
  program: Uint8Array | undefined,
): PacketFilter | undefined {
  if (program === undefined) {
    if (text === undefined) return undefined
    throw new MissingAttribute(vnetAttributes.captureProgram.type, 'the filter has no program')
  }
  try {
    return decodeFilter(text ?? '', program)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new Refusal(EINVAL, vnetAttributes.captureProgram.type, error.message)
  }
}
