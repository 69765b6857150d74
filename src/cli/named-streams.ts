/** The streams of captured frames of the interfaces that a command line names. */
import type { CaptureRequest, ControlClient, Found } from '../control/index.ts'
import { failAll } from './ask.ts'
import { complaintsOf, openStreams, type VnetStream } from './capture-streams.ts'
import { isAmong } from './device-text.ts'
import { EXIT_OK, type Io } from './io.ts'

/**
 * Opens the streams of the interfaces `names`, or of all that this user may capture. Reports
 * failures; `isWhole` is false after one.
 */
export async function openNamed(
  client: ControlClient,
  { devices, here, failed: silent }: Found,
  names: readonly string[],
  options: CaptureRequest,
  io: Io,
): Promise<{ readonly streams: readonly VnetStream[]; readonly isWhole: boolean }> {
  const isAll = names.length === 0
  // All devices of the vnets that were started in this network namespace are shown.
  const whole = here.filter(({ netns }) => isAll && netns === client.namespace.inode).map(({ vnet }) => vnet)
  const wanted = devices.filter(device => isAmong(device, names))
  const opened = await openStreams(client, wanted, options, new Set(whole))
  const complaints = [...complaintsOf(opened, isAll), ...(isAll ? silent : [])]
  return { streams: opened.streams, isWhole: failAll(io, complaints) === EXIT_OK }
}
