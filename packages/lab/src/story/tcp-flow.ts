/** TcpFlow: a connection of a capture, packet by packet. */
import { tcp } from 'vnet'
import { Half } from './half.ts'
import { Messages } from './messages.ts'
import type { PacketView } from './packet-view.ts'
import { packetOf, Statements, senderOf, timeText } from './statement.ts'
import type { FlowStory } from './story.ts'
import type { Room } from './transmissions.ts'

/** After a pause so long, in ns, a middlebox may have forgotten the connection. */
export const IDLE = 5e9
/** A pause so long, in ns, in the middle of the data of an end is a silence. */
const SILENT = 3e9
/** After a segment so long that does not end a write (PSH), its sender has more to send. */
const LONG = 536
/** A RST so soon after the pause is the reply to the packet that ended it. */
const ANSWER = 2e9
const PAUSES_MAX = 16
/** An end that is so many times nearer, and so near in ns, is the place of the capture. */
export const NEAR = 4
const NEAR_MAX = 10e6
/** First TTLs of senders, which their packets have on their own link. */
const FIRST_LIVES: readonly number[] = [64, 128, 255]
/** No window is larger (RFC 7323 sec. 2.3). */
const WINDOW_MAX = 2 ** 30

const moreOf = ({ losses, statements, isTwice }: Half): number =>
  losses.more + (isTwice ? 0 : statements.more)

/** The fields of a story that the flow does not know itself. */
export type FlowFrame = 'client' | 'server' | 'begin' | 'last' | 'isTimed' | 'statements'

export class TcpFlow {
  readonly ab: Half
  readonly ba: Half
  readonly messages: Messages
  /** Statements that single packets cause. */
  readonly statements = new Statements()
  readonly begin: number
  last: number
  end: 'fin' | 'reset' | 'open' = 'open'
  /** The sequence number of the first SYN; NaN without one. */
  syn = Number.NaN
  synAcks = 0
  /** The first pauses, by the packets that ended them. */
  readonly pauses: { readonly at: number; readonly lasted: number }[] = []
  /** The end that sent the packet before this one. */
  #sender: Half | undefined
  #resetter: Half | undefined
  #pause = { at: Number.NaN, lasted: 0 }

  constructor(p: PacketView, room: Room) {
    this.begin = p.time
    this.last = p.time
    this.ab = new Half('ab', room)
    this.ba = new Half('ba', room)
    this.messages = new Messages(room)
  }

  /** Returns whether another interface has the packet as several ones, or as a part of one. */
  isElsewhere(p: PacketView, isForward: boolean): boolean {
    return (isForward ? this.ab : this.ba).isElsewhere(p)
  }

  take(p: PacketView, isForward: boolean): void {
    const [half, other] = isForward ? [this.ab, this.ba] : [this.ba, this.ab]
    const { flags, time } = p
    this.#noteTime(time)
    const isSyn = (flags & tcp.TCP_SYN) !== 0
    const isReset = (flags & tcp.TCP_RST) !== 0
    if (Number.isNaN(half.base) && !isReset) {
      half.begin(p.seq, isSyn)
    }
    const n = half.relative(p.seq)
    const end = n + p.length + (isSyn ? 1 : 0) + (flags & tcp.TCP_FIN)
    const isTwin = half.count(p)
    if (isReset) {
      this.#reset(p, half, other)
      return
    }
    // A SYN with another number starts another connection, whose packets are not these.
    if ((isSyn && n !== 0) || n - half.sent > WINDOW_MAX) return
    if (isTwin) {
      half.repeatTwin(p, n, end)
      return
    }
    // An end that continues has not sent the RST.
    if (this.#resetter === half && end > half.sent) {
      this.end = 'open'
    }
    if (isSyn) {
      this.#open(p, half, isForward)
    }
    this.#takeContent(p, half, other, n, end)
    this.#sender = half
    const isClosed = Number.isFinite(this.ab.finAt) && Number.isFinite(this.ba.finAt)
    if (isClosed && this.end === 'open') {
      this.end = 'fin'
    }
    if ((flags & tcp.TCP_ACK) !== 0) {
      this.#acknowledged(p, half, other, end === n)
    }
    half.life = p.life
    half.lastTime = time
  }

  /** Notes a pause in which neither end sent anything. */
  #noteTime(time: number): void {
    if (time - this.last >= IDLE) {
      this.#pause = { at: time, lasted: time - this.last }
      if (this.pauses.length < PAUSES_MAX) {
        this.pauses.push(this.#pause)
      }
    }
    this.last = time
  }

  /** Takes the sequence numbers from `n` to `end`: data, a SYN or a FIN, or only an ACK. */
  #takeContent(p: PacketView, half: Half, other: Half, n: number, end: number): void {
    if ((p.flags & tcp.TCP_FIN) !== 0 && half.finFrame === 0) {
      half.finAt = end
      half.finTime = p.time
      half.finFrame = p.frame
    }
    if (end === n) {
      half.acks++
      half.hint(p, n)
      half.latest = -half.acks
      return
    }
    const { bytes, sent } = half
    this.#endPause(p, half, other, n)
    half.send(p, n, end, other)
    if (p.length > 0 && half.bytes > bytes) {
      this.messages.add(p, half.way, n, half.bytes - bytes, sent || n)
    }
    half.latest = n
  }

  /** Ends the time in which nothing came to this end from the other one, which had more to send. */
  #endPause(p: PacketView, half: Half, other: Half, n: number): void {
    const { way, dataTime, dataFrame, hasMore, lastTime } = half
    const lasted = p.time - dataTime
    half.dataTime = p.time
    half.dataFrame = p.frame
    half.hasMore = (p.flags & (tcp.TCP_PSH | tcp.TCP_FIN)) === 0 && p.length >= LONG
    const isSilent =
      hasMore && lastTime === dataTime && n >= half.sent && n < half.edge && lasted >= SILENT
    const isHere = half.rtt.min * NEAR < other.rtt.min
    if (!isSilent || !isHere || other.dataTime > dataTime) return
    if (this.statements.list.some(({ kind, time }) => kind === 'zero-window' && time >= dataTime)) {
      return
    }
    const text = `nothing came from ${senderOf(way)} for ${timeText(lasted)}, although it had more to send`
    const more = { packet: packetOf('seq', half.sent), verb: 'silence', lasted } as const
    this.statements.add(['silence', way, 'guess'], dataTime, [dataFrame, p.frame], text, more)
  }

  close(): void {
    this.ab.close()
    this.ba.close()
  }

  get story(): Omit<FlowStory, FlowFrame> {
    const { ab, ba, syn, end, messages } = this
    const isNear = (half: Half, far: Half) =>
      half.rtt.min < NEAR_MAX && half.rtt.min * NEAR < far.rtt.min
    const notAtClient = isNear(ab, ba) ? 'server' : 'middle'
    const place = isNear(ba, ab) ? 'client' : notAtClient
    const [isFirst, isFirstBack] = [ab, ba].map(({ life }) => FIRST_LIVES.includes(life))
    const isFar = isFirst !== isFirstBack && place === (isFirst ? 'server' : 'client')
    const isKnown = ab.rtt.count > 0 && ba.rtt.count > 0 && !isFar
    return {
      protocol: 'tcp',
      isWhole: !Number.isNaN(syn),
      end,
      place: isKnown ? place : undefined,
      application: messages.application,
      rtt: { ab: ab.rtt.distribution, ba: ba.rtt.distribution },
      ways: { ab: ab.story(ba), ba: ba.story(ab) },
      mss: ab.mss ?? ba.mss,
      more: this.statements.more + moreOf(ab) + moreOf(ba),
      messages: messages.list,
    }
  }

  /** Ends the time in which the window of an end was zero. */
  openWindow(half: Half, time: number, frame?: number): void {
    const { way, closedAt, closedFrame } = half
    half.closedAt = Number.NaN
    const lasted = time - closedAt
    const text = `${senderOf(way)} received no more for ${timeText(lasted)}: its window was zero`
    this.statements.add(['zero-window', way, 'seen'], closedAt, [closedFrame, frame], text, {
      lasted,
    })
  }

  #open(p: PacketView, half: Half, isForward: boolean): void {
    if ((p.flags & tcp.TCP_ACK) !== 0) {
      this.synAcks++
    } else if (isForward) {
      this.syn = p.seq
    }
    if (p.mss > 0) {
      half.mss = p.mss
    }
    half.scale = Math.max(p.windowScale, 0)
    half.permitsSack = p.sackPermitted
  }

  #acknowledged(p: PacketView, half: Half, other: Half, isPure: boolean): void {
    if (Number.isNaN(other.base)) {
      other.begin(p.ack, false)
    }
    const isSyn = (p.flags & tcp.TCP_SYN) !== 0
    const ack = other.relative(p.ack)
    if (
      half.packets === 1 &&
      !isSyn &&
      half.way === 'ba' &&
      this.syn >= 0 &&
      (ack < 0 || ack > other.sent)
    ) {
      const text = 'the server answered the SYN by an ACK of an older connection'
      this.statements.add(['half-open', 'ba', 'seen'], p.time, [p.frame], text)
      return
    }
    other.acknowledge(p, ack, half, isPure)
    const window = isSyn ? p.window : p.window * 2 ** half.scale
    other.edge = Math.max(ack + window, Number.isFinite(other.edge) ? other.edge : 0)
    if (window > 0 && half.closedAt >= 0) {
      this.openWindow(half, p.time, p.frame)
    } else if (window === 0 && Number.isNaN(half.closedAt)) {
      half.closedAt = p.time
      half.closedFrame = p.frame
    }
  }

  #reset(p: PacketView, half: Half, other: Half): void {
    half.rsts++
    if (half.rsts === 1) {
      half.resetAt = p.time
    }
    if (this.end !== 'open') return
    this.end = 'reset'
    this.#resetter = half
    const { way, life } = half
    const who = senderOf(way)
    // A reset in place of the packet before it has the same effect, whichever end sends it.
    const sender = this.#sender
    const packet = sender?.latestPacket ?? packetOf('rst', half.rsts)
    const more = { packet, packetWay: sender?.way ?? way, verb: 'reset' } as const
    const { at, lasted } = this.#pause
    // An end without the connection replies by a RST without an ACK (RFC 9293 sec. 3.5.2).
    const isAnswer = other.lastTime >= at && !(half.lastTime >= at) && (p.flags & tcp.TCP_ACK) === 0
    if (p.time - at < ANSWER && isAnswer) {
      const text = `${who} sent a RST after a pause of ${timeText(lasted)}: it or a middlebox had forgotten the connection`
      this.statements.add(['forgotten', way, 'inferred'], p.time, [p.frame], text, {
        ...more,
        lasted,
      })
      return
    }
    const isRefused = !Number.isNaN(this.syn) && this.synAcks === 0 && way === 'ba'
    if (isRefused && (p.flags & tcp.TCP_ACK) !== 0) {
      other.acknowledge(p, other.relative(p.ack), half, false)
    }
    const isOther = life > 0 && life !== p.life && !half.isTwice
    const doubt = isOther
      ? `, with the TTL ${p.life} instead of ${life}: perhaps a middlebox sent it`
      : ''
    const text = isRefused ? `${who} refused the connection` : `${who} sent a RST${doubt}`
    this.statements.add(['reset', way, 'seen'], p.time, [p.frame], text, more)
  }
}
