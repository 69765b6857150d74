/** The capture of a request over HTTP that was lost, and sent again. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pcapOf, whole } from '#support/capture-records.ts'
import { ethernetFrame, handshake, type Segment, segmentPacket } from './story-captures.ts'

const segments = [
  ...handshake(),
  { at: 50, seq: 1, length: 100, text: 'GET /anna/42 HTTP/1.1\r\nCookie: id=s3cr3t\r\n\r\n' },
  { at: 350, seq: 1, length: 100, text: 'GET /anna/42 HTTP/1.1\r\nCookie: id=s3cr3t\r\n\r\n' },
  {
    at: 390,
    back: true,
    seq: 1,
    ack: 101,
    length: 200,
    text: 'HTTP/1.1 404 Not Found\r\n\r\nno anna',
  },
  { at: 400, ack: 201 },
]
const record = (segment: Segment) => {
  const time = { seconds: 1_700_000_000, nanoseconds: segment.at * 1_000_000 }
  return whole(ethernetFrame(segmentPacket(segment)), time)
}

/** Writes the capture into a directory. Returns its path. */
export function writeRepeatedRequest(directory: string): string {
  const path = join(directory, 'failed.pcap')
  writeFileSync(path, pcapOf(segments.map(record)))
  return path
}
