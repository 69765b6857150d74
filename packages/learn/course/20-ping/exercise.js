// @ts-check

/** 20. Ping: IP and its checksum. */
import {
  counts,
  defineExercise,
  echoRequest,
  ethernetFrame,
  numberOf,
  udpFrame,
  verify,
  withOptions,
} from '@vnet/learn'
import { conformance } from '@vnet/learn/conform'
import { checksum, ipv4 } from 'vnet'

/** @typedef {import('@vnet/learn').TestBed} TestBed */

const ADDRESS = '198.18.0.2'
const HARDWARE = '02:00:00:00:00:09'
const HOST = { mac: Uint8Array.of(2, 0, 0, 0, 0, 9), ip: Uint8Array.of(198, 18, 0, 2) }
const conforms = conformance(HOST, 'arp', 'ipv4', 'icmp')
/** Positions in a frame without options of IP. */
const [IP, ICMP, DATA] = [14, 34, 42]
const PING = {
  from: '198.18.0.1',
  to: ADDRESS,
  identifier: 1,
  sequence: 1,
  destinationMac: HARDWARE,
}

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
 * Transmits a ping with a changed header, and returns its reply.
 * @param {TestBed} bed
 * @param {(frame: Uint8Array) => void} change
 */
function replyTo(bed, change) {
  const frame = echoRequest({ ...PING, size: 8 })
  change(frame)
  ipv4.fillHeaderChecksum(frame, IP)
  bed.transmit(frame)
  return bed.received.at(-1)?.bytes
}

/** Returns a ping. The sum of its reply has one more carry after its carries were added. */
function pingWithTwoCarries() {
  const frame = echoRequest({ ...PING, size: 1024 })
  frame.fill(0xff, DATA)
  const view = new DataView(frame.buffer)
  view.setUint16(DATA, 0)
  view.setUint16(ICMP + 2, 0)
  let sum = 0
  for (let at = ICMP + 2; at < frame.length; at += 2) {
    sum += view.getUint16(at)
  }
  view.setUint16(DATA, 0xffff - (sum & 0xffff))
  view.setUint16(
    ICMP + 2,
    checksum.finish(checksum.onesComplementSum(frame, ICMP, frame.length - ICMP)),
  )
  return frame
}

export const exercise = defineExercise({
  version: 1,
  driver: 'ping.js',
  title: 'Ping: IP and its checksum',
  summary: 'a host behind the interface, part 2: IPv4 headers, checksums, and replies to ping',
  kernelNames: [
    'ip_rcv_core',
    'ip_route_input',
    'ip_fast_csum',
    'ip_defrag',
    'icmp_rcv',
    'icmp_echo',
  ],
  memory: [
    {
      title: 'still replies to ARP',
      read: 'What to do',
      run: bed =>
        allConform(
          bed,
          'the part of exercise 19 is done already',
          'arp-request',
          'arp-other-address',
        ),
    },
    {
      title: 'replies to a ping with its identifier, number and data',
      read: 'Make the reply',
      async run(bed) {
        const rule =
          'type 0, the rest of the message as it came; the packet goes from ADDRESS to the station that asked'
        await allConform(
          bed,
          `${rule}; both checksums are right`,
          'icmp-echo',
          'icmp-echo-empty',
          'icmp-echo-large',
        )
      },
    },
    {
      title: 'sums up any number of bytes, with all carries',
      read: 'The checksum',
      async run(bed) {
        await conforms(
          bed,
          'icmp-echo-odd',
          'a last byte alone is the high byte of a word: a byte of 0 follows in the sum',
        )
        const before = bed.received.length
        bed.transmit(pingWithTwoCarries())
        const reply = bed.received[before]?.bytes
        verify(
          reply !== undefined &&
            checksum.onesComplementSum(reply, ICMP, reply.length - ICMP) === 0xffff,
          {
            seen: `a ping of 1024 bytes, with a sum that has a carry after its carries were added: ${reply ? 'the checksum of the reply is wrong' : 'no reply'}`,
            expected: 'a right checksum: add carries until the sum has 16 bits',
          },
        )
      },
    },
    {
      title: 'drops packets with a wrong checksum',
      read: 'The checksum',
      async run(bed) {
        await conforms(
          bed,
          'ipv4-checksum',
          'checksum of a right header is 0; its fields cannot be believed otherwise',
        )
        await conforms(
          bed,
          'icmp-checksum',
          'the checksum of ICMP covers the message, with all of its data',
        )
        const dropped = counts(bed.drops())
        verify(dropped === 'IP_CSUM 1, ICMP_CSUM 1', {
          seen: `two packets with a wrong checksum; dropped: ${dropped}`,
          expected: 'IP_CSUM 1, ICMP_CSUM 1',
        })
      },
    },
    {
      title: 'looks at a header before it believes it',
      read: 'Check the header',
      async run(bed) {
        await conforms(
          bed,
          'ipv4-version',
          'the high 4 bits are the version, 4: other versions have other headers',
        )
        await allConform(
          bed,
          'the low 4 bits are the length of the header, in 32-bit words: 20 bytes at least, and within the frame',
          'ipv4-header-short',
          'ipv4-header-beyond',
        )
        await allConform(
          bed,
          'the length of the packet is at least that of its header, and its bytes are in the frame',
          'ipv4-length-short',
          'ipv4-length-beyond',
        )
        await allConform(
          bed,
          'a host survives every frame: look at lengths first',
          'ipv4-truncated',
          'icmp-short',
        )
        const dropped = counts(bed.drops())
        verify(dropped === 'PKT_TOO_SMALL 3, IP_INHDR 4', {
          seen: `four wrong headers and three packets that are cut; dropped: ${dropped}`,
          expected: 'PKT_TOO_SMALL 3, IP_INHDR 4',
        })
      },
    },
    {
      title: 'finds the message after options, and its end before padding',
      read: 'Check the header',
      async run(bed) {
        await allConform(
          bed,
          'a header may have options after its 20 bytes: the message starts where the header ends',
          'ipv4-options-no-operation',
          'ipv4-options-after-end',
          'ipv4-option-unknown',
          'ipv4-option-record-route',
        )
        await conforms(
          bed,
          'ether-padding',
          'the packet ends by its own length: what follows in the frame is padding',
        )
      },
    },
    {
      title: 'drops packets for others, and from addresses of no host',
      read: 'Is the packet for me?',
      async run(bed) {
        await allConform(
          bed,
          'only ADDRESS is mine',
          'ipv4-other-destination',
          'ipv4-destination-loopback',
        )
        await allConform(
          bed,
          'a source is one host: not 0.x, 127.x, a group, or a broadcast address. A reply would go to all of them',
          'ipv4-source-broadcast',
          'ipv4-source-group',
          'ipv4-source-loopback',
        )
        const reply = replyTo(bed, frame => frame.set([198, 18, 0, 255], IP + 12))
        verify(reply === undefined, {
          seen: 'a ping from 198.18.0.255 got a reply',
          expected:
            'none: that is the broadcast address of the network, and a reply goes to all of its hosts',
        })
        const rule =
          'no IP in frames for all stations: one ping would make every host of the network reply'
        await conforms(bed, 'ether-broadcast-of-unicast', rule)
        const dropped = counts(bed.drops())
        verify(dropped === 'NOT_SPECIFIED 1, IP_INADDRERRORS 6', {
          seen: `dropped: ${dropped}`,
          expected:
            'NOT_SPECIFIED 1, IP_INADDRERRORS 6: a packet in a frame for all, and six wrong addresses',
        })
        for (let at = IP + 16; at < IP + 20; at++) {
          const { length } = bed.received
          const { IP_INADDRERRORS: before = 0 } = bed.drops()
          replyTo(bed, frame => (frame[at] ^= 1))
          verify(bed.received.length === length && bed.drops().IP_INADDRERRORS === before + 1, {
            seen: `a ping whose destination differs in byte ${at - IP - 16}: ${bed.received.length - length} replies; dropped: ${counts(bed.drops())}`,
            expected: `no reply, and IP_INADDRERRORS ${before + 1}: ADDRESS has 32 bits`,
          })
        }
        for (let at = 0; at < 6; at++) {
          const { length } = bed.received
          const { OTHERHOST: before = 0 } = bed.drops()
          replyTo(bed, frame => (frame[at] ^= 0x80))
          verify(bed.received.length === length && bed.drops().OTHERHOST === before + 1, {
            seen: `a ping in a frame whose destination differs in byte ${at}: ${bed.received.length - length} replies; dropped: ${counts(bed.drops())}`,
            expected: `no reply, and OTHERHOST ${before + 1}: HARDWARE has 48 bits`,
          })
        }
        for (const source of [
          [198, 18, 1, 255],
          [198, 19, 0, 255],
          [192, 0, 2, 255],
        ]) {
          const { length } = bed.received
          replyTo(bed, frame => frame.set(source, IP + 12))
          verify(bed.received.length === length + 1, {
            seen: `a ping from ${source.join('.')} got no reply; dropped: ${counts(bed.drops())}`,
            expected:
              'a reply: only 198.18.0.255 is BROADCAST, and 255 may be the number of a host elsewhere',
          })
        }
      },
    },
    {
      title: 'takes packets with any TTL, and sends its own',
      read: 'Make the reply',
      async run(bed) {
        await allConform(
          bed,
          'only routers count TTL down, and drop at 0: this packet has arrived',
          'ipv4-ttl-one',
          'ipv4-ttl-zero',
        )
        await allConform(
          bed,
          'any type of service, and DF: fields for routers',
          'ipv4-tos',
          'ipv4-dont-fragment',
        )
        const reply = replyTo(bed, frame => (frame[IP + 8] = 1))
        verify(reply?.[IP + 8] === 64, {
          seen: `a ping with TTL 1 got a reply with TTL ${reply?.[IP + 8]}`,
          expected: '64: the way back may be longer, and the first router would drop the reply',
        })
      },
    },
    {
      title: 'drops fragments',
      read: 'Is the packet for me?',
      async run(bed) {
        const reply = replyTo(bed, frame => (frame[IP + 6] = 0x20))
        verify(reply === undefined, {
          seen: 'a first fragment, with the flag MF, got a reply',
          expected: 'none: it is only a part of a message, even if its checksum is right',
        })
        await conforms(bed, 'fragments-identification', 'a fragment is no message')
        const dropped = counts(bed.drops())
        verify(dropped === 'FRAG_REASM 3', {
          seen: `three fragments; dropped: ${dropped}`,
          expected: 'FRAG_REASM 3',
        })
      },
    },
    {
      title: 'replies to echo requests only',
      read: 'Make the reply',
      run: bed =>
        allConform(
          bed,
          'only type 8 gets a reply: two hosts that reply to replies would never end',
          'icmp-reply',
          'icmp-unknown-type',
          'icmp-information',
        ),
    },
    {
      title: 'drops other protocols as UNHANDLED_PROTO, and other messages as NOT_SPECIFIED',
      read: 'What to do',
      async run(bed) {
        bed.transmit(udpFrame({ from: PING.from, to: ADDRESS, destinationMac: HARDWARE }))
        bed.transmit(ethernetFrame({ type: 0x86dd, destinationMac: HARDWARE }))
        const dropped = counts(bed.drops())
        verify(dropped === 'UNHANDLED_PROTO 2', {
          seen: `a packet of UDP, and a frame of IPv6; dropped: ${dropped}`,
          expected: 'UNHANDLED_PROTO 2',
        })
        await conforms(bed, 'icmp-unknown-type', 'a type that is not known gets no reply')
        const { NOT_SPECIFIED = 0 } = bed.drops()
        verify(NOT_SPECIFIED === 1, {
          seen: `a message of an unknown type; dropped: ${counts(bed.drops())}`,
          expected: 'NOT_SPECIFIED 1',
          read: 'Make the reply',
        })
      },
    },
    {
      title: 'keeps 40 bytes of options, with a right checksum',
      read: 'Make the reply',
      run(bed) {
        const frame = withOptions(echoRequest({ ...PING, size: 8 }), 40)
        bed.transmit(frame)
        const reply = bed.received[0]?.bytes
        const isRight = reply !== undefined && checksum.onesComplementSum(reply, IP, 60) === 0xffff
        verify(isRight && reply[IP] === 0x4f && reply[IP + 60] === 0, {
          seen: `a ping with a header of 60 bytes: ${reply ? `a reply with 0x${reply[IP]?.toString(16)} as its first byte, and ${isRight ? 'a right' : 'a wrong'} checksum of the header` : 'no reply'}; dropped: ${counts(bed.drops())}`,
          expected: 'a reply with 0x4f, whose checksum covers all 60 bytes: options remain',
        })
      },
    },
  ],
  live: [
    {
      title: 'ping gets replies, of even and odd lengths',
      needs: ['ping'],
      read: 'See it live',
      async run({ vnet, run }) {
        await vnet()
        for (const size of ['0', '7', '56', '1472']) {
          const { stdout } = await run(
            'ping',
            '-c',
            '3',
            '-i',
            '0.2',
            '-w',
            '10',
            '-s',
            size,
            ADDRESS,
          )
          const received = numberOf(/, (\d+) received/, stdout)
          verify(received === 3, {
            seen: `ping -s ${size}: ${received ?? 0} of 3 replies`,
            expected: '3',
          })
        }
      },
    },
    {
      title: 'the host passes vnet conform',
      notInKernel: 'no virtual machine runs vnet conform',
      read: 'See it live',
      async run({ vnet, run }) {
        const [name = ''] = (await vnet()).interfaces
        for (const only of ['arp', 'ipv4-source*', 'ipv4-length*', 'icmp-echo*']) {
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
          verify(status === 0, {
            seen: `vnet conform --only '${only}': ${lines.find(line => line.startsWith('FAILED')) ?? lines.at(-1)}`,
            expected: '0 that must fail',
          })
        }
      },
    },
  ],
})
