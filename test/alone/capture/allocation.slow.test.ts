import { expect, test } from 'vitest'
import {
  PACKET_OVERHEAD,
  writeInterface,
  writePacket,
  writeSection,
} from '#src/capture/pcapng-writer.ts'
import { CaptureReader } from '#src/capture/reader.ts'
import { turn } from '#support/memory-net.ts'

const gc = globalThis.gc as () => void
/** Few enough that what one allocates is still there at its end, uncollected. */
const SLICE = 20_000
const LENGTH = 60
const WARM_UPS = 10
const SLICES = 10

/** Bytes of the heap that `run` takes for each packet of a slice, once it is compiled. */
async function allocated(run: () => void): Promise<number> {
  for (let i = 0; i < WARM_UPS; i++) {
    run()
  }
  await turn()
  gc()
  const taken: number[] = []
  for (let i = 0; i < SLICES; i++) {
    const { heapUsed } = process.memoryUsage()
    run()
    taken.push(process.memoryUsage().heapUsed - heapUsed)
  }
  // What V8 compiles meanwhile takes memory in one slice or two, the packets in each.
  taken.sort((a, b) => a - b)
  return Math.max(0, taken[SLICES / 2] ?? 0) / SLICE
}

const file = new Uint8Array(1000 + SLICE * (LENGTH + PACKET_OVERHEAD))
const packet = {
  seconds: 1_700_000_000,
  nanoseconds: 0,
  interfaceIndex: 0,
  bytes: new Uint8Array(LENGTH),
  at: 0,
  capturedLength: LENGTH,
  originalLength: LENGTH,
  flags: 1,
  dropCount: 0,
  packetId: 0,
  queue: 0,
  verdict: 2,
}

/** Writes a slice of packets and returns the end of the file. */
function write(): number {
  let at = writeInterface(file, writeSection(file, 0))
  for (let i = 0; i < SLICE; i++) {
    packet.nanoseconds = i
    packet.packetId = i
    at = writePacket(file, at, packet)
  }
  return at
}

test('reading a packet with options and without comments allocates no object', async () => {
  const bytes = file.subarray(0, write())
  const reader = new CaptureReader('FILE')
  let found = 0
  const bytesEach = await allocated(() => {
    reader.push(bytes)
    while (reader.next() !== undefined) {
      found++
    }
  })
  expect(found).toBe(SLICE * (WARM_UPS + SLICES))
  // With coverage V8 sometimes boxes a number or two, each in 16 bytes. An object for a packet
  // takes over 100.
  expect(bytesEach).toBeLessThan(40)
})

test('writing a packet without comments allocates one view of its frame', async () => {
  expect(await allocated(write)).toBeLessThan(200)
})
