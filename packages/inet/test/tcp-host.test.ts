/** Connecting, listening, events and errors of the TCP of a host in memory. */
import { describe, expect, test } from 'vitest'
import {
  EADDRINUSE,
  EADDRNOTAVAIL,
  ECONNREFUSED,
  EMSGSIZE,
  ENETUNREACH,
  EPIPE,
} from '#src/base/errno.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import * as tcp from '#src/packet/tcp.ts'
import type { TcpConnection } from '../src/contract.ts'
import { Header } from '../src/tcp/segment.ts'
import { Tcp } from '../src/tcp/tcp.ts'
import { A, B, FakeIp, flagsOf, join, lengthOf, MS, Pair, pattern, SEC, User } from './tcp-pair.ts'

const OTHER = Uint8Array.of(10, 0, 0, 99)
const NOWHERE = Uint8Array.of(203, 0, 113, 1)
const errno = (value: number) => expect.objectContaining({ errno: value })

describe('connect', () => {
  test('throws ENETUNREACH without a route, also to an own address that is given', () => {
    const { a } = new Pair()
    expect(() => a.connect({ address: NOWHERE, port: 80 }, new User())).toThrow(errno(ENETUNREACH))
    const given = { address: A }
    expect(() => a.connect({ address: NOWHERE, port: 80 }, new User(), given)).toThrow(
      errno(ENETUNREACH),
    )
  })

  test('throws EADDRNOTAVAIL for a local address that the host does not have', () => {
    const { a } = new Pair()
    expect(() => a.connect({ address: B, port: 80 }, new User(), { address: OTHER })).toThrow(
      errno(EADDRNOTAVAIL),
    )
  })

  test('throws EADDRINUSE on the port of a listener, and EADDRNOTAVAIL for the same two endpoints', () => {
    const { a } = new Pair()
    a.listen({ address: undefined, port: 5000 }, 1, () => {})
    expect(() => a.connect({ address: B, port: 80 }, new User(), { port: 5000 })).toThrow(
      errno(EADDRINUSE),
    )
    a.connect({ address: B, port: 80 }, new User(), { port: 5001 })
    expect(() => a.connect({ address: B, port: 80 }, new User(), { port: 5001 })).toThrow(
      errno(EADDRNOTAVAIL),
    )
    expect(a.connect({ address: B, port: 81 }, new User(), { port: 5001 }).local.port).toBe(5001)
  })

  test('takes even ephemeral ports, a different one for each connection to the same endpoint', () => {
    const { a } = new Pair()
    const ports = Array.from(
      { length: 200 },
      () => a.connect({ address: B, port: 80 }, new User()).local.port,
    )
    expect(new Set(ports).size).toBe(200)
    for (const port of ports) {
      expect(port).toBeGreaterThanOrEqual(32_768)
      expect(port).toBeLessThanOrEqual(60_999)
      expect(port % 2).toBe(0)
    }
  })

  test('fails with ECONNREFUSED at a port on which nothing listens', () => {
    const pair = new Pair()
    const client = new User()
    const connection = pair.a.connect({ address: B, port: 80 }, client)
    pair.run(SEC)
    expect(client.log).toEqual([`error ${ECONNREFUSED}`])
    expect(connection.state).toBe('CLOSED')
    expect(connection.write(Uint8Array.of(1))).toBe(-EPIPE)
    expect(pair.clock.armed).toBe(0)
    expect(pair.ipA.counters.get('TcpAttemptFails')).toBe(1)
    expect(pair.ipB.counters.get('TcpOutRsts')).toBe(1)
  })
})

describe('listen', () => {
  test('throws EADDRINUSE when a listener or a connecting socket has the port', () => {
    const { a } = new Pair()
    a.listen({ address: A, port: 5000 }, 1, () => {})
    expect(() => a.listen({ address: A, port: 5000 }, 1, () => {})).toThrow(errno(EADDRINUSE))
    expect(() => a.listen({ address: undefined, port: 5000 }, 1, () => {})).toThrow(
      errno(EADDRINUSE),
    )
    const { port } = a.connect({ address: B, port: 80 }, new User()).local
    expect(() => a.listen({ address: undefined, port }, 1, () => {})).toThrow(errno(EADDRINUSE))
  })

  test('throws EADDRNOTAVAIL for an address that the host does not have', () => {
    const { a } = new Pair()
    expect(() => a.listen({ address: OTHER, port: 5000 }, 1, () => {})).toThrow(
      errno(EADDRNOTAVAIL),
    )
  })

  test('takes an odd free port for port 0', () => {
    const { a } = new Pair()
    const ports = Array.from(
      { length: 100 },
      () => a.listen({ address: undefined, port: 0 }, 1, () => {}).local.port,
    )
    expect(new Set(ports).size).toBe(100)
    for (const port of ports) {
      expect(port % 2).toBe(1)
    }
  })

  test('a port may be taken again while connections of its last listener exist', () => {
    const pair = new Pair()
    const server = new User()
    server.shutsDown = false
    join(pair, new User(), server)
    pair.run(100 * MS)
    expect(() => pair.b.listen({ address: undefined, port: 80 }, 1, () => {})).toThrow(
      errno(EADDRINUSE),
    )
    const other = new Pair()
    const listener = other.b.listen({ address: undefined, port: 80 }, 10, () => {})
    other.a.connect({ address: B, port: 80 }, new User())
    other.run(100 * MS)
    listener.close()
    expect(other.b.listen({ address: undefined, port: 80 }, 1, () => {}).local.port).toBe(80)
  })

  test('a listener that closes right after a handshake resets the connection and does not accept it', () => {
    const pair = new Pair()
    const client = new User()
    client.shutsDown = false
    let accepted = 0
    const listener = pair.b.listen({ address: undefined, port: 80 }, 10, () => accepted++)
    const deliver = pair.ipB.deliver.bind(pair.ipB)
    pair.ipB.deliver = (segment, from) => {
      deliver(segment, from)
      if (flagsOf(segment) === '.') {
        listener.close()
      }
    }
    client.connection = pair.a.connect({ address: B, port: 80 }, client)
    pair.run(100 * MS)
    expect([accepted, client.log]).toEqual([0, ['connect', 'error 104']])
  })

  test('a SYN beyond the backlog is dropped and counted', () => {
    const pair = new Pair()
    pair.b.listen({ address: undefined, port: 80 }, 2, () => {})
    // Without the last ACK the connections remain half-open.
    pair.drops = segment => flagsOf(segment) === '.'
    for (let i = 0; i < 5; i++) {
      pair.a.connect({ address: B, port: 80 }, new User())
    }
    pair.run(500 * MS)
    expect(pair.ipB.counters.get('TcpExtListenOverflows')).toBe(2)
    expect(pair.seen.filter(({ segment }) => flagsOf(segment) === 'S.')).toHaveLength(3)
  })
})

describe('events', () => {
  test('none is called inside a call, and none after close', () => {
    const pair = new Pair(1, { delay: 0 })
    let isInside = false
    const client = new User()
    const server = new User()
    const guard = (user: User): User => {
      for (const name of ['onConnect', 'onReadable', 'onWritable', 'onError'] as const) {
        const own = user[name].bind(user) as (errno: number) => void
        user[name] = (value?: number) => {
          expect(isInside).toBe(false)
          own(value as number)
        }
      }
      return user
    }
    const call = <T>(fn: () => T): T => {
      isInside = true
      const result = fn()
      isInside = false
      return result
    }
    client.shutsDown = false
    server.shutsDown = false
    join(pair, guard(client), guard(server))
    pair.run(MS)
    call(() => client.connection?.write(pattern(100, 1)))
    pair.run(MS)
    expect(server.bytes).toHaveLength(100)
    call(() => server.connection?.write(pattern(50, 1)))
    const before = client.log.length
    call(() => client.connection?.close())
    pair.run(SEC)
    expect(client.log).toHaveLength(before)
    expect(server.log.at(-1)).toBe(`error ${EPIPE}`)
  })

  test('an event that throws does not keep other connections from theirs', () => {
    const pair = new Pair(1, { delay: 0 })
    pair.b.listen({ address: undefined, port: 80 }, 10, connection =>
      connection.write(pattern(10, 1)),
    )
    const users = [new User(), new User(), new User()]
    for (const user of users) {
      user.shutsDown = false
      user.connection = pair.a.connect({ address: B, port: 80 }, user)
    }
    const [, second] = users as [User, User, User]
    second.onConnect = () => {
      throw new Error('a mistake of the user')
    }
    expect(() => pair.run(MS)).toThrow('a mistake of the user')
    pair.run(MS)
    expect(users.map(({ bytes }) => bytes.length)).toEqual([10, 10, 10])
  })

  test('a peer that both resets and sends is read up to the reset', () => {
    const pair = new Pair()
    const client = new User()
    const server = new User(pattern(5000, 1))
    client.shutsDown = false
    server.shutsDown = false
    client.isReading = false
    join(pair, client, server)
    pair.run(100 * MS)
    server.connection?.reset()
    pair.run(100 * MS)
    expect(client.log).toEqual(['connect', 'error 104'])
    client.read()
    expect(client.bytes).toEqual(pattern(5000, 1))
    expect(client.connection?.read()).toBeUndefined()
  })
})

describe('a host', () => {
  test('talks to itself through an IP that delivers inside send', () => {
    const clock = new FakeClock()
    const ip = new FakeIp(clock, A, 1)
    ip.mtu = 65_536
    let depth = 0
    let deepest = 0
    const sizes = new Set<number>()
    ip.onSend = segment => {
      deepest = Math.max(deepest, ++depth)
      sizes.add(segment.length)
      ip.deliver(segment, A)
      depth--
      return 0
    }
    const host = new Tcp(ip)
    const bytes = pattern(300_000, 1)
    const [client, server] = [new User(bytes), new User(bytes)]
    host.listen({ address: A, port: 80 }, 10, connection => {
      server.connection = connection
      connection.events = server
      server.write()
    })
    client.connection = host.connect({ address: A, port: 80 }, client)
    clock.advance(10 * SEC)
    expect([client.bytes, server.bytes].map(each => Buffer.compare(each, bytes))).toEqual([0, 0])
    expect([client.log.at(-1), server.log.at(-1)]).toEqual(['end', 'end'])
    // A reply is processed only after `transmit` of its segment has returned.
    expect(deepest).toBe(1)
    // The longest packet of IPv4 is a byte shorter than the MTU.
    expect(Math.max(...sizes)).toBeLessThanOrEqual(65_535 - 20)
  })

  test('connects a port to itself: two SYNs that cross', () => {
    const clock = new FakeClock()
    const ip = new FakeIp(clock, A, 1)
    ip.onSend = segment => {
      clock.alarm(() => ip.deliver(segment, A)).at(clock.now())
      return 0
    }
    const host = new Tcp(ip)
    const user = new User(pattern(100, 1))
    user.shutsDown = false
    user.connection = host.connect({ address: A, port: 4000 }, user, { address: A, port: 4000 })
    clock.advance(SEC)
    expect(user.connection.state).toBe('ESTAB')
    expect(user.bytes).toEqual(pattern(100, 1))
  })

  test('that closes sends nothing and disarms all alarms', () => {
    const pair = new Pair()
    join(pair, new User(pattern(100_000, 1)), new User(pattern(100_000, 2)))
    pair.run(12 * MS)
    const sent = pair.seen.length
    pair.pipe = { loss: 1 }
    pair.a.close()
    pair.b.close()
    pair.run()
    expect(pair.seen).toHaveLength(sent)
    expect(pair.clock.armed).toBe(0)
  })

  test('sends the same segments at the same times for the same seed', () => {
    const record = () => {
      const pair = new Pair(7, { loss: 0.1, reorder: 0.1, duplicate: 0.1 })
      join(pair, new User(pattern(50_000, 1)), new User(pattern(50_000, 2)))
      pair.run()
      return pair.seen.map(
        ({ at, from, segment }) => `${at} ${from} ${Buffer.from(segment).toString('hex')}`,
      )
    }
    expect(record()).toEqual(record())
  })

  test('counts connections and segments as nstat names them', () => {
    const pair = new Pair()
    let lost = 0
    pair.drops = (segment, from) => from === 'a' && lengthOf(segment) > 0 && lost++ === 0
    join(pair, new User(pattern(20_000, 1)), new User())
    pair.run(SEC)
    const counts = (names: string[], ip: FakeIp) => names.map(name => ip.counters.get(name) ?? 0)
    expect(
      counts(
        ['TcpActiveOpens', 'TcpPassiveOpens', 'TcpRetransSegs', 'TcpExtTCPFastRetrans'],
        pair.ipA,
      ),
    ).toEqual([1, 0, 1, 1])
    expect(counts(['TcpActiveOpens', 'TcpPassiveOpens', 'TcpOutRsts'], pair.ipB)).toEqual([0, 1, 0])
    const sent = pair.seen.filter(({ from }) => from === 'a').length
    // Repetitions are not among the sent segments, and one segment was lost.
    expect(counts(['TcpOutSegs'], pair.ipA)).toEqual([sent - 1])
    expect(counts(['TcpInSegs'], pair.ipB)).toEqual([sent - 1])
  })

  test('sends smaller segments when IP refuses them as too large', () => {
    const pair = new Pair()
    const client = new User(pattern(20_000, 1))
    const server = new User()
    join(pair, client, server)
    const { onSend } = pair.ipA
    pair.ipA.onSend = (segment, from, to) => {
      if (segment.length + 20 <= 1000) return onSend(segment, from, to)
      pair.ipA.mtu = 1000
      return -EMSGSIZE
    }
    pair.run(SEC)
    // Immediately, not after a probe or timeout.
    expect(pair.seen.find(({ segment }) => lengthOf(segment) > 0)?.at).toBeLessThan(11 * MS)
    expect(server.bytes).toEqual(pattern(20_000, 1))
    const largest = Math.max(...pair.seen.map(({ segment }) => segment.length))
    expect(largest).toBe(980)
  })

  test('ignores segments to an address that is not its own', () => {
    const pair = new Pair()
    const syn = Uint8Array.of(
      0,
      80,
      0,
      81,
      0,
      0,
      0,
      1,
      0,
      0,
      0,
      0,
      0x50,
      tcp.TCP_SYN,
      1,
      0,
      0,
      0,
      0,
      0,
    )
    const packet = {
      bytes: syn,
      at: 0,
      length: 20,
      source: A,
      destination: Uint8Array.of(10, 0, 0, 255),
    }
    pair.b.receive(packet)
    expect(pair.seen).toHaveLength(0)
    pair.b.receive({ ...packet, destination: B })
    expect(pair.seen).toHaveLength(1)
  })
})

describe('connections of others', () => {
  const OTHERS = [Uint8Array.of(10, 0, 0, 1), Uint8Array.of(10, 0, 0, 3)] as const
  const header = { sequence: 1, acknowledgment: 0, window: 65_535 }

  /** A host that takes `limits`, and functions that send it segments of other hosts. */
  function limited(limits: { acceptedMax?: number; acceptedOfPeerMax?: number }) {
    const clock = new FakeClock()
    const ip = new FakeIp(clock, B, 1)
    const sent: Uint8Array[] = []
    ip.onSend = segment => sent.push(segment.slice())
    const host = new Tcp(ip, limits)
    const accepted: TcpConnection[] = []
    host.listen({ address: undefined, port: 80 }, 100, connection => accepted.push(connection))
    const segment = (from: number, port: number, flags: number, fields: object = {}) => {
      const made = new Header()
      made.reset(port, 80)
      Object.assign(made, header, fields, { flags })
      ip.deliver(made.build(0), OTHERS[from] as Uint8Array)
    }
    /** Opens a connection, and returns whether the host replied. */
    const open = (from: number, port: number) => {
      const before = sent.length
      segment(from, port, tcp.TCP_SYN)
      const reply = sent[before]
      if (reply === undefined) return false
      segment(from, port, tcp.TCP_ACK, {
        sequence: 2,
        acknowledgment: (tcp.sequenceNumber(reply, 0) + 1) % 2 ** 32,
      })
      clock.advance(MS)
      return true
    }
    return { clock, ip, open, accepted, segment, sent }
  }

  test('a host without limits takes them all', () => {
    const { open } = limited({})
    expect([1, 2, 3].map(port => open(0, port))).toEqual([true, true, true])
  })

  test('one address has only so many, and a closed one makes room', () => {
    const { open, accepted, ip } = limited({ acceptedOfPeerMax: 2 })
    expect([1, 2, 3].map(port => open(0, port))).toEqual([true, true, false])
    expect(open(1, 1)).toBe(true)
    expect(ip.counters.get('TcpExtListenDrops')).toBe(1)
    accepted[0]?.reset()
    expect([4, 5].map(port => open(0, port))).toEqual([true, false])
  })

  test('all addresses together have only so many', () => {
    const { open, accepted } = limited({ acceptedMax: 2 })
    expect([open(0, 1), open(1, 1), open(1, 2)]).toEqual([true, true, false])
    accepted[1]?.reset()
    expect(open(1, 2)).toBe(true)
  })

  test('connections in TIME-WAIT leave the room of open ones, and the oldest leaves for a new one', () => {
    const { clock, open, accepted, segment, sent } = limited({ acceptedMax: 2 })
    for (const port of [1, 2, 3]) {
      expect(open(0, port)).toBe(true)
      accepted.at(-1)?.close()
      clock.advance(MS)
      const fin = sent.at(-1) as Uint8Array
      const acknowledgment = (tcp.sequenceNumber(fin, 0) + 1) % 2 ** 32
      segment(0, port, tcp.TCP_FIN | tcp.TCP_ACK, { sequence: 2, acknowledgment })
    }
    expect(accepted.map(({ state }) => state)).toEqual(['CLOSED', 'TIME-WAIT', 'TIME-WAIT'])
    expect(open(0, 4)).toBe(true)
  })
})
