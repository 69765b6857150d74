// @ts-check

/** 10. A switch: learn, forward, flood, forget. */
import { counts, defineExercise, ethernetFrame, numberOf, verify } from '@vnet/learn'

/** @typedef {import('vnet').SkBuff} SkBuff */
/** @typedef {import('@vnet/learn').TestBed} TestBed */

const PORTS = ['sw0', 'sw1', 'sw2']
const AGE = 60
/** For the live check: more frames than kernels send to everyone at the start. */
const PINGS = 50
const BROADCAST = 'ff:ff:ff:ff:ff:ff'
const GROUP = '01:00:5e:00:00:fb'
/** Groups of IPv6, of bridges, and of a local protocol. */
const OTHER_GROUPS = ['33:33:00:00:00:01', '01:80:c2:00:00:0e', '03:00:00:00:00:01']
/** `a` is reached through the first port, and so on. They are not the addresses of interfaces. */
const MAC = { a: '02:00:00:00:00:aa', b: '02:00:00:00:00:bb', c: '02:00:00:00:00:cc' }
/** An EtherType for experiments, to which no kernel replies. */
const ETH_P_LOCAL = 0x88b5

/**
 * A station at port `at` sends a frame of its own number.
 * @param {TestBed} bed
 * @param {number} at
 * @param {string} sourceMac
 * @param {string} destinationMac
 */
function send(bed, at, sourceMac, destinationMac, n = 0) {
  const payload = new Uint8Array(46).fill(n)
  bed.transmit(ethernetFrame({ sourceMac, destinationMac, type: ETH_P_LOCAL, payload }), {
    dev: bed.devices[at],
  })
}

/**
 * Returns how many frames left by each port since the last call: `1 0 1`.
 * @param {TestBed} bed
 * @returns {string}
 */
function taken(bed) {
  return PORTS.map(name => bed.port(name).received.splice(0).length).join(' ')
}

/**
 * `sw1 1, sw2 1`
 * @param {string} numbers
 * @returns {string}
 */
function ports(numbers) {
  const words = numbers.split(' ').flatMap((n, i) => (n === '0' ? [] : [`${PORTS[i]} ${n}`]))
  return words.length === 0 ? 'none' : words.join(', ')
}

/**
 * @param {TestBed} bed
 * @param {string} what
 * @param {string} expected
 * @param {string} why
 */
function verifyPorts(bed, what, expected, why) {
  const seen = taken(bed)
  verify(seen === expected, {
    seen: `${what}: the kernels received: ${ports(seen)}; dropped: ${counts(bed.drops())}`,
    expected: `${ports(expected)}: ${why}`,
  })
}

export const exercise = defineExercise({
  version: 1,
  driver: 'switch.js',
  title: 'A switch: where is the station?',
  summary: 'a switch with three ports, which learns who is where',
  kernelNames: [
    'br_fdb_update',
    'br_flood',
    'br_forward',
    'skb_clone',
    'ageing_time',
    'is_multicast_ether_addr',
  ],
  params: { age: AGE },
  addresses: ['198.18.0.1/24', '198.18.0.2/24', '198.18.0.3/24'],
  memory: [
    {
      title: 'floods a frame for an unknown station to all other ports',
      read: 'Flood',
      async run(bed, { another }) {
        send(bed, 0, MAC.a, MAC.b)
        verifyPorts(
          bed,
          `from sw0 to the unknown ${MAC.b}`,
          '0 1 1',
          'each port but that of arrival',
        )
        send(bed, 2, MAC.c, MAC.b)
        verifyPorts(
          bed,
          `from sw2 to the unknown ${MAC.b}`,
          '1 1 0',
          'each port but that of arrival',
        )
        send(await another(), 1, MAC.b, MAC.a)
        send(bed, 0, MAC.a, MAC.b)
        const own =
          'the stations are in dev.priv; a variable of the module is shared by all switches'
        verifyPorts(bed, `from sw0 to ${MAC.b}, which had sent to another switch`, '0 1 1', own)
      },
    },
    {
      title: 'learns a station from its frames, and forwards to its port alone',
      read: 'Learn and forward',
      run(bed) {
        send(bed, 1, MAC.b, MAC.a)
        taken(bed)
        send(bed, 0, MAC.a, MAC.b)
        verifyPorts(
          bed,
          `${MAC.b} had sent by sw1, then a frame from sw0 to it`,
          '0 1 0',
          'it was heard there',
        )
        send(bed, 1, MAC.b, MAC.a)
        verifyPorts(
          bed,
          `the reply to ${MAC.a}, which had sent by sw0`,
          '1 0 0',
          'it was heard there',
        )
        for (let i = 0; i < 6; i++) {
          const near = MAC.b
            .split(':')
            .map((byte, at) => (at === i ? '0e' : byte))
            .join(':')
          send(bed, 2, near, MAC.a)
          taken(bed)
          send(bed, 0, MAC.a, MAC.b)
          const what = `${MAC.b} had sent by sw1, and ${near} by sw2, then a frame from sw0 to ${MAC.b}`
          verifyPorts(
            bed,
            what,
            '0 1 0',
            'stations may differ in any of the six bytes: compare all 48 bits',
          )
        }
      },
    },
    {
      title: 'floods broadcast and multicast, always',
      read: 'Flood',
      run(bed) {
        for (const to of [BROADCAST, GROUP, ...OTHER_GROUPS]) {
          send(bed, 0, MAC.a, to)
          verifyPorts(bed, `from sw0 to ${to}`, '0 1 1', 'a group has members everywhere')
        }
        for (const group of [GROUP, ...OTHER_GROUPS]) {
          // An invalid frame, from which no port may learn.
          send(bed, 1, group, MAC.c)
          taken(bed)
          send(bed, 0, MAC.a, group)
          const what = `a frame with the source ${group} came by sw1, then one from sw0 to that group`
          verifyPorts(bed, what, '0 1 1', 'a group is at no port: look at its bit first')
        }
      },
    },
    {
      title: 'follows a station that moved',
      read: 'Learn and forward',
      run(bed) {
        send(bed, 1, MAC.b, BROADCAST)
        send(bed, 2, MAC.b, BROADCAST)
        taken(bed)
        send(bed, 0, MAC.a, MAC.b)
        const what = `${MAC.b} sent by sw1, then by sw2; a frame from sw0 to it`
        verifyPorts(bed, what, '0 0 1', 'the last frame says where it is')
      },
    },
    {
      title: 'never sends a frame back to the port it came from',
      read: 'Not back',
      run(bed) {
        send(bed, 0, MAC.b, BROADCAST)
        taken(bed)
        send(bed, 0, MAC.a, MAC.b)
        const what = `${MAC.a} and ${MAC.b} are both behind sw0; a frame from one to the other`
        verifyPorts(bed, what, '0 0 0', 'it has it already')
        const { OTHERHOST = 0 } = bed.drops()
        verify(OTHERHOST === 1, {
          seen: `${what}; dropped: ${counts(bed.drops())}`,
          expected: 'OTHERHOST 1',
        })
        send(bed, 1, MAC.c, MAC.a)
        const next = `then a frame from sw1 to ${MAC.a}, of which only that frame was heard`
        verifyPorts(bed, next, '1 0 0', 'a frame that is dropped has taught where its source is')
      },
    },
    {
      title: 'forgets a station that was silent, and no other',
      read: 'Forget',
      async run(bed, { another }) {
        const slow = await another({ age: 2 * AGE })
        send(slow, 1, MAC.b, BROADCAST)
        slow.advance(`${2 * AGE - 1}s`)
        taken(slow)
        send(slow, 0, MAC.a, MAC.b)
        const given = `with --age ${2 * AGE}, a frame to ${MAC.b}, which was silent for ${2 * AGE - 1} s`
        verifyPorts(slow, given, '0 1 0', 'params.age is the limit')
        send(bed, 1, MAC.b, BROADCAST)
        bed.advance(`${AGE - 10}s`)
        send(bed, 1, MAC.b, BROADCAST)
        bed.advance(`${AGE - 10}s`)
        taken(bed)
        send(bed, 0, MAC.a, MAC.b)
        const late = `with --age ${AGE}, ${MAC.b} sent at 0 s and ${AGE - 10} s; a frame to it at ${2 * AGE - 20} s`
        verifyPorts(
          bed,
          late,
          '0 1 0',
          `it was heard ${AGE - 10} s ago: each frame starts the time again`,
        )
        bed.advance('10s')
        send(bed, 0, MAC.a, MAC.b)
        const silent = `with --age ${AGE}, ${MAC.b} was silent for ${AGE} s, though frames went to it; the next`
        verifyPorts(bed, silent, '0 1 1', 'it may be anywhere by now: only what it sends counts')
      },
    },
    {
      title: 'gives each port bytes of its own',
      read: 'Flood',
      run(bed) {
        for (let n = 1; n <= 3; n++) {
          send(bed, 0, MAC.a, BROADCAST, n)
        }
        for (const name of ['sw1', 'sw2']) {
          const bytes = bed.port(name).received.map(frame => frame.bytes[20])
          verify(bytes.join() === '1,2,3', {
            seen: `frames 1, 2 and 3 were flooded; ${name} received ${bytes.join(', ') || 'none'}`,
            expected: 'each frame once, in order, with its own bytes',
          })
        }
      },
    },
    {
      title: 'counts a copy for which there is no memory, and sends the frame itself',
      read: 'When there is no clone',
      options: { debug: false },
      run(bed) {
        // Taking the whole pool frame by frame would be slow if each is watched.
        const { pool } = bed.net
        /** @type {SkBuff[]} */
        const all = []
        for (let skb = pool.alloc(0); skb !== undefined; skb = pool.alloc(0)) {
          all.push(skb)
        }
        // Room for the kernel's frames, and for nothing else.
        all.pop()?.free()
        send(bed, 0, MAC.a, BROADCAST)
        for (const skb of all) {
          skb.free()
        }
        const [one = 0, two = 0] = ['sw1', 'sw2'].map(name => bed.port(name).received.length)
        const losses = bed.devices.map(dev => bed.stats(dev).rxDropped)
        verify(one + two === 1, {
          seen: `a broadcast while the pool was empty: sw1 received ${one}, sw2 received ${two}`,
          expected: 'one of them receives the frame itself, which needs no memory',
        })
        const empty = one === 0 ? 1 : 2
        verify(
          losses.every((n, at) => n === (at === empty ? 1 : 0)),
          {
            seen: `a broadcast while the pool was empty: ${PORTS[empty]} received nothing; rx_dropped of each port: ${losses.join(', ')}`,
            expected: `1 on ${PORTS[empty]}, which lost the frame: a loss that nothing counts is never found`,
          },
        )
      },
    },
  ],
  live: [
    {
      title: 'ping crosses the switch, and the third port does not hear it',
      needs: ['ip', 'nsenter', 'ping'],
      read: 'See it live',
      async run({ vnet, run }) {
        for (const name of ['a', 'b', 'c']) {
          await run('ip', 'netns', 'add', name)
        }
        const started = await vnet('a/sw0', 'b/sw1', 'c/sw2')
        const ping = ['ping', '-q', '-c', `${PINGS}`, '-i', '0.01', '-w', '20', '198.18.0.2']
        const { stdout } = await run('nsenter', '--net=/run/netns/a', ...ping)
        const received = numberOf(/ (\d+) received/, stdout)
        verify(received === PINGS, {
          seen: `ping from a to b: ${received} of ${PINGS} replies`,
          expected: `${PINGS}`,
        })
        const heard =
          (await started.stop()).find(({ name }) => name === 'sw2')?.total.rxPackets ?? 0
        for (const name of ['a', 'b', 'c']) {
          await run('ip', 'netns', 'del', name)
        }
        // Frames for everyone arrive here too: ARP, and a few frames of IPv6.
        verify(heard < PINGS, {
          seen: `${PINGS} pings from a to b: c received ${heard} frames`,
          expected: 'a few, which were for all: the pings are forwarded to b alone',
          read: 'Learn and forward',
        })
      },
    },
  ],
})
