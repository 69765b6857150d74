/** The lines about single frames, for devices with NETIF_MSG_PKTDATA in msgEnable. */
import { describe, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { LOGLEVEL_WARNING } from '#src/base/log.ts'
import {
  IFF_DEBUG,
  IFF_UP,
  NETIF_F_ALL_TAP,
  NETIF_MSG_FRAMES,
  NETIF_MSG_PKTDATA,
} from '#src/netdev/if.ts'
import { netifRx } from '#src/netdev/netif.ts'
import { CHECKSUM_PARTIAL, SKB_GSO_UDP_L4 } from '#src/skb/sk-buff.ts'
import { addDevice, memoryNets, sendAll } from '#support/memory-net.ts'
import { buildFrame, plain } from '../packet/frames.ts'

const makeNet = memoryNets()
const frame = buildFrame({ packet: plain, tags: [], padding: [] })
const TEXT = 'IP 198.18.0.1.12345 > 198.18.0.2.53: UDP, length 5'

async function mirror(msgEnable: number, level?: number) {
  const memory = makeNet({ msgEnable, ...(level === undefined ? {} : { level }) })
  const ops = { ndoStartXmit: netifRx }
  const added = await addDevice(memory, ops, { txqs: 2, rxqs: 2, features: NETIF_F_ALL_TAP })
  memory.lines.length = 0
  return { ...memory, ...added }
}

describe('a line about a frame', () => {
  test('a frame is logged when it is sent and when it is received, with its queue', async () => {
    const { port, lines } = await mirror(NETIF_MSG_PKTDATA)
    port.transmit(frame, 1)
    port.drain()
    expect(lines).toEqual([`test0: tx-1 ${TEXT}`, `test0: rx-1 ${TEXT}`])
  })

  test('a frame from a queue beyond the receive queues has the receive queue that counts it', async () => {
    const memory = makeNet({ msgEnable: NETIF_MSG_PKTDATA })
    const { port } = await addDevice(
      memory,
      { ndoStartXmit: netifRx },
      { txqs: 4, rxqs: 2, features: NETIF_F_ALL_TAP },
    )
    memory.lines.length = 0
    port.transmit(frame, 3)
    port.drain()
    expect(memory.lines).toEqual([`test0: tx-3 ${TEXT}`, `test0: rx-1 ${TEXT}`])
  })

  test('the log line of a GSO frame has the size of its segments', async () => {
    const { port, lines } = await mirror(NETIF_MSG_PKTDATA)
    const payload = new Array<number>(30).fill(7)
    const bytes = buildFrame({
      packet: { ...plain, payload, checksum: 'partial' },
      tags: [],
      padding: [],
    })
    const info = {
      ipSummed: CHECKSUM_PARTIAL,
      csumStart: 34,
      csumOffset: 6,
      gsoSize: 10,
      gsoType: SKB_GSO_UDP_L4,
    }
    port.transmit(bytes, 0, info)
    port.drain()
    expect(lines.map(line => line.replace(/^.*, length/, 'length'))).toEqual([
      'length 30, gso 10',
      'length 30, gso 10',
    ])
  })

  test('frames are logged while IFF_DEBUG is on', async () => {
    const { port, lines } = await mirror(0)
    const send = () => {
      sendAll(port, frame)
      return lines.splice(0).length
    }
    expect(send()).toBe(0)
    port.change({ kind: 'flags', flags: IFF_UP | IFF_DEBUG })
    expect(send()).toBe(2)
    port.change({ kind: 'flags', flags: IFF_UP })
    expect(send()).toBe(0)
  })

  test('IFF_DEBUG, which another namespace’s root may set, logs 100 frames in 10 seconds and counts the rest', async () => {
    const { port, lines, clock } = await mirror(0)
    port.change({ kind: 'flags', flags: IFF_UP | IFF_DEBUG })
    for (let n = 0; n < 200; n++) {
      sendAll(port, frame)
    }
    expect(lines).toHaveLength(100)
    clock.advance(10 * NSEC_PER_SEC)
    expect(lines.slice(100)).toEqual(['test0: IFF_DEBUG: 300 similar lines suppressed'])
  })

  test('IFF_DEBUG does not limit the lines that the program itself asks for', async () => {
    const { port, lines } = await mirror(NETIF_MSG_PKTDATA)
    port.change({ kind: 'flags', flags: IFF_UP | IFF_DEBUG })
    for (let n = 0; n < 200; n++) {
      sendAll(port, frame)
    }
    expect(lines).toHaveLength(400)
  })

  test('frames are logged for NETIF_MSG_PKTDATA only', async () => {
    const { port, lines } = await mirror(NETIF_MSG_FRAMES & ~NETIF_MSG_PKTDATA)
    sendAll(port, frame)
    expect(lines).toEqual([])
  })

  test('frames are not logged at the log level of warnings', async () => {
    const { port, lines } = await mirror(NETIF_MSG_FRAMES, LOGLEVEL_WARNING)
    sendAll(port, frame)
    expect(lines).toEqual([])
  })

  test('a frame is logged before the driver changes it', async () => {
    const memory = makeNet({ msgEnable: NETIF_MSG_PKTDATA })
    const { port } = await addDevice(memory, {
      ndoStartXmit: skb => {
        skb.bytes[skb.data + 14 + 19] = 9
        netifRx(skb)
      },
    })
    memory.lines.length = 0
    sendAll(port, frame)
    expect(memory.lines).toEqual([
      expect.stringMatching(/^test0: tx-0 IP 198\.18\.0\.1\S* > 198\.18\.0\.2\./),
      expect.stringMatching(/^test0: rx-0 IP 198\.18\.0\.1\S* > 198\.18\.0\.9\./),
    ])
  })
})
