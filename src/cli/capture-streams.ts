/** The streams of captured frames of running vnets: one for each vnet. */
import { EPERM, isErrno, listed, VnetError } from '../base/index.ts'
import type {
  CaptureRequest,
  CaptureStream,
  ControlClient,
  Found,
  FoundDevice,
} from '../control/index.ts'
import { failAll, hasEnded } from './ask.ts'
import { isAmong, label } from './device-text.ts'
import { EXIT_OK, type Io } from './process/io.ts'

export type VnetStream = Readonly<{ devices: readonly FoundDevice[]; stream: CaptureStream }>

export type OpenedStreams = Readonly<{
  streams: readonly VnetStream[]
  failed: readonly VnetError[]
}>

/**
 * Opens a stream for each vnet that has some of the devices. `failed` has the reasons why others
 * refused. For vnets in `whole`, of which `devices` has all, the stream includes devices that are
 * registered later.
 */
export async function openStreams(
  client: ControlClient,
  devices: readonly FoundDevice[],
  options: CaptureRequest,
  whole: ReadonlySet<string> = new Set(),
): Promise<OpenedStreams> {
  const streams: VnetStream[] = []
  const failed: VnetError[] = []
  for (const vnet of new Set(devices.map(device => device.vnet))) {
    const ofVnet = devices.filter(device => device.vnet === vnet)
    try {
      const list = whole.has(vnet) ? undefined : ofVnet
      streams.push({
        devices: ofVnet,
        stream: await client.capture(vnet, { ...options, devices: list }),
      })
    } catch (error) {
      if (!(error instanceof VnetError)) throw error
      failed.push(error.about(listed(ofVnet.map(label))))
    }
  }
  return { streams, failed }
}

/**
 * Returns the failures to report: with `isAll`, neither refusals nor vnets that have ended, unless
 * no stream was opened.
 */
export function complaintsOf(
  { streams, failed }: OpenedStreams,
  isAll: boolean,
): readonly VnetError[] {
  const isLeftOut = (error: VnetError) =>
    isAll && streams.length > 0 && (isErrno(error, EPERM) || hasEnded(error))
  return failed.filter(error => !isLeftOut(error))
}

/**
 * Writes a stream to its end, part by part. Rejects with the first error of the stream or of `to`.
 */
export async function writeAll(
  stream: CaptureStream,
  to: { write(bytes: Uint8Array): Promise<void> },
): Promise<void> {
  for await (const bytes of stream) {
    await to.write(bytes)
  }
}

/**
 * Opens the streams of the interfaces `names`, or of all that this user may capture if `names` is
 * empty. Reports failures; `isWhole` is false if it reported one. The caller stops the streams.
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
  const whole = here
    .filter(({ netns }) => isAll && netns === client.namespace.inode)
    .map(({ vnet }) => vnet)
  const wanted = devices.filter(device => isAmong(device, names))
  const opened = await openStreams(client, wanted, options, new Set(whole))
  const complaints = [...complaintsOf(opened, isAll), ...(isAll ? silent : [])]
  return { streams: opened.streams, isWhole: failAll(io, complaints) === EXIT_OK }
}
