// @ts-check

import { arpRequest, counts, defineExercise, ethernetFrame, udpFrame, verify } from '@vnet/learn'
/** 1. A device that drops every frame. */
import { ETH_P_IPV6, IFF_BROADCAST, IFF_MULTICAST, IFF_NOARP } from 'vnet'

const ENDS = { from: '198.18.0.1', to: '198.18.0.9' }
/** An EtherType for experiments (RFC 9542). */
const ETH_P_EXPERIMENT = 0x88b5
const UDP_LEN = 60
/** The headers of Ethernet, IPv4 and UDP, bytes. */
const HEADERS = 42
/** Frames of IPv4 to a group and to all stations, and the longest of an MTU of 1500. */
const OTHER_IPV4 = [
  udpFrame({ from: ENDS.from, to: '224.0.0.251', destinationMac: '01:00:5e:00:00:fb' }),
  udpFrame({ from: ENDS.from, to: '198.18.0.255', destinationMac: 'ff:ff:ff:ff:ff:ff' }),
  udpFrame({ ...ENDS, payload: 1514 - HEADERS }),
]

export const exercise = defineExercise({
  version: 1,
  driver: 'drop.js',
  title: 'A device that drops every frame',
  summary: 'a device that drops every frame, and counts why',
  kernelNames: [
    'alloc_etherdev',
    'register_netdev',
    'netdev_priv',
    'net_device_ops',
    'ndo_start_xmit',
    'sk_buff',
    'eth_type_trans',
    'kfree_skb_reason',
    'IFF_NOARP',
  ],
  memory: [
    {
      title: 'registers one device, drop0',
      read: 'What to do',
      run({ devices }) {
        const names = devices.map(({ name }) => name).join(', ')
        verify(names === 'drop0', { seen: `devices: ${names}`, expected: 'one, drop0' })
      },
    },
    {
      title: 'drops every IPv4 frame',
      read: 'Drop each frame',
      run(bed) {
        for (let i = 0; i < 3; i++) {
          bed.transmit(udpFrame(ENDS))
        }
        const { held } = bed.balance()
        const { txDropped } = bed.stats()
        const expected = 'each frame dropped by the time startXmit returns'
        verify(held === 0, {
          seen: `${held} of 3 frames are still held: nothing freed them`,
          expected,
        })
        const seen = `tx_dropped is ${txDropped} after 3 frames`
        verify(txDropped === 3, { seen, expected: 'tx_dropped 3: drop() counts, free() does not' })
        for (const frame of OTHER_IPV4) {
          bed.transmit(frame)
        }
        const all = counts(bed.drops())
        verify(bed.stats().txDropped === 6 && bed.drops().UNHANDLED_PROTO === undefined, {
          seen: `then three to a group, to all stations, and of 1514 bytes: dropped: ${all}; held: ${bed.balance().held}`,
          expected: 'NOT_SPECIFIED 6 in the end: these are IPv4 frames like the others',
        })
      },
    },
    {
      title: 'drops other frames as UNHANDLED_PROTO',
      read: 'Drop each frame',
      run(bed) {
        for (let i = 0; i < 3; i++) {
          bed.transmit(udpFrame(ENDS))
        }
        bed.transmit(arpRequest(ENDS))
        bed.transmit(ethernetFrame({ type: ETH_P_IPV6 }))
        const { held } = bed.balance()
        const all = 'after 3 IPv4 frames, an ARP and an IPv6 frame,'
        verify(held === 0, {
          seen: `${all} ${held} frames are still held`,
          expected: 'each frame dropped, whatever its protocol',
        })
        const drops = bed.drops()
        verify(drops.NOT_SPECIFIED === 3 && drops.UNHANDLED_PROTO === 2, {
          seen: `${all} dropped: ${counts(drops)}`,
          expected:
            'NOT_SPECIFIED 3, UNHANDLED_PROTO 2: ethTypeTrans(skb, dev) returns the protocol; before it skb.protocol is 0',
          read: 'Give a reason',
        })
        bed.transmit(ethernetFrame({ type: ETH_P_EXPERIMENT }))
        verify(bed.drops().UNHANDLED_PROTO === 3, {
          seen: `after one of an unknown protocol, too, dropped: ${counts(bed.drops())}`,
          expected: 'UNHANDLED_PROTO 3: all that is not IPv4, whatever it is',
          read: 'Give a reason',
        })
      },
    },
    {
      title: 'counts IPv4 frames and bytes in dev.priv',
      read: 'Count in dev.priv',
      async run(bed, { another }) {
        ;(await another()).transmit(udpFrame(ENDS))
        for (let i = 0; i < 3; i++) {
          bed.transmit(udpFrame(ENDS))
        }
        bed.transmit(arpRequest(ENDS))
        const priv = /** @type {Record<string, number>} */ (bed.dev.priv ?? {})
        const { frames, bytes } = priv
        const all = `after 3 IPv4 frames of ${UDP_LEN} bytes and one of ARP, and one on another device,`
        verify(frames === 3, {
          seen: `${all} dev.priv.frames is ${frames}; dev.priv has ${counts(priv)}`,
          expected: '3',
        })
        const expected = `${3 * UDP_LEN}: 3 times skb.len`
        verify(bytes === 3 * UDP_LEN, {
          seen: `${all} dev.priv.bytes is ${bytes}; dev.priv has ${counts(priv)}`,
          expected,
        })
        for (const frame of OTHER_IPV4) {
          bed.transmit(frame)
        }
        const sum = OTHER_IPV4.reduce((total, frame) => total + frame.length, 3 * UDP_LEN)
        verify(priv.frames === 6 && priv.bytes === sum, {
          seen: `after three more, to a group, to all stations, and of 1514 bytes, dev.priv has ${counts(priv)}`,
          expected: `frames 6, bytes ${sum}: each IPv4 frame counts, with its own length`,
        })
      },
    },
    {
      title: 'has no ARP',
      read: 'No ARP',
      run({ dev, net }, { driver }) {
        const seen = 'dev.flags has no IFF_NOARP'
        verify((dev.flags & IFF_NOARP) !== 0, { seen, expected: 'IFF_NOARP, set in setup' })
        // Once it is registered, the interface has the same flags.
        const [made] = driver.init(
          {},
          { net, args: [], names: [], txqs: undefined, rxqs: undefined },
        )
        const flags = made?.dev.flags ?? 0
        verify((flags & IFF_BROADCAST) !== 0 && (flags & IFF_MULTICAST) !== 0, {
          seen: 'after setup, dev.flags has IFF_NOARP, and no longer IFF_BROADCAST and IFF_MULTICAST',
          expected: 'all three: |= adds a flag, = removes the others',
        })
      },
    },
  ],
  live: [
    {
      title: 'no ping gets a reply, and each is counted as dropped',
      needs: ['ping'],
      read: 'See it live',
      async run({ vnet, run }) {
        const running = await vnet()
        const [name = ''] = running.interfaces
        const { stdout } = await run('ping', '-c', '3', '-i', '0.2', '-W', '1', '198.18.0.9')
        const replies = / (\d+) received/.exec(stdout)?.[1]
        verify(replies === '0', { seen: `ping: ${replies} of 3 replies`, expected: '0 received' })
        // When vnet has replied to this, it has read the frames.
        await run('vnet', 'stats', name)
        const [statistics] = await running.stop()
        const dropped = statistics?.drops.tx.NOT_SPECIFIED ?? 0
        verify(dropped === 3, {
          seen: `after 3 pings, ${dropped} frames were dropped as NOT_SPECIFIED`,
          expected: '3, one for each ping',
          read: 'Give a reason',
        })
      },
    },
    {
      title: 'ip shows the interface, up and without ARP',
      needs: ['ip'],
      read: 'No ARP',
      async run({ vnet, run }) {
        const [name = ''] = (await vnet()).interfaces
        const { stdout, stderr } = await run('ip', '-o', 'link', 'show', 'dev', name)
        const flags = /<(.*?)>/.exec(stdout)?.[1]?.split(',') ?? []
        verify(flags.includes('UP') && flags.includes('NOARP'), {
          seen: `ip link show ${name}: ${flags.length === 0 ? stderr.trim() : flags.join(',')}`,
          expected: 'UP and NOARP among the flags',
        })
      },
    },
  ],
})
