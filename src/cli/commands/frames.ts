/** `vnet frames`: a line for each frame that passes the interfaces, until Ctrl-C. */
import { CaptureError } from '../../capture/error.ts'
import { PRINTED } from '../../capture/frame-text.ts'
import { CaptureReader } from '../../capture/reader.ts'
import type { ControlClient, Found } from '../../control/index.ts'
import { type AskOptions, askVnets, fail, failEnded } from '../ask.ts'
import type { VnetStream } from '../capture-streams.ts'
import { label } from '../device-text.ts'
import { FrameLines } from '../frame-lines.ts'
import { EXIT_FAILURE, EXIT_OK, endOf, type Io } from '../io.ts'
import { openNamed } from '../named-streams.ts'

export interface FramesOptions extends AskOptions {
  /** In the language of pcap-filter(7). */
  readonly filter?: string
  /** Prints only dropped frames. */
  readonly drops?: boolean
  readonly json?: boolean
}

/** Prints the frames of the interfaces `names`, or of all if `names` is empty. */
export function frames(names: readonly string[], options: FramesOptions, io: Io): Promise<number> {
  const { filter, drops: dropsOnly, json = false } = options
  const show = async (client: ControlClient, found: Found) => {
    using end = endOf(io)
    const { streams, isWhole } = await openNamed(client, found, names, { filter, dropsOnly, snaplen: PRINTED }, io)
    if (streams.length === 0) return EXIT_FAILURE
    // A terminal that is stopped must not keep Ctrl-C from ending this.
    io.writeLater?.()
    const ended = Promise.all(streams.map(stream => printAll(stream, json, io)))
    try {
      if (await Promise.race([end.asked.then(() => true), ended.then(() => false)])) return EXIT_OK
      return isWhole ? failEnded(io) : EXIT_FAILURE
    } catch (error) {
      if (error instanceof CaptureError) return fail(io, error.message)
      throw error
    } finally {
      ended.catch(() => {})
      for (const { stream } of streams) await stream[Symbol.asyncDispose]()
    }
  }
  return askVnets(names, io, show, options)
}

/** Prints the frames of a vnet until it ends. Lines that are not read in time are lost there. */
async function printAll({ devices, stream }: VnetStream, json: boolean, io: Io): Promise<void> {
  const reader = new CaptureReader('capture')
  const lines = new FrameLines()
  const named = new Map(devices.map(device => [device.name, device]))
  for await (const bytes of stream) {
    reader.push(bytes)
    for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
      const { interfaceName = '', dropCount: lost, verdict } = packet
      if (lost !== undefined) io.out(json ? `${JSON.stringify({ event: 'lost', frames: lost })}\n` : lostLine(lost))
      const device = named.get(interfaceName) ?? { name: interfaceName }
      if (json) io.out(lines.json(device, packet))
      else io.out(lines.line(label(device), packet), verdict === undefined ? undefined : 'red')
      const room = io.room?.()
      if (room !== undefined) await room
    }
  }
}

function lostLine(frames: number): string {
  return `${frames} ${frames === 1 ? 'frame was' : 'frames were'} lost: not read in time\n`
}
