/** The frames of a case that failed, as a pcapng file with a comment at the wrong one. */
import { NSEC_PER_SEC } from 'vnet'
import {
  FLAG_INBOUND,
  FLAG_OUTBOUND,
  PACKET_OVERHEAD,
  writeInterface,
  writePacket,
  writeSection,
} from 'vnet/capture'
import { concat } from 'vnet/kit/packet'
import type { CaseFailure } from './run-case.ts'

/** Bytes for the section and the interface. */
const HEAD_MAX = 1024

/** Returns the file, with its frames in the order of time. */
export function captureOf(name: string, about: string, failure: CaseFailure): Uint8Array {
  const { frames, wrong } = failure
  const inOrder = frames
    .map((recorded, i) => ({ ...recorded, isWrong: i === wrong }))
    .sort((a, b) => a.at - b.at)
  const text = `${about}: ${failure.line}: ${failure.reason}`
  const head = new Uint8Array(HEAD_MAX)
  const start = head.slice(
    0,
    writeInterface(head, writeSection(head, 0, { userAppl: 'vnet' }), { name }),
  )
  const blocks = inOrder.map(({ frame, at: time, isFromHost, isWrong }) => {
    const comments = isWrong ? [text] : []
    const block = new Uint8Array(PACKET_OVERHEAD + frame.length + 4 + Buffer.byteLength(text))
    const end = writePacket(block, 0, {
      ...{
        seconds: Math.floor(time / NSEC_PER_SEC),
        nanoseconds: time % NSEC_PER_SEC,
        interfaceIndex: 0,
        comments,
      },
      ...{ bytes: frame, at: 0, capturedLength: frame.length, originalLength: frame.length },
      flags: isFromHost ? FLAG_INBOUND : FLAG_OUTBOUND,
    })
    return block.slice(0, end)
  })
  return concat([start, ...blocks])
}
