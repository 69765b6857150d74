/** The outer ends of the wires to the virtual machine of `vnet check --kernel`. */
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tcpFrame } from '#src/bed/frames.ts'
import { TestBed } from '#src/bed/test-bed.ts'
import { tcp } from '#src/index.ts'
import { CHECKSUM_PARTIAL, SKB_GSO_TCPV4 } from '#src/skb/sk-buff.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { driver } from '../src/kernel/wire.ts'

const directory = freshDirectory()
const ENDS = JSON.stringify([
  { name: 'off0', mac: '02:00:00:00:00:01', isNoArp: true, addresses: [] },
])
/** Bytes on the socket before a frame: a length, an Ethernet header, a vnet header. */
const [ETHERNET_AT, VNET_AT, FRAME_AT] = [4, 18, 28]

test('a frame crosses a wire whole, after its vnet header, and is received with the same offloads', async () => {
  const sockets = join(directory, 'wire')
  const chunks: Buffer[] = []
  const server = createServer(socket => socket.on('data', chunk => chunks.push(chunk)).pipe(socket))
  await new Promise<void>(resolve => server.listen(`${sockets}0`, resolve))
  const frame = tcpFrame({
    from: '198.18.0.1',
    to: '198.18.0.9',
    payload: new Uint8Array(60_000).fill(7),
  })
  const offloads = {
    ipSummed: CHECKSUM_PARTIAL,
    csumStart: 34,
    csumOffset: tcp.TCP_CHECK,
    gsoSize: 1448,
  }
  const info = { ...offloads, gsoType: SKB_GSO_TCPV4 }
  await using bed = await TestBed.make(driver, { sockets, ends: ENDS }, {})
  bed.transmit(frame, info)
  await expect.poll(() => bed.received).toHaveLength(1)
  expect(bed.received[0]).toMatchObject({ ...info, bytes: frame })
  const sent = Buffer.concat(chunks)
  expect(sent.readUInt32BE(0)).toBe(sent.length - ETHERNET_AT)
  expect(sent.toString('hex', ETHERNET_AT, VNET_AT)).toBe('ffffffffffffffffffffffff88b5')
  // NEEDS_CSUM, GSO_TCPV4, all headers have 54 bytes, gso_size, csum_start, csum_offset.
  expect(sent.toString('hex', VNET_AT, FRAME_AT)).toBe('01013600a80522001000')
  expect(sent.subarray(FRAME_AT).equals(frame)).toBe(true)
  server.close()
})
