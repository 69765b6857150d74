// @ts-check

import {
  addressesOf,
  arpRequest,
  counts,
  defineExercise,
  ethernetFrame,
  fail,
  macAt,
  udpFrame,
  verify,
  verifyNothingLost,
  withOptions,
} from '@vnet/learn'
/** 2. A mirror: frames back to the kernel. */
import { ETH_P_IPV6, ethernet, formatMac } from 'vnet'

const { isSameAddress } = ethernet

const ENDS = { from: '198.18.0.1', to: '198.18.0.9' }
/** It differs from the interface's in each of its six bytes. */
const SOURCE_MAC = '06:13:57:9b:df:77'
const TO_MANY = [
  { destinationMac: '01:00:5e:00:00:01', from: '198.18.0.1', to: '224.0.0.1' },
  { destinationMac: 'ff:ff:ff:ff:ff:ff', from: '198.18.0.1', to: '198.18.0.255' },
  { destinationMac: '03:00:00:00:00:01', from: '198.18.0.1', to: '198.18.0.9' },
]
/** Faults of a header of IPv4: the byte of the frame, and its value. */
const WRONG_HEADERS = /** @type {const} */ ([
  ['version 6', 14, 0x65],
  ['a header of 16 bytes', 14, 0x44],
  ['a header of 60 bytes, longer than the packet', 14, 0x4f],
  ['a packet of 19 bytes, shorter than its header', 17, 19],
])
/** Where the IPv4 header is, and the length of both headers. */
const IP_AT = 14
const HEADERS = 34

export const exercise = defineExercise({
  version: 1,
  driver: 'mirror.js',
  title: 'A mirror: frames back to the kernel',
  summary: 'a mirror: every address replies to ping',
  kernelNames: ['netif_rx', 'eth_type_trans', 'ip_hdr', 'eth_hdr', 'pkt_type'],
  rules: [
    {
      seen: /out-of-bounds: .* before the room of a frame/,
      expected: 'positions from skb.data on: skb.bytes is the memory of all frames',
      read: 'Swap the hardware addresses',
    },
  ],
  memory: [
    {
      title: 'gives each IPv4 frame back to the kernel',
      read: 'Hand it over',
      run(bed) {
        for (let i = 0; i < 3; i++) {
          bed.transmit(udpFrame(ENDS))
        }
        const { length } = bed.received
        const { held } = bed.balance()
        const rest = [
          `dropped: ${counts(bed.drops())}`,
          ...(held > 0 ? [`still held: ${held}`] : []),
        ].join('; ')
        verify(length === 3, {
          seen: `of 3 UDP frames the kernel received ${length}; ${rest}`,
          expected: '3, each by netifRx',
        })
      },
    },
    {
      title: 'swaps the IPv4 addresses',
      read: 'Swap the addresses',
      run(bed) {
        bed.transmit(udpFrame(ENDS))
        const [frame] = bed.received
        const { from, to } =
          frame === undefined ? { from: 'nowhere', to: 'nowhere' } : addressesOf(frame.bytes)
        const sent = 'a frame from 198.18.0.1 to 198.18.0.9'
        verify(from === '198.18.0.9', {
          seen: `${sent} came back with source ${from}`,
          expected: '198.18.0.9, the address that it was sent to',
        })
        verify(to === '198.18.0.1', {
          seen: `${sent} came back with destination ${to}`,
          expected: '198.18.0.1, the address that it was sent from',
        })
        bed.transmit(udpFrame({ from: '198.18.0.1', to: '192.0.2.77' }))
        const far = bed.received[1] && addressesOf(bed.received[1].bytes)
        verify(far?.from === '192.0.2.77' && far.to === '198.18.0.1', {
          seen: `a frame to 192.0.2.77 came back from ${far?.from} to ${far?.to}`,
          expected:
            'from 192.0.2.77 to 198.18.0.1: all four bytes of both, whatever route leads here',
        })
      },
    },
    {
      title: 'swaps the hardware addresses',
      read: 'Swap the hardware addresses',
      run(bed) {
        // A driver may refuse frames for other hosts.
        const own = formatMac(bed.dev.devAddr)
        bed.transmit(udpFrame({ ...ENDS, sourceMac: SOURCE_MAC, destinationMac: own }))
        const bytes = bed.received[0]?.bytes
        if (bytes === undefined) {
          fail({ seen: `a frame to ${own} did not come back`, expected: 'the frame, mirrored' })
        }
        const [destination, source] = [macAt(bytes, 0), macAt(bytes, 6)]
        verify(destination === SOURCE_MAC && source === own, {
          seen: `a frame from ${SOURCE_MAC} to ${own} came back from ${source} to ${destination}`,
          expected: `from ${own} to ${SOURCE_MAC}: the kernel takes only what is for its interface`,
        })
      },
    },
    {
      title: 'changes nothing else',
      read: 'Swap the addresses',
      run(bed) {
        const sent = udpFrame({ ...ENDS, payload: 1200 })
        bed.transmit(sent)
        const bytes = bed.received[0]?.bytes ?? new Uint8Array()
        verify(bytes.length === sent.length, {
          seen: `a frame of ${sent.length} bytes came back with ${bytes.length}`,
          expected: 'its length',
        })
        const at = sent.findIndex(
          (byte, i) => byte !== bytes[i] && !(i < 12 || (i >= IP_AT + 12 && i < HEADERS)),
        )
        verify(at < 0, {
          seen: `byte ${at} came back as ${bytes[at]}, and was sent as ${sent[at]}`,
          expected: 'all bytes but the addresses as they were sent, the checksums too',
        })
        const options = withOptions(udpFrame(ENDS), 4)
        bed.transmit(options)
        const back = bed.received[1]?.bytes
        const isWhole =
          back !== undefined && options.every((byte, i) => i < HEADERS || back[i] === byte)
        verify(isWhole && addressesOf(back).from === ENDS.to, {
          seen: `a frame with 4 bytes of options: ${back ? 'other bytes came back' : 'nothing came back'}; dropped: ${counts(bed.drops())}`,
          expected:
            'the frame, mirrored: a header has 20 to 60 bytes, and the addresses are in the first 20',
        })
      },
    },
    {
      title: 'drops what cannot be mirrored, and says why',
      read: 'What cannot be mirrored',
      run(bed) {
        bed.transmit(arpRequest(ENDS))
        bed.transmit(ethernetFrame({ type: ETH_P_IPV6 }))
        const { UNHANDLED_PROTO = 0 } = bed.drops()
        verify(UNHANDLED_PROTO === 2, {
          seen: `after an ARP and an IPv6 frame, dropped: ${counts(bed.drops())}`,
          expected: 'UNHANDLED_PROTO 2',
        })
        for (const [i, ends] of TO_MANY.entries()) {
          bed.transmit(udpFrame(ends))
          const { IP_NOT_TRANSLATABLE = 0 } = bed.drops()
          const frame = `a frame to ${ends.to} (${ends.destinationMac})`
          verify(IP_NOT_TRANSLATABLE === i + 1, {
            seen:
              bed.received.length > 0
                ? `${frame} came back`
                : `after ${frame}, dropped: ${counts(bed.drops())}`,
            expected: `IP_NOT_TRANSLATABLE ${i + 1}: an address of many cannot be the source of a frame`,
          })
        }
        bed.transmit(udpFrame(ENDS).subarray(0, IP_AT + 16))
        const { IP_INHDR = 0 } = bed.drops()
        verify(IP_INHDR === 1, {
          seen:
            bed.received.length > 0
              ? 'a frame with 16 of the 20 bytes of an IPv4 header came back: 4 bytes were read after its end'
              : `after a frame with 16 of the 20 bytes of an IPv4 header, dropped: ${counts(bed.drops())}`,
          expected: 'IP_INHDR 1',
        })
        bed.transmit(udpFrame(ENDS).subarray(0, -4))
        verify(bed.drops().IP_INHDR === 2, {
          seen:
            bed.received.length > 0
              ? 'a frame whose last 4 bytes are missing came back'
              : `after a frame whose last 4 bytes are missing, dropped: ${counts(bed.drops())}`,
          expected: 'IP_INHDR: the packet begins at nh, so it has skb.len - ETH_HLEN bytes',
        })
        for (const [what, at, byte] of WRONG_HEADERS) {
          const frame = udpFrame(ENDS)
          frame[at] = byte
          const { IP_INHDR: before = 0 } = bed.drops()
          bed.transmit(frame)
          verify(bed.drops().IP_INHDR === before + 1, {
            seen: `after a frame with ${what}: ${bed.received.length} came back; dropped: ${counts(bed.drops())}`,
            expected: `IP_INHDR ${before + 1}: ipv4.parse looks at all of the header`,
          })
        }
      },
    },
    {
      title: 'every address replies to ping',
      read: 'Hand it over',
      run(bed) {
        for (const to of ['198.18.0.9', '198.18.0.77']) {
          const { received } = bed.ping({ to, count: 3 })
          verify(received === 3, {
            seen: `ping ${to}: ${received} of 3 replies`,
            expected: '3: the kernel replies to its own mirrored requests',
          })
        }
        const last = bed.received.at(-1)
        const isForUs = last !== undefined && isSameAddress(last.bytes, 0, bed.dev.devAddr)
        verify(isForUs, {
          seen: 'the last frame was not for the address of the interface',
          expected: 'the interface as the destination',
          read: 'Swap the hardware addresses',
        })
      },
    },
  ],
  live: [
    {
      title: 'ping gets a reply from two addresses',
      needs: ['ping'],
      read: 'See it live',
      async run({ vnet, run }) {
        await vnet()
        for (const to of ['198.18.0.9', '198.18.0.77']) {
          const { stdout, stderr } = await run('ping', '-c', '3', '-i', '0.2', '-w', '10', to)
          const replies = / (\d+) received/.exec(stdout)?.[1]
          verify(replies === '3', {
            seen: `ping ${to}: ${replies === undefined ? stderr.trim() : `${replies} of 3 replies`}`,
            expected: '3 received',
          })
        }
      },
    },
    {
      title: 'the kernel receives as many frames as it transmits',
      needs: ['ping', 'ip'],
      read: 'Hand it over',
      run: live => verifyNothingLost(live, [], { count: 5, interval: '0.2' }),
    },
  ],
})
