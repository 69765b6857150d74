// @ts-check

import {
  counts,
  defineExercise,
  fail,
  tcpFrame,
  udpFrame,
  verify,
  withoutMemory,
} from '@vnet/learn'
/** 9. Offloads: work that the kernel leaves to the card. */
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  checksum,
  ipv4,
  NETIF_F_GSO_UDP_L4,
  NETIF_F_HW_CSUM,
  NETIF_F_SG,
  NETIF_F_TSO,
  SKB_GSO_TCPV4,
  SKB_GSO_UDP_L4,
  tcp,
  udp,
} from 'vnet'

/** @typedef {import('@vnet/learn').Frame} Frame */
/** @typedef {import('@vnet/learn').FrameInfo} FrameInfo */
/** @typedef {import('@vnet/learn').LiveCheck} LiveCheck */
/** @typedef {import('@vnet/learn').TestBed} TestBed */

const { finish, onesComplementSum, pseudoHeaderSum4 } = checksum

/** Ports with a lowest bit of 0, and the ports that they become. */
const PORTS = { sourcePort: 40_000, destinationPort: 5200 }
const FLIPPED = { sourcePort: 40_001, destinationPort: 5201 }
const ENDS = { from: '198.18.0.1', to: '198.18.0.9', ...PORTS }
const IP_AT = 14
const L4_AT = 34
const HEADERS = 54
const MSS = 1000

const LIVE_SECONDS = 1
/** More than a frame that is not cut has: MTU and Ethernet header. */
const FRAME = 1514

/**
 * The offload fields that the kernel sets for a frame with a checksum for the card to complete.
 * @param {Uint8Array} frame
 * @param {number} offset
 * @returns {FrameInfo}
 */
function partial(frame, offset) {
  const view = new DataView(frame.buffer)
  view.setUint16(L4_AT + offset, pseudoSum(frame))
  return { ipSummed: CHECKSUM_PARTIAL, csumStart: L4_AT, csumOffset: offset }
}

/**
 * @param {Uint8Array} frame
 * @returns {number}
 */
function pseudoSum(frame) {
  return pseudoHeaderSum4(frame, IP_AT, ipv4.protocol(frame, IP_AT), lengthOf(frame))
}

/**
 * The length of the transport header and its payload.
 * @param {Uint8Array} frame
 * @returns {number}
 */
function lengthOf(frame) {
  return IP_AT + ipv4.totalLength(frame, IP_AT) - L4_AT
}

/**
 * Whether a complete checksum of TCP or UDP is right.
 * @param {Uint8Array} frame
 * @returns {boolean}
 */
function isRight(frame) {
  return finish(onesComplementSum(frame, L4_AT, lengthOf(frame), pseudoSum(frame))) === 0
}

/**
 * @param {TestBed} bed
 * @param {Uint8Array} frame
 * @param {FrameInfo} [info]
 * @returns {Frame}
 */
function transmit(bed, frame, info = {}) {
  bed.transmit(frame, info)
  const [back] = bed.received.splice(0)
  if (back !== undefined) return back
  const seen = `a frame of ${frame.length} bytes did not come back; dropped: ${counts(bed.drops())}`
  return fail({ seen, expected: 'the frame, as from the mirror of exercise 2', read: 'What to do' })
}

/**
 * A long TCP frame, as the kernel makes it for a device with TSO.
 * @param {number} payload
 * @returns {{ frame: Uint8Array; info: FrameInfo }}
 */
function long(payload, gsoSize = MSS) {
  const frame = tcpFrame({ ...ENDS, payload: new Uint8Array(payload).fill(7) })
  return { frame, info: { ...partial(frame, tcp.TCP_CHECK), gsoSize, gsoType: SKB_GSO_TCPV4 } }
}

/**
 * @param {Uint8Array} frame
 * @param {string} what
 */
function verifyRight(frame, what) {
  verify(isRight(frame), {
    seen: `the checksum of ${what} is wrong: 0x${new DataView(frame.buffer).getUint16(L4_AT + tcp.TCP_CHECK).toString(16)}`,
    expected: 'a right one: the receiver drops what does not add up, without a word',
  })
}

/**
 * TCP through the mirror: the client calls port 5200, and the server listens at 5201.
 * @param {string} title
 * @param {string} read
 * @param {string[]} args
 * @param {(length: number) => string | undefined} judge
 * @returns {LiveCheck}
 */
function iperf(title, read, args, judge) {
  return {
    title,
    needs: ['iperf3', 'sh', 'ss', 'timeout'],
    read,
    async run({ vnet, run }) {
      const started = await vnet(...args)
      const server =
        'timeout 28 iperf3 -s -1 -p 5201 > /dev/null & until ss -ltn | grep -q :5201; do sleep 0.05; done'
      const client = `exec timeout 20 iperf3 -c 198.18.0.9 -p 5200 -t ${LIVE_SECONDS} --connect-timeout 10000`
      const { status, stdout, stderr } = await run('sh', '-c', `${server}; ${client}`)
      const error = `${stdout}${stderr}`.trim().split('\n').at(-1)
      verify(status === 0, {
        seen: `iperf3 -c 198.18.0.9 -p 5200 ended with status ${status}: ${error}`,
        expected:
          'status 0: port 5200 is flipped to 5201, where the server is, and the checksums are right',
        read: 'Keep the checksum right',
      })
      const { rxBytes = 0, rxPackets = 1 } = (await started.stop())[0]?.total ?? {}
      const length = Math.round(rxBytes / rxPackets)
      const expected = judge(length)
      if (expected !== undefined) {
        fail({ seen: `a received frame had ${length} bytes on average`, expected })
      }
    },
  }
}

export const exercise = defineExercise({
  version: 1,
  driver: 'offloads.js',
  title: 'Offloads: work for the card',
  summary: 'a mirror that flips ports: checksums left to do, frames of 64 KiB',
  kernelNames: [
    'NETIF_F_SG',
    'NETIF_F_HW_CSUM',
    'NETIF_F_TSO',
    'CHECKSUM_PARTIAL',
    'skb_checksum_help',
    'gso_size',
    'skb_gso_segment',
    'csum_replace2',
  ],
  memory: [
    {
      title: 'offers its offloads to the kernel',
      read: 'Offer',
      run({ dev }) {
        const wanted = { NETIF_F_SG, NETIF_F_HW_CSUM, NETIF_F_TSO, NETIF_F_GSO_UDP_L4 }
        const missing = Object.entries(wanted).flatMap(([name, bit]) =>
          (dev.features & bit) === 0 ? [name] : [],
        )
        verify(missing.length === 0, {
          seen: `dev.features has no ${missing.join(', no ')}`,
          expected: 'all four, set in setup; the framework takes away those that need another one',
        })
      },
    },
    {
      title: 'flips ports and keeps a complete checksum right',
      read: 'Keep the checksum right',
      run(bed) {
        for (const [sent, wanted] of [
          [PORTS, FLIPPED],
          [FLIPPED, PORTS],
        ]) {
          const { bytes } = transmit(bed, tcpFrame({ ...ENDS, ...sent, payload: 'hello' }))
          const ports = [tcp.sourcePort(bytes, L4_AT), tcp.destinationPort(bytes, L4_AT)]
          verify(ports.join() === `${wanted.sourcePort},${wanted.destinationPort}`, {
            seen: `ports ${sent.sourcePort} and ${sent.destinationPort} came back as ${ports.join(' and ')}`,
            expected: `${wanted.sourcePort} and ${wanted.destinationPort}: the lowest bit of each port changes, by ^ 1`,
          })
          verifyRight(bytes, 'a TCP frame that came back')
        }
        const { bytes: datagram } = transmit(bed, udpFrame({ ...ENDS, payload: 'hello' }))
        const ports = [udp.sourcePort(datagram, L4_AT), udp.destinationPort(datagram, L4_AT)].join(
          ' and ',
        )
        verify(ports === `${FLIPPED.sourcePort} and ${FLIPPED.destinationPort}`, {
          seen: `ports 40000 and 5200 of UDP came back as ${ports}`,
          expected: `${FLIPPED.sourcePort} and ${FLIPPED.destinationPort}: both protocols have ports`,
        })
        verify(isRight(datagram), {
          seen: `the checksum of a UDP frame that came back is wrong: 0x${udp.checksum(datagram, L4_AT).toString(16)}`,
          expected: 'a right one: both ports are in the sum',
        })
      },
    },
    {
      title: 'knows what 0 means in a UDP checksum',
      read: 'Keep the checksum right',
      run(bed) {
        const none = udpFrame(ENDS)
        udp.setChecksum(none, L4_AT, 0)
        const kept = udp.checksum(transmit(bed, none).bytes, L4_AT)
        verify(kept === 0, {
          seen: `a UDP frame without a checksum came back with 0x${kept.toString(16)}`,
          expected: '0: 0 means that the sender made no checksum',
        })
        // With its own checksum as payload, a flipped frame sums to all ones.
        const word = udp.checksum(udpFrame({ ...ENDS, ...FLIPPED, payload: 2 }), L4_AT)
        const back = transmit(
          bed,
          udpFrame({ ...ENDS, payload: Uint8Array.of(word >> 8, word & 0xff) }),
        )
        const check = udp.checksum(back.bytes, L4_AT)
        verify(check === 0xffff, {
          seen: `a UDP frame whose new checksum is zero came back with 0x${check.toString(16)}`,
          expected: '0xffff, which is the other zero: 0 would mean that there is none',
        })
      },
    },
    {
      title: 'leaves a partial checksum partial',
      read: 'A checksum that is not there yet',
      run(bed) {
        const sent = tcpFrame({ ...ENDS, payload: 'hello' })
        const { bytes, ipSummed, csumStart, csumOffset } = transmit(
          bed,
          sent,
          partial(sent, tcp.TCP_CHECK),
        )
        verify(
          ipSummed === CHECKSUM_PARTIAL && csumStart === L4_AT && csumOffset === tcp.TCP_CHECK,
          {
            seen: `a frame with a partial checksum came back with ipSummed ${ipSummed}`,
            expected: `ipSummed ${CHECKSUM_PARTIAL}: the checksum is still to be completed`,
          },
        )
        const [field, pseudo] = [tcp.checksum(bytes, L4_AT), pseudoSum(bytes)]
        verify(field === pseudo, {
          seen: `a partial checksum of 0x${pseudo.toString(16)} came back as 0x${field.toString(16)}`,
          expected: 'no change: the field has the sum of the pseudo-header, and no port is in that',
        })
        const datagram = udpFrame({ ...ENDS, payload: 'hello' })
        const back = transmit(bed, datagram, partial(datagram, udp.UDP_CHECK))
        verify(
          back.ipSummed === CHECKSUM_PARTIAL &&
            udp.checksum(back.bytes, L4_AT) === pseudoSum(back.bytes),
          {
            seen: `a partial checksum of UDP came back as 0x${udp.checksum(back.bytes, L4_AT).toString(16)}, with ipSummed ${back.ipSummed}`,
            expected: `no change, 0x${pseudoSum(back.bytes).toString(16)} and ${CHECKSUM_PARTIAL}: as with TCP`,
          },
        )
      },
    },
    {
      title: 'passes on a long frame as it is',
      read: 'Long frames',
      run(bed) {
        const { frame, info } = long(4 * MSS)
        bed.transmit(frame, info)
        const { received } = bed
        const [{ gsoSize = 0, gsoType = 0, bytes = frame } = {}] = received
        verify(received.length === 1 && gsoSize === MSS && gsoType === SKB_GSO_TCPV4, {
          seen: `a frame of ${frame.length} bytes with gsoSize ${MSS} came back as ${received.length} with gsoSize ${gsoSize}`,
          expected: 'one frame, as it was sent: the kernel takes it whole',
        })
        verify(
          tcp.sourcePort(bytes, L4_AT) === FLIPPED.sourcePort &&
            tcp.checksum(bytes, L4_AT) === pseudoSum(bytes),
          {
            seen: `it came back from port ${tcp.sourcePort(bytes, L4_AT)}, with 0x${tcp.checksum(bytes, L4_AT).toString(16)} in its checksum`,
            expected: `port ${FLIPPED.sourcePort} and 0x${pseudoSum(bytes).toString(16)}: it is changed as if it were one frame`,
          },
        )
      },
    },
    {
      title: 'with --plain, cuts a long frame',
      read: 'Plain frames',
      params: { plain: true },
      run(bed) {
        const { frame, info } = long(3 * MSS + 500)
        bed.transmit(frame, info)
        const { received } = bed
        const lengths = received.map(({ bytes }) => bytes.length - HEADERS)
        verify(lengths.join() === `${MSS},${MSS},${MSS},500`, {
          seen: `${3 * MSS + 500} bytes with gsoSize ${MSS} came back with ${lengths.join(', ') || 'nothing'}; dropped: ${counts(bed.drops())}`,
          expected: `${MSS}, ${MSS}, ${MSS}, 500: each with at most ${MSS} bytes of payload`,
        })
        for (const { bytes, ipSummed } of received) {
          verify(ipSummed === CHECKSUM_NONE, {
            seen: `a frame that was cut has ipSummed ${ipSummed}`,
            expected: `${CHECKSUM_NONE}: its checksum is complete`,
          })
          verifyRight(bytes, 'a frame that was cut')
        }
      },
    },
    {
      title: 'with --plain, cuts 64 KiB',
      read: 'Plain frames',
      params: { plain: true },
      run(bed) {
        const { frame, info } = long(60 * MSS)
        bed.transmit(frame, info)
        verify(bed.received.length === 60, {
          seen: `${60 * MSS} bytes with gsoSize ${MSS}: ${bed.received.length} frames; dropped: ${counts(bed.drops())}`,
          expected: '60 frames: skbGsoSegment needs a ring with room for all',
        })
        const small = long(128 * 500, 500)
        bed.transmit(small.frame, small.info)
        const segments = bed.received.slice(60)
        verify(segments.length === 128, {
          seen: `${128 * 500} bytes with gsoSize 500: ${segments.length} frames; dropped: ${counts(bed.drops())}`,
          expected: '128 frames: 64 KiB can be so many',
        })
        const datagrams = udpFrame({ ...ENDS, payload: 3 * MSS })
        bed.transmit(datagrams, {
          ...partial(datagrams, udp.UDP_CHECK),
          gsoSize: MSS,
          gsoType: SKB_GSO_UDP_L4,
        })
        const cut = bed.received.slice(188)
        verify(cut.length === 3 && cut.every(({ bytes }) => isRight(bytes)), {
          seen: `a long frame of UDP, ${3 * MSS} bytes with gsoSize ${MSS}: ${cut.length} frames, of which ${cut.filter(({ bytes }) => isRight(bytes)).length} have a right checksum; dropped: ${counts(bed.drops())}`,
          expected: '3 frames with right checksums: a gsoSize is cut, whatever its protocol',
        })
      },
    },
    {
      title: 'with --plain, drops what cannot be cut',
      read: 'Plain frames',
      params: { plain: true },
      run(bed) {
        const frame = udpFrame({ ...ENDS, payload: 3 * MSS })
        bed.transmit(frame, { gsoSize: MSS, gsoType: SKB_GSO_TCPV4 })
        const { SKB_GSO_SEG = 0 } = bed.drops()
        verify(SKB_GSO_SEG === 1 && bed.balance().held === 0, {
          seen: `a UDP frame that claims to be TCP: dropped: ${counts(bed.drops())}; still held: ${bed.balance().held}`,
          expected:
            'SKB_GSO_SEG 1: skbGsoSegment returned minus the reason, and the frame is still yours',
        })
      },
    },
    {
      title: 'with --plain, drops a long frame for which there is no memory, and says so',
      read: 'Plain frames',
      params: { plain: true },
      options: { debug: false },
      run(bed) {
        const { frame, info } = long(30 * MSS)
        withoutMemory(bed, () => bed.transmit(frame, info))
        const dropped = counts(bed.drops())
        verify(dropped === 'NOMEM 1', {
          seen: `a long frame, and no memory for its pieces: ${bed.received.length} frames; dropped: ${dropped}`,
          expected: 'NOMEM 1: the reason is -n, whatever it is',
        })
        const other = long(2 * MSS)
        bed.transmit(other.frame, other.info)
        verify(bed.received.length === 2, {
          seen: `then memory is free again, and of a long frame ${bed.received.length} of 2 pieces came back`,
          expected: '2',
        })
      },
    },
    {
      title: 'with --plain, completes a checksum',
      read: 'Plain frames',
      params: { plain: true },
      run(bed) {
        const sent = tcpFrame({ ...ENDS, payload: 'hello' })
        const { bytes, ipSummed } = transmit(bed, sent, partial(sent, tcp.TCP_CHECK))
        const isComplete = ipSummed === CHECKSUM_NONE && isRight(bytes)
        verify(isComplete, {
          seen: `a frame with a partial checksum came back with ipSummed ${ipSummed}${isRight(bytes) ? '' : ' and a wrong checksum'}`,
          expected: `ipSummed ${CHECKSUM_NONE} and the right checksum: skbChecksumHelp does both`,
        })
        bed.transmit(sent, {
          ipSummed: CHECKSUM_PARTIAL,
          csumStart: sent.length - 1,
          csumOffset: tcp.TCP_CHECK,
        })
        const { SKB_CSUM = 0 } = bed.drops()
        verify(SKB_CSUM === 1, {
          seen: `a frame whose checksum would be after its end: dropped: ${counts(bed.drops())}`,
          expected: 'SKB_CSUM 1: skbChecksumHelp returned false',
        })
      },
    },
  ],
  live: [
    iperf('TCP passes in long frames', 'Long frames', [], length =>
      length > FRAME
        ? undefined
        : `more than ${FRAME}: the kernel sends 64 KiB at once to who offers TSO`,
    ),
    iperf(
      'with --plain, TCP passes in frames that fit the MTU',
      'Plain frames',
      ['--plain'],
      length => (length <= FRAME ? undefined : `at most ${FRAME}: the MTU and the Ethernet header`),
    ),
  ],
})
