/** The frame that waits for a step. Pages without the token do not see the frame itself. */

import { EPERM, isErrno } from 'vnet/internal/base/errno'
import type { ControlClient, FoundDevice, StepHalt, StepState } from 'vnet/internal/control/index'
import { type Packed, pack } from './feed.ts'
import type { DeviceId, FeedMessage, StepInfo } from './feed-types.ts'
import { FrameText } from './frame-text.ts'
import { deviceId } from './rows.ts'

/**
 * Reads the waiting step in the vnet of a device: on the device itself, or on another of its
 * devices.
 */
export async function readStep(client: ControlClient, device: FoundDevice, id: DeviceId): Promise<Packed> {
  const { mode, every, halt } = await stateOf(client, device)
  const message = (step: StepInfo | undefined): FeedMessage => ({ type: 'step', id, mode, every, step })
  if (halt === undefined) return pack(message(undefined))
  const step = stepInfo(device, halt)
  return pack(message({ ...step, frame: undefined, source: undefined }), message(step))
}

/** A vnet of another user shows no steps. */
async function stateOf(client: ControlClient, device: FoundDevice): Promise<StepState> {
  try {
    return await client.step(device.vnet, device)
  } catch (error) {
    if (isErrno(error, EPERM)) return { mode: 'off', every: 0, halt: undefined }
    throw error
  }
}

function stepInfo(
  { vnet, pid }: FoundDevice,
  { number, device, next, queue, count, frame, source }: StepHalt,
): StepInfo {
  const { length: originalLength = 0, bytes = new Uint8Array(0) } = frame ?? {}
  return {
    id: deviceId({ vnet, pid, ...device }),
    step: number as StepInfo['step'],
    next,
    queue,
    count,
    source,
    frame: frame && new FrameText().of({ bytes, at: 0, capturedLength: bytes.length, originalLength }),
  }
}
