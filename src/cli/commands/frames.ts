/** `vnet frames`: a line for each frame that passes the interfaces, until Ctrl-C. */
import { printable } from '../../base/printable.ts'
import { directionOf, dropComment, FramePrinter, isGso, PRINTED } from '../../capture/frame-text.ts'
import { CaptureError } from '../../capture/input.ts'
import type { CapturedPacket } from '../../capture/packet.ts'
import { CaptureReader } from '../../capture/reader.ts'
import type { ControlClient, Found } from '../../control/index.ts'
import { askVnets, fail, failEnded, type QueryOptions } from '../ask.ts'
import { openNamed, type VnetStream } from '../capture-streams.ts'
import { label, type NamedDevice } from '../device-text.ts'
import { EXIT_FAILURE, EXIT_OK, endOf, type Io } from '../process/io.ts'

interface FramesOptions extends QueryOptions {
  readonly filter: string | undefined
  readonly drops: boolean | undefined
}

/** Prints the frames of the interfaces `names`, or of all if `names` is empty. */
export function frames(names: readonly string[], options: FramesOptions, io: Io): Promise<number> {
  const { filter, drops: dropsOnly, json = false } = options
  const show = async (client: ControlClient, found: Found) => {
    using end = endOf(io)
    const { streams, isWhole } = await openNamed(
      client,
      found,
      names,
      { filter, dropsOnly, snaplen: PRINTED },
      io,
    )
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
      for (const { stream } of streams) {
        await stream[Symbol.asyncDispose]()
      }
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
      if (lost !== undefined && json) {
        io.out(`${JSON.stringify({ event: 'lost', frames: lost })}\n`)
      } else if (lost !== undefined) {
        io.out(`${lost} ${lost === 1 ? 'frame was' : 'frames were'} lost: not read in time\n`)
      }
      const device = named.get(interfaceName) ?? { name: interfaceName }
      if (json) {
        io.out(lines.json(device, packet))
      } else {
        io.out(lines.line(label(device), packet), verdict === undefined ? undefined : 'red')
      }
      const room = io.room?.()
      if (room !== undefined) {
        await room
      }
    }
  }
}

/** Frames of a capture as lines of text, and as JSON objects. */
export class FrameLines {
  readonly #printer = new FramePrinter()

  /**
   * Returns `02:00:00.125000 red/eth0 tx-0 IP 198.18.0.1 > ...`: the time in UTC, the interface,
   * its direction and queue, the frame as tcpdump prints it, and the reason for its drop, if any.
   */
  line(device: string, packet: CapturedPacket): string {
    const reason = dropComment(packet)
    const why = reason === 'dropped' ? reason : `dropped: ${reason}`
    const gso = isGso(packet) ? ', gso' : ''
    const at = `${device} ${directionOf(packet)}-${packet.queue ?? 0}`
    const text = `${timeOfDay(packet)} ${at} ${this.#printer.print(packet)}${gso}`
    return `${printable(reason === undefined ? text : `${text}, ${why}`)}\n`
  }

  /** Returns the same as a line of JSON. `time` is in milliseconds since 1970. */
  json({ name, netns }: NamedDevice, packet: CapturedPacket): string {
    const { seconds, nanoseconds, queue = 0, originalLength: length, packetId: id = null } = packet
    return `${JSON.stringify({
      event: 'frame',
      time: seconds * 1000 + nanoseconds / 1e6,
      name,
      netns: netns ?? null,
      direction: directionOf(packet),
      queue,
      id,
      length,
      gso: isGso(packet),
      dropped: dropComment(packet) ?? null,
      text: this.#printer.print(packet),
    })}\n`
  }
}

/** Returns the time in UTC, as in `vnet events`. */
function timeOfDay({ seconds, nanoseconds }: CapturedPacket): string {
  const date = new Date(seconds * 1000)
  const two = (n: number) => `${n}`.padStart(2, '0')
  const fraction = `${Math.floor(nanoseconds / 1000)}`.padStart(6, '0')
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}.${fraction}`
}
