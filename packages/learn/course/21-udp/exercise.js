// @ts-check

/** 21. UDP: datagrams, and errors about them. */
import { counts, defineExercise, udpFrame, verify, withOptions, withoutMemory } from '@vnet/learn'
import { conformance } from '@vnet/learn/conform'
import { checksum, icmp, ipv4, udp } from 'vnet'

/** @typedef {import('@vnet/learn').TestBed} TestBed */

const ADDRESS = '198.18.0.2'
const HOST = { mac: Uint8Array.of(2, 0, 0, 0, 0, 9), ip: Uint8Array.of(198, 18, 0, 2) }
const conforms = conformance(HOST, 'arp', 'icmp', 'udp')
/** Positions in a frame without options of IP. */
const [IP, UDP, DATA] = [14, 34, 42]
const ENDS = { from: '198.18.0.1', to: ADDRESS, sourcePort: 40_000, destinationPort: 7 }
const FRAME = { ...ENDS, destinationMac: '02:00:00:00:00:09' }

/**
 * Runs cases that have the same rule.
 * @param {TestBed} bed
 * @param {string} rule
 * @param {readonly string[]} names
 */
async function allConform(bed, rule, ...names) {
  for (const name of names) {
    await conforms(bed, name, rule)
  }
}

/**
 * Transmits a frame, and returns the checksum of the datagram that comes back, in hexadecimal.
 * @param {TestBed} bed
 * @param {Uint8Array} frame
 */
function checksumOfReply(bed, frame) {
  const before = bed.received.length
  bed.transmit(frame)
  const reply = bed.received[before]?.bytes
  return reply && `0x${udp.checksum(reply, UDP).toString(16).padStart(4, '0')}`
}

/** Returns a datagram with a sum of 0xffff, so that the computed checksum is 0. */
function sumOfOnes() {
  const frame = udpFrame({ ...FRAME, payload: 8 })
  const length = frame.length - UDP
  frame.fill(0, UDP + udp.UDP_CHECK, DATA)
  const sum = checksum.onesComplementSum(
    frame,
    UDP,
    length,
    checksum.pseudoHeaderSum4(frame, IP, 17, length),
  )
  new DataView(frame.buffer).setUint16(DATA, checksum.finish(sum))
  udp.setChecksum(frame, UDP, 0xffff)
  return frame
}

export const exercise = defineExercise({
  version: 1,
  driver: 'udp.js',
  title: 'UDP: datagrams, and errors about them',
  summary: 'a host behind the interface, part 3: UDP echo, the pseudo header, and port unreachable',
  kernelNames: [
    'udp_rcv',
    'udp4_csum_init',
    'csum_tcpudp_magic',
    'CSUM_MANGLED_0',
    'icmp_send',
    'netdev_alloc_skb',
  ],
  memory: [
    {
      title: 'still replies to ARP and ping',
      read: 'What to do',
      run: bed =>
        allConform(bed, 'exercises 19 and 20 are done already', 'arp-request', 'icmp-echo'),
    },
    {
      title: 'sends a datagram for port 7 back',
      read: 'The echo service',
      async run(bed) {
        const rule =
          'the ports are swapped, the data is the same, and the checksum covers the pseudo header, too'
        await allConform(bed, rule, 'udp-echo', 'udp-empty', 'udp-odd', 'udp-large')
      },
    },
    {
      title: 'knows a checksum of 0 from no checksum',
      read: 'The checksum',
      async run(bed) {
        await conforms(
          bed,
          'udp-no-checksum',
          'the field is 0 if the sender made no checksum: there is nothing to check',
        )
        const frame = udpFrame({ ...FRAME, payload: 8 })
        const expected = `0x${udp.checksum(frame, UDP).toString(16).padStart(4, '0')}`
        udp.setChecksum(frame, UDP, 0)
        const found = checksumOfReply(bed, frame)
        verify(found === expected, {
          seen: `a datagram without a checksum came back with ${found}`,
          expected: `${expected}: a host makes checksums for what it sends (RFC 1122, 4.1.3.4)`,
        })
        const ones = checksumOfReply(bed, sumOfOnes())
        verify(ones === '0xffff', {
          seen: `a datagram with checksum 0xffff, of which the computed one is 0, ${ones ? `came back with ${ones}` : 'got no reply'}`,
          expected:
            '0xffff: 0 would mean that there is none, and both are the same number in this sum (RFC 768)',
        })
      },
    },
    {
      title: 'drops datagrams with a wrong checksum',
      read: 'The checksum',
      async run(bed) {
        await conforms(bed, 'udp-checksum', 'a checksum that is given has to be right')
        const dropped = counts(bed.drops())
        verify(dropped === 'UDP_CSUM 1', { seen: `dropped: ${dropped}`, expected: 'UDP_CSUM 1' })
      },
    },
    {
      title: 'takes the length of the datagram, within its packet',
      read: 'Two lengths',
      async run(bed) {
        await allConform(
          bed,
          'the length covers the 8 bytes of the header at least, and no more than the packet has',
          'udp-length-short',
          'udp-length-beyond',
          'udp-truncated',
        )
        const dropped = counts(bed.drops())
        verify(dropped === 'PKT_TOO_SMALL 3', {
          seen: `three datagrams that are cut; dropped: ${dropped}`,
          expected: 'PKT_TOO_SMALL 3',
        })
        await conforms(
          bed,
          'udp-length-less',
          'the datagram ends by its own length, and the reply has a packet of that length',
        )
      },
    },
    {
      title: 'drops what port 9 gets, and echoes of another echo',
      read: 'The echo service',
      async run(bed) {
        await conforms(
          bed,
          'udp-discard',
          'port 9 takes everything, and says nothing: neither a datagram nor an error',
        )
        bed.transmit(udpFrame({ ...FRAME, sourcePort: 7, payload: 8 }))
        const [reply] = bed.received
        verify(reply === undefined, {
          seen: 'a datagram from port 7 for port 7 came back',
          expected: 'no reply: two echo services, which a forged datagram joins, would never end',
        })
        const { NOT_SPECIFIED = 0 } = bed.drops()
        verify(NOT_SPECIFIED === 2, {
          seen: `a datagram for port 9, and one from port 7 for port 7; dropped: ${counts(bed.drops())}`,
          expected: 'NOT_SPECIFIED 2',
        })
        for (const sourcePort of [9, 263, 1792]) {
          const { length } = bed.received
          bed.transmit(udpFrame({ ...FRAME, sourcePort, payload: 8 }))
          verify(bed.received.length === length + 1, {
            seen: `a datagram from port ${sourcePort} for port 7 did not come back`,
            expected: 'the datagram: only port 7, all 16 bits of it, is another echo service',
          })
        }
      },
    },
    {
      title: 'reports a closed port to the sender',
      read: 'Port unreachable',
      async run(bed) {
        const rule =
          'type 3, code 3; it quotes the header of IP as it came, and the 8 bytes after it: the ports'
        await conforms(bed, 'icmp-port-unreachable', rule)
        const before = bed.received.length
        bed.transmit(udpFrame({ ...FRAME, destinationPort: 53, payload: 8 }))
        const replies = bed.received.length - before
        const dropped = counts(bed.drops())
        verify(replies === 1 && dropped === 'NOT_SPECIFIED 2', {
          seen: `two datagrams for closed ports; ${replies} frames about the second; dropped: ${dropped}`,
          expected:
            '1, and NOT_SPECIFIED 2: the error is a frame of its own, and the datagram is dropped',
        })
        // Some have the low byte of an open port, or of its high byte.
        for (const destinationPort of [0, 1, 8, 263, 265, 1792, 2304, 40_001, 65_535]) {
          const { length } = bed.received
          bed.transmit(udpFrame({ ...FRAME, destinationPort, payload: 8 }))
          const error = bed.received[length]?.bytes
          verify(bed.received.length === length + 1 && error?.[UDP] === icmp.ICMP_DEST_UNREACH, {
            seen: `a datagram for port ${destinationPort}: ${error === undefined ? 'no error' : 'another frame'}`,
            expected: 'port unreachable: only 7 and 9 are open, all 16 bits of them',
          })
        }
      },
    },
    {
      title: 'quotes the whole header of IP, with its options, and 8 bytes after it',
      read: 'Port unreachable',
      run(bed) {
        for (const options of [4, 40]) {
          const frame = withOptions(
            udpFrame({ ...FRAME, destinationPort: 53, payload: 8 }),
            options,
          )
          const { length } = bed.received
          bed.transmit(frame)
          const error = bed.received[length]?.bytes
          const quoted = 20 + options + 8
          const isQuote =
            error !== undefined &&
            frame.subarray(IP, IP + quoted).every((byte, i) => error[DATA + i] === byte)
          const message = error === undefined ? 0 : ipv4.totalLength(error, IP) - 20
          verify(isQuote && message === 8 + quoted, {
            seen: `a datagram with ${options} bytes of options, for a closed port: ${error === undefined ? 'no error' : `an error of ${message} bytes, ${isQuote ? 'with' : 'without'} the header and 8 bytes`}; dropped: ${counts(bed.drops())}`,
            expected: `an error of ${8 + quoted} bytes: after options the ports are later, and without them the sender finds no socket`,
          })
          verify(checksum.onesComplementSum(error, UDP, message) === 0xffff, {
            seen: `the checksum of an error about a datagram with ${options} bytes of options is wrong`,
            expected: 'a right one, of the whole message',
          })
          const echo = bed.received.length
          bed.transmit(withOptions(udpFrame({ ...FRAME, payload: 8 }), options))
          verify(bed.received.length === echo + 1, {
            seen: `a datagram with ${options} bytes of options, for port 7, did not come back`,
            expected: 'the datagram: it starts where the header of IP ends',
            read: 'The echo service',
          })
        }
      },
    },
    {
      title: 'drops the datagram also if there is no memory for an error',
      read: 'Port unreachable',
      options: { debug: false },
      run(bed) {
        withoutMemory(bed, () =>
          bed.transmit(udpFrame({ ...FRAME, destinationPort: 53, payload: 8 })),
        )
        const dropped = counts(bed.drops())
        verify(bed.received.length === 0 && dropped === 'NOT_SPECIFIED 1', {
          seen: `a datagram for a closed port, and no free memory: ${bed.received.length} frames; dropped: ${dropped}`,
          expected: 'no error, and NOT_SPECIFIED 1: devAllocSkb returned undefined',
        })
      },
    },
    {
      title: 'sends no error where many could get or send one',
      read: 'Port unreachable',
      async run(bed) {
        await allConform(
          bed,
          'no error about an error: two hosts would never end',
          'icmp-error-about-error',
          'icmp-error-short',
        )
        await allConform(
          bed,
          'no error about what all stations got: each host would send one',
          'icmp-error-about-broadcast',
          'icmp-error-about-broadcast-frame',
        )
        await conforms(bed, 'icmp-error-to-group', 'no error to a source that is not one host')
        await conforms(
          bed,
          'icmp-error-about-later-fragment',
          'no error about a later fragment: it has no ports',
        )
      },
    },
  ],
  live: [
    {
      title: 'a client gets its bytes back, and an error from a closed port',
      needs: ['bash', 'timeout', 'head'],
      read: 'See it live',
      async run({ vnet, run }) {
        await vnet()
        const client = `exec 3<>/dev/udp/${ADDRESS}/$0 && printf hello >&3 && timeout 10 head -c 5 <&3`
        const echo = await run('bash', '-c', client, '7')
        verify(echo.stdout === 'hello', {
          seen: `hello to port 7 of ${ADDRESS}: ${echo.stdout || echo.stderr.trim() || 'no reply for 10 s'}`,
          expected: 'hello',
        })
        const closed = await run('bash', '-c', client, '1')
        verify(closed.stderr.includes('Connection refused'), {
          seen: `hello to port 1 of ${ADDRESS}: ${closed.stdout || closed.stderr.trim() || 'no error for 10 s'}`,
          expected: 'Connection refused: the kernel finds the socket by the ports in the quote',
        })
      },
    },
    {
      title: 'the host passes vnet conform',
      notInKernel: 'no virtual machine runs vnet conform',
      read: 'See it live',
      async run({ vnet, run }) {
        const [name = ''] = (await vnet()).interfaces
        for (const only of ['udp', 'icmp']) {
          const { status, stdout, stderr } = await run(
            'vnet',
            'conform',
            name,
            '--address',
            ADDRESS,
            '--only',
            only,
          )
          const lines = (stdout + stderr).trim().split('\n')
          verify(status === 0 && !stdout.includes('differs'), {
            seen: `vnet conform --only ${only}: ${lines.find(line => /^(FAILED|differs)/.test(line)) ?? lines.at(-1)}`,
            expected: 'all pass',
          })
        }
      },
    },
  ],
})
