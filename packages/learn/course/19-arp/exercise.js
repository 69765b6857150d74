// @ts-check

/** 19. ARP: a host that is found. */
import { addressesOf, arpRequest, counts, defineExercise, ethernetFrame, verify } from '@vnet/learn'
import { conformance } from '@vnet/learn/conform'

/** @typedef {import('@vnet/learn').Live} Live */

const ADDRESS = '198.18.0.2'
const HARDWARE = '02:00:00:00:00:09'
const OTHER = '02:00:00:00:00:0a'
const conforms = conformance({ mac: Uint8Array.of(2, 0, 0, 0, 0, 9), ip: Uint8Array.of(198, 18, 0, 2) }, 'arp')

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
        const rule = 'the reply: op is 2; sha, spa are HARDWARE, ADDRESS; tha, tpa are sha, spa of the request'
        await conforms(bed, 'arp-request', `${rule}; it goes from HARDWARE to the station that asked`)
        await conforms(bed, 'arp-request-unicast', 'a request for HARDWARE alone gets a reply, too')
        await conforms(bed, 'arp-request-padded', 'a frame has at least 60 bytes on a cable: it may be longer than ARP')
      },
    },
    {
      title: 'replies to a probe, which has no address of a sender',
      read: 'Make the reply',
      run: bed => conforms(bed, 'arp-probe', 'spa may be 0.0.0.0: a host asks whether its new address is free'),
    },
    {
      title: 'leaves requests for other addresses to others',
      read: 'Is it for me?',
      run: bed => conforms(bed, 'arp-other-address', 'only the owner of tpa replies; all hosts of the cable get this'),
    },
    {
      title: 'replies to nothing but requests',
      read: 'Is it for me?',
      async run(bed) {
        await conforms(bed, 'arp-reply-is-not-a-request', 'a reply gets no reply: two hosts would never end')
        await conforms(bed, 'arp-opcode', 'op 1 is a request; 3 to 25 belong to other protocols, such as RARP')
      },
    },
    {
      title: 'knows only Ethernet and IPv4',
      read: 'Is it ARP for IPv4?',
      async run(bed) {
        await conforms(bed, 'arp-hardware-type', 'hrd is 1, Ethernet: other hardware has addresses of other lengths')
        await conforms(bed, 'arp-protocol-type', 'pro is 0x0800, IPv4: tpa of another protocol only looks like ADDRESS')
        for (const at of [4, 5]) {
          const request = arpRequest({ from: '198.18.0.1', to: ADDRESS })
          request[14 + at] = 8
          bed.transmit(request)
          verify(bed.received.length === 0, {
            seen: `a request with ${at === 4 ? 'hln' : 'pln'} 8 got a reply`,
            expected: 'none: hln is 6 and pln is 4, or the fields after them are elsewhere (RFC 826, Packet Reception)',
          })
        }
      },
    },
    {
      title: 'reads nothing after the end of a frame',
      read: 'Is it ARP for IPv4?',
      async run(bed) {
        await conforms(bed, 'arp-truncated', 'a host survives every frame: look at the length first')
        const request = arpRequest({ from: '198.18.0.1', to: ADDRESS })
        const { PKT_TOO_SMALL = 0 } = bed.drops()
        bed.transmit(request.subarray(0, -1))
        const dropped = (bed.drops().PKT_TOO_SMALL ?? 0) - PKT_TOO_SMALL
        verify(bed.received.length === 0 && dropped === 1, {
          seen: `a request without its last byte: ${bed.received.length} replies; dropped: ${counts(bed.drops())}`,
          expected: 'no reply, and PKT_TOO_SMALL: the last byte of tpa is of another frame',
        })
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
        await conforms(bed, 'ether-unknown-type', 'a frame of an unknown type is dropped')
        bed.transmit(ethernetFrame({ type: 0x0800, destinationMac: HARDWARE }))
        const dropped = counts(bed.drops())
        verify(dropped === 'UNHANDLED_PROTO 2, OTHERHOST 1', {
          seen: `a frame for ${OTHER}, and two for the host that are not ARP; dropped: ${dropped}`,
          expected: 'UNHANDLED_PROTO 2, OTHERHOST 1',
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
        verify(entry === HARDWARE, { seen: `ip neigh show ${ADDRESS}: ${entry}`, expected: HARDWARE })
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
