/** The frames of a capture as a page shows them. */

import { printable } from 'vnet/internal/base/printable'
import { type CapturedFrame, directionOf, dropReasonOf, FramePrinter } from 'vnet/internal/capture/frame-text'
import type { CaptureRecord } from 'vnet/internal/capture/record'
import { dropText, stageDropText } from 'vnet/internal/netdev/frame-drop'
import { headersOf } from 'vnet/internal/packet/fields'
import type { FlightDrop, FlightRow, FrameContents, FrameRow } from './feed-types.ts'

/** Bytes of a frame that a page gets. */
const SHOWN = 128

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Returns a frame as the page shows it: one line, its headers, its first bytes. */
export function frameContents(frame: CapturedFrame, printer = new FramePrinter()): FrameContents {
  const { bytes, at, capturedLength, originalLength: length } = frame
  let hex = ''
  for (let i = at; i < at + Math.min(capturedLength, SHOWN); i++) hex += HEX[bytes[i] as number]
  return {
    length,
    text: printable(printer.print(frame)),
    headers: headersOf(bytes, at, capturedLength),
    bytes: hex,
  }
}

export function frameRow(
  packet: CaptureRecord,
  { id, number }: Pick<FrameRow, 'id' | 'number'>,
  printer: FramePrinter,
): FrameRow {
  const { queue = 0 } = packet
  const dropped = dropReasonOf(packet)
  return {
    number,
    time: timeOf(packet),
    id,
    direction: directionOf(packet),
    queue,
    dropped: dropped === undefined ? undefined : printable(dropped),
    ...frameContents(packet, printer),
  }
}

export function flightRow(packet: CaptureRecord, isFar: boolean): FlightRow {
  const { packetId = 0 } = packet
  return {
    packet: packetId,
    time: timeOf(packet),
    direction: directionOf(packet),
    isFar,
    dropped: dropOf(packet),
  }
}

/** Milliseconds since 1970. */
const timeOf = ({ seconds, nanoseconds }: CaptureRecord): number => seconds * 1000 + nanoseconds / 1e6

/** An earlier vnet sends no fields. */
function dropOf(packet: CaptureRecord): FlightDrop | undefined {
  const reason = dropReasonOf(packet)
  if (reason === undefined) return undefined
  const { drop = { reason } } = packet
  const { wire } = drop
  const stage = wire && { place: wire.place, text: printable(stageDropText(wire)) }
  return { text: printable(dropText(drop)), stage }
}
