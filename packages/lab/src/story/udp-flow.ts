/** UdpFlow: datagrams between two ports: queries of DNS and their replies, QUIC, and silence. */

import { udp } from 'vnet'
import { dns, get16, get32 } from 'vnet/kit/packet'
import { COPY_TIME, headOf, isPartOf, JoinedPlaces } from './copies.ts'
import { Messages } from './messages.ts'
import type { PacketView } from './packet-view.ts'
import { Samples } from './samples.ts'
import { opposite, packetOf, Statements, senderOf, timeText } from './statement.ts'
import type { FlowStory, Statement, Way, WayStory } from './story.ts'
import type { FlowFrame } from './tcp-flow.ts'
import type { Room } from './transmissions.ts'

const QUERIES_MAX = 64
/** So many datagrams without a reply in so long, in ns, are a silence. */
const UNANSWERED = 3
const SILENCE = 3e9
/** The same packet comes twice within this time, in ns. */
const TWIN = 1e9
/** The same, if its packets have no numbers. */
const TWIN_UNKNOWN = 1e5
/** Longer datagrams are cut after most captures. */
const MTU = 1500

/** QUIC (RFC 9000 sec. 15, 17; RFC 9369): long headers, the fixed bit, the spin bit, versions. */
const LONG = 0x80
const FIXED = 0x40
const SPIN = 0x20
const VERSIONS: readonly number[] = [1, 0x6b3343cf]
/** Fewer edges of the spin bit show no round trip, nor do as many as random bits have. */
const EDGES_MIN = 8
const PACKETS_PER_EDGE = 3

class UdpHalf {
  readonly joined = new JoinedPlaces()
  /** The last long datagram, and how many of its bytes passed another interface, in which parts. */
  #whole = { place: 0, time: Number.NaN, id: 0, length: 0, head: 0, passed: 0, part: 0 }
  packets = 0
  bytes = 0
  #id = 0
  #length = 0
  #sum = 0
  #time = 0
  #spin = -1
  #edge = Number.NaN
  #shorts = 0
  readonly #spins = new Samples()

  /** Returns whether the datagram is a part of one that another interface had before. */
  isElsewhere(p: PacketView): boolean {
    const { place, time, id, length, head, passed, part } = this.#whole
    const { length: own } = p
    const hasRoom = own < length && passed + own <= length
    if (
      p.place !== place &&
      p.time - time < COPY_TIME &&
      hasRoom &&
      isPartOf(p.id, own, id, passed)
    ) {
      if (passed === 0 ? headOf(p) === head : own <= part) {
        this.#whole.passed += own
        if (passed === 0) {
          this.#whole.part = own
        }
        this.joined.add(place, p.time)
        return true
      }
    }
    if (p.ipLength > MTU) {
      this.#whole = {
        place: p.place,
        time: p.time,
        id: p.id,
        length: own,
        head: headOf(p),
        passed: 0,
        part: 0,
      }
    }
    return false
  }

  /** Counts a datagram. Returns whether it is the one before it again. */
  count({ id, length, time, bytes, h }: PacketView): boolean {
    const sum = get16(bytes, h + udp.UDP_CHECK)
    const isSame =
      this.packets > 0 && id === this.#id && length === this.#length && sum === this.#sum
    const isTwin = isSame && time - this.#time < (id === 0 ? TWIN_UNKNOWN : TWIN)
    this.#id = id
    this.#sum = sum
    this.#length = length
    this.#time = time
    if (isTwin) return true
    this.packets++
    this.bytes += length
    return false
  }

  spin(bit: number, time: number): void {
    this.#shorts++
    if (bit === this.#spin) return
    if (this.#edge >= 0) {
      this.#spins.add(this.#edge, time - this.#edge)
    }
    this.#edge = time
    this.#spin = bit
  }

  get story(): WayStory {
    return { packets: this.packets, bytes: this.bytes, rate: undefined, queue: undefined }
  }

  /** The round trips that the spin bit shows. */
  get spins(): Samples | undefined {
    const { count } = this.#spins
    return count >= EDGES_MIN && this.#shorts > PACKETS_PER_EDGE * count ? this.#spins : undefined
  }
}

/** A query and its repetitions. */
interface Query {
  readonly n: number
  readonly time: number
  readonly frames: number[]
  copies: number
  replies: number
  /** The number of the last reply, and of the last one before a repetition; 0 without one. */
  reply: number
  early: number
}

export class UdpFlow {
  readonly ab = new UdpHalf()
  readonly ba = new UdpHalf()
  readonly begin: number
  last: number
  application: FlowStory['application']
  readonly statements = new Statements()
  readonly messages: Messages
  readonly #queries = new Map<number, Query>()
  /** The datagrams of one end since the other end was heard: their first one, and how many. */
  #since = { way: 'ab' as Way, n: 1, time: 0, last: 0, frame: 0, count: 0 }

  constructor(p: PacketView, room: Room) {
    this.begin = p.time
    this.last = p.time
    this.messages = new Messages(room)
  }

  /** Returns whether the datagram is a part of one that another interface had. */
  isElsewhere(p: PacketView, isForward: boolean): boolean {
    return (isForward ? this.ab : this.ba).isElsewhere(p)
  }

  take(p: PacketView, isForward: boolean): void {
    const way = isForward ? 'ab' : 'ba'
    const half = this[way]
    const { time, frame } = p
    this.last = time
    if (half.count(p)) {
      const packet = packetOf('packet', half.packets)
      this.statements.add(
        ['duplicated', way, 'seen'],
        time,
        [frame],
        `packet ${half.packets} arrived twice`,
        {
          packet,
          verb: 'duplicate',
        },
      )
      return
    }
    this.messages.addDatagram(p, way)
    if (way !== this.#since.way || this.#since.count === 0) {
      this.#silence(time, frame)
      this.#since = { way, n: half.packets, time, last: time, frame, count: 0 }
    }
    this.#since.count++
    this.#since.last = time
    if (p.destinationPort === dns.DNS_PORT || p.sourcePort === dns.DNS_PORT) {
      this.#dns(p, half.packets)
    } else {
      this.#quic(p, half)
    }
  }

  /** Returns the statements. The capture ends at `end`. */
  end(end: number): readonly Statement[] {
    this.#silence(end)
    for (const query of this.#queries.values()) {
      this.#aboutQuery(query)
    }
    return this.statements.list
  }

  get story(): Omit<FlowStory, FlowFrame> {
    const { application, ab, ba } = this
    const none = {
      isWhole: true,
      end: 'open',
      place: undefined,
      mss: undefined,
      messages: this.messages.list,
    } as const
    const rtt = { ab: (ab.spins ?? ba.spins)?.distribution, ba: undefined }
    return {
      protocol: 'udp',
      ...none,
      application,
      rtt,
      ways: { ab: ab.story, ba: ba.story },
      more: this.statements.more,
    }
  }

  /** Ends the time in which only one end sent. */
  #silence(end: number, frame?: number): void {
    const { way, n, time, last, frame: first, count } = this.#since
    const lasted = end - time
    const isTalk = this.ab.packets > 0 && this.ba.packets > 0 && this.application !== 'dns'
    // An end that stops after a few datagrams waits for nothing.
    if (!isTalk || count < UNANSWERED || lasted < SILENCE || last - time < SILENCE / 3) return
    const text = `nothing came from ${senderOf(opposite(way))} for ${timeText(lasted)}, while ${senderOf(way)} sent ${count} datagrams`
    this.statements.add(['silence', way, 'guess'], time, [first, frame], text, {
      packet: packetOf('packet', n),
      verb: 'silence',
      lasted,
    })
  }

  #dns(p: PacketView, n: number): void {
    if (p.end - p.at < dns.DNS_HLEN) return
    this.application = 'dns'
    const id = get16(p.bytes, p.at)
    const query = this.#queries.get(id)
    if ((get16(p.bytes, p.at + 2) & dns.DNS_QR) !== 0) {
      if (query === undefined) return
      query.replies++
      query.reply = n
    } else if (query !== undefined) {
      query.copies++
      query.frames.push(p.frame)
      query.early = query.reply
    } else {
      for (const [oldest, old] of this.#queries) {
        if (this.#queries.size < QUERIES_MAX) break
        this.#aboutQuery(old)
        this.#queries.delete(oldest)
      }
      this.#queries.set(id, {
        n,
        time: p.time,
        frames: [p.frame],
        copies: 1,
        replies: 0,
        reply: 0,
        early: 0,
      })
    }
  }

  #aboutQuery({ n, time, frames, copies, replies, early }: Query): void {
    const packet = packetOf('packet', n)
    const sent = `query ${n} was sent ${copies} times`
    if (replies === 0 && copies === 1) {
      this.statements.add(['reply-lost', 'ba', 'guess'], time, frames, `query ${n} had no reply`)
    } else if (replies === 0) {
      this.statements.add(
        ['query-repeated', 'ab', 'seen'],
        time,
        frames,
        `${sent}, without a reply`,
        {
          packet,
          verb: 'silence',
        },
      )
    } else if (copies > 1 && early > 0) {
      const lost = { packet: packetOf('packet', early), verb: 'drop' } as const
      this.statements.add(
        ['reply-lost', 'ba', 'inferred'],
        time,
        frames,
        `reply ${early} was lost after this capture: ${sent}`,
        lost,
      )
    } else if (copies > replies) {
      this.statements.add(
        ['query-repeated', 'ab', 'guess'],
        time,
        frames,
        `${sent}: it or its reply was lost`,
        {
          packet,
          verb: 'drop',
        },
      )
    } else if (copies > 1) {
      this.statements.add(
        ['query-repeated', 'ab', 'seen'],
        time,
        frames,
        `${sent}, before its slow reply`,
      )
    }
  }

  #quic(p: PacketView, half: UdpHalf): void {
    const first = p.bytes[p.at]
    if (p.end - p.at < 5 || (first & FIXED) === 0) return
    if ((first & LONG) === 0) {
      if (this.application === 'quic') {
        half.spin(first & SPIN, p.time)
      }
    } else if (VERSIONS.includes(get32(p.bytes, p.at + 1))) {
      this.application = 'quic'
    }
  }
}
