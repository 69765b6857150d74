// @ts-check

/** 19. ARP: a host that is found. */
import {
  addressesOf,
  arpRequest,
  counts,
  defineExercise,
  ethernetFrame,
  macAt,
  verify,
} from '@vnet/learn'
import { conformance } from '@vnet/learn/conform'

/** @typedef {import('@vnet/learn').Live} Live */
/** @typedef {import('@vnet/learn').TestBed} TestBed */

const ADDRESS = '198.18.0.2'
const HARDWARE = '02:00:00:00:00:09'
const OTHER = '02:00:00:00:00:0a'
/** Positions in a frame: of ARP, and of the target's address in it. */
const ARP = 14
const TPA = 38
const conforms = conformance(
  { mac: Uint8Array.of(2, 0, 0, 0, 0, 9), ip: Uint8Array.of(198, 18, 0, 2) },
  'arp',
)

/**
 * The kernel's entry for an address, after a ping: `02:00:00:00:00:09`, or `no entry`.
 * @param {Live} live
 * @param {string} address
 */
async function neighbourOf({ run }, address) {
  await run('ping', '-c', '1', '-W', '1', address)
  const { stdout } = await run('ip', '-j', 'neigh', 'show', address)
  const [entry] = JSON.parse(stdout || '[]')
  return entry?.lladdr ?? 'no entry'
}

/**
 * Transmits requests of which one byte is another, by each of its bits, and fails unless each is
 * dropped for the reason.
 * @param {TestBed} bed
 * @param {number} at
 * @param {string} reason
 * @param {string} rule
 */
function verifyRefused(bed, at, reason, rule) {
  for (let bit = 0; bit < 8; bit++) {
    const frame = arpRequest({ from: '198.18.0.1', to: ADDRESS })
    frame[at] ^= 1 << bit
    const [{ [reason]: before = 0 }, { length }] = [bed.drops(), bed.received]
    bed.transmit(frame)
    const { [reason]: after = 0 } = bed.drops()
    verify(bed.received.length === length && after === before + 1, {
      seen: `a request with 0x${frame[at]?.toString(16)} in byte ${at - ARP} of ARP: ${bed.received.length - length} replies; dropped: ${counts(bed.drops())}`,
      expected: `${rule}. Drop it as ${reason}`,
    })
  }
}

export const exercise = defineExercise({
  version: 1,
  driver: 'arp.js',
  title: 'ARP: a host that is found',
  summary: 'a host behind the interface, part 1: it replies to ARP requests for its address',
  kernelNames: ['arp_rcv', 'arp_process', 'arp_send', 'eth_type_trans', 'neigh_update'],
  memory: [
    {
      title: 'replies to a request for its address',
      read: 'Make the reply',
      async run(bed) {
        const rule =
          'the reply: op is 2; sha, spa are HARDWARE, ADDRESS; tha, tpa are sha, spa of the request'
        await conforms(
          bed,
          'arp-request',
          `${rule}; it goes from HARDWARE to the station that asked`,
        )
        await conforms(bed, 'arp-request-unicast', 'a request for HARDWARE alone gets a reply, too')
        await conforms(
          bed,
          'arp-request-padded',
          'a frame has at least 60 bytes on a cable: it may be longer than ARP',
        )
        const request = arpRequest({ from: '198.18.0.1', to: ADDRESS })
        // Like a bridge that asks for one of its stations: sha is not the source of the frame.
        request.set([2, 0, 0, 0, 0x5e, 0x0b], ARP + 8)
        bed.transmit(request)
        const reply = bed.received.at(-1)?.bytes ?? new Uint8Array(ARP)
        verify(macAt(reply, 0) === '02:00:00:00:5e:0b', {
          seen: `a request with sha 02:00:00:00:5e:0b, in a frame from ${macAt(request, 6)}: the reply is for ${macAt(reply, 0)}`,
          expected: '02:00:00:00:5e:0b: the reply goes to the new tha, which was sha',
        })
      },
    },
    {
      title: 'replies to a probe, which has no address of a sender',
      read: 'Make the reply',
      run: bed =>
        conforms(
          bed,
          'arp-probe',
          'spa may be 0.0.0.0: a host asks whether its new address is free',
        ),
    },
    {
      title: 'leaves requests for other addresses to others',
      read: 'Is it for me?',
      async run(bed) {
        await conforms(
          bed,
          'arp-other-address',
          'only the owner of tpa replies; all hosts of the cable get this',
        )
        for (let byte = 0; byte < 4; byte++) {
          const rule =
            'none: the address is all 32 bits, and a host that replies for others takes their frames away'
          verifyRefused(bed, TPA + byte, 'NOT_SPECIFIED', rule)
        }
      },
    },
    {
      title: 'replies to nothing but requests',
      read: 'Is it for me?',
      async run(bed) {
        await conforms(
          bed,
          'arp-reply-is-not-a-request',
          'a reply gets no reply: two hosts would never end',
        )
        await conforms(
          bed,
          'arp-opcode',
          'op 1 is a request; 3 to 25 belong to other protocols, such as RARP',
        )
        const dropped = counts(bed.drops())
        verify(/^NOT_SPECIFIED \d+$/.test(dropped), {
          seen: `packets that are not requests; dropped: ${dropped}`,
          expected: 'all of them as NOT_SPECIFIED',
        })
        for (const byte of [6, 7]) {
          verifyRefused(bed, ARP + byte, 'NOT_SPECIFIED', 'none: op has 16 bits, and is 1')
        }
      },
    },
    {
      title: 'knows only Ethernet and IPv4',
      read: 'Is it ARP for IPv4?',
      async run(bed) {
        await conforms(
          bed,
          'arp-hardware-type',
          'hrd is 1, Ethernet: other hardware has addresses of other lengths',
        )
        await conforms(
          bed,
          'arp-protocol-type',
          'pro is 0x0800, IPv4: tpa of another protocol only looks like ADDRESS',
        )
        for (const at of [4, 5]) {
          const request = arpRequest({ from: '198.18.0.1', to: ADDRESS })
          request[14 + at] = 8
          bed.transmit(request)
          verify(bed.received.length === 0, {
            seen: `a request with ${at === 4 ? 'hln' : 'pln'} 8 got a reply`,
            expected:
              'none: hln is 6 and pln is 4, or the fields after them are elsewhere (RFC 826, Packet Reception)',
          })
        }
        for (let byte = 0; byte < 6; byte++) {
          const rule = 'none: hrd and pro have 16 bits each, 1 and 0x0800, hln is 6 and pln is 4'
          verifyRefused(bed, ARP + byte, 'NOT_SPECIFIED', rule)
        }
      },
    },
    {
      title: 'reads nothing after the end of a frame',
      read: 'Is it ARP for IPv4?',
      async run(bed) {
        await conforms(
          bed,
          'arp-truncated',
          'a host survives every frame: look at the length first',
        )
        const request = arpRequest({ from: '198.18.0.1', to: ADDRESS })
        const { PKT_TOO_SMALL = 0 } = bed.drops()
        bed.transmit(request.subarray(0, -1))
        const dropped = (bed.drops().PKT_TOO_SMALL ?? 0) - PKT_TOO_SMALL
        verify(bed.received.length === 0 && dropped === 1, {
          seen: `a request without its last byte: ${bed.received.length} replies; dropped: ${counts(bed.drops())}`,
          expected: 'no reply, and PKT_TOO_SMALL: the last byte of tpa is of another frame',
        })
        for (let length = ARP; length < request.length; length++) {
          const { PKT_TOO_SMALL: before = 0 } = bed.drops()
          bed.transmit(request.subarray(0, length))
          verify(bed.received.length === 0 && bed.drops().PKT_TOO_SMALL === before + 1, {
            seen: `the first ${length} bytes of a request: ${bed.received.length} replies; dropped: ${counts(bed.drops())}`,
            expected: `no reply, and PKT_TOO_SMALL ${before + 1}: 28 bytes follow the header of Ethernet`,
          })
        }
      },
    },
    {
      title: 'receives frames for its hardware address and for all, like a NIC',
      read: 'Is it for me?',
      async run(bed) {
        bed.transmit(arpRequest({ from: '198.18.0.1', to: ADDRESS, destinationMac: OTHER }))
        const [reply] = bed.received
        verify(reply === undefined, {
          seen: `a request for ${ADDRESS} in a frame for ${OTHER}: ${reply && addressesOf(reply.bytes)}`,
          expected: `no reply: the frame is neither for ${HARDWARE} nor for all`,
        })
        for (const [to, what] of /** @type {const} */ ([
          [HARDWARE, 'HARDWARE'],
          ['ff:ff:ff:ff:ff:ff', 'the address of all stations'],
        ])) {
          for (let byte = 0; byte < 6; byte++) {
            const frame = arpRequest({ from: '198.18.0.1', to: ADDRESS, destinationMac: to })
            frame[byte] ^= 0x80
            const { OTHERHOST: before = 0 } = bed.drops()
            bed.transmit(frame)
            verify(bed.received.length === 0 && bed.drops().OTHERHOST === before + 1, {
              seen: `a request in a frame for ${macAt(frame, 0)}: ${bed.received.length} replies; dropped: ${counts(bed.drops())}`,
              expected: `no reply, and OTHERHOST ${before + 1}: one of the six bytes differs from ${what}`,
            })
          }
        }
        const { UNHANDLED_PROTO = 0, OTHERHOST = 0 } = bed.drops()
        await conforms(bed, 'ether-unknown-type', 'a frame of an unknown type is dropped')
        bed.transmit(ethernetFrame({ type: 0x0800, destinationMac: HARDWARE }))
        const { UNHANDLED_PROTO: unhandled = 0, OTHERHOST: others = 0 } = bed.drops()
        verify(unhandled === UNHANDLED_PROTO + 2 && others === OTHERHOST && OTHERHOST === 13, {
          seen: `two frames for the host that are not ARP, after 13 for others; dropped: ${counts(bed.drops())}`,
          expected: 'UNHANDLED_PROTO 2, OTHERHOST 13',
        })
      },
    },
  ],
  live: [
    {
      title: 'the kernel finds the host by ARP',
      needs: ['ping', 'ip'],
      read: 'See it live',
      async run(live) {
        await live.vnet()
        const entry = await neighbourOf(live, ADDRESS)
        verify(entry === HARDWARE, {
          seen: `ip neigh show ${ADDRESS}: ${entry}`,
          expected: HARDWARE,
        })
        const other = await neighbourOf(live, '198.18.0.10')
        verify(other === 'no entry', {
          seen: `ip neigh show 198.18.0.10: ${other}`,
          expected: 'no entry: nobody has that address',
        })
      },
    },
    {
      title: 'the host passes vnet conform',
      notInKernel: 'no virtual machine runs vnet conform',
      read: 'See it live',
      async run({ vnet, run }) {
        const [name = ''] = (await vnet()).interfaces
        const { status, stdout, stderr } = await run(
          'vnet',
          'conform',
          name,
          '--address',
          ADDRESS,
          '--only',
          'arp-request*',
        )
        const lines = (stdout + stderr).trim().split('\n')
        verify(status === 0, {
          seen: `vnet conform: ${lines.find(line => line.startsWith('FAILED')) ?? lines.at(-1)}`,
          expected: '3 of 3 pass',
        })
      },
    },
  ],
})
