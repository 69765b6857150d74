/**
 * StoryReader: reads the records of a capture as a story. Its memory does not grow with the
 * capture: flows that were unused for the longest time are closed, and flows with statements are
 * kept first.
 *
 *     const reader = new StoryReader()
 *     for (...) reader.take(record)
 *     const story = reader.end()
 */

import { ipv4, NSEC_PER_SEC, tcp } from 'vnet'
import type { CaptureRecord } from 'vnet/capture'
import { COPY_TIME, Copies } from './copies.ts'
import { type Entry, FlowTable } from './flow-table.ts'
import { PacketView } from './packet-view.ts'
import { count, timeText } from './statement.ts'
import type { FlowStory, Statement, StatementKind, Story } from './story.ts'
import { TcpFlow } from './tcp-flow.ts'
import { NEAR_TRIP, statementsOf } from './tcp-story.ts'
import type { Room } from './transmissions.ts'
import { UdpFlow } from './udp-flow.ts'

/** The most flows of a story, notes of it, and kinds of other frames. */
export const FLOWS_MAX = 1000
const NOTES_MAX = 16
const OTHERS_MAX = 64
/** The most devices of vnet that have numbers of their own. */
const DEVICES_MAX = 4096
/** A clock that goes back further was set, in ns; on one interface, where queues differ by less. */
const STEP = 0.5e9
const STEP_OWN = 20e6
/** No network holds a packet so long before a later one, in ns; the share of two equal steps. */
const STEP_SURE = 1e9
const ALIKE = 0.2
/** Ports below are of servers. */
const SERVER_PORTS = 1024

type Flow = TcpFlow | UdpFlow

/** Statements that need no times, if frames show them. */
const ORDER_KINDS: readonly StatementKind[] = [
  'lost',
  'duplicated',
  'reset',
  'unreachable',
  'tls-stopped',
  'reply-lost',
]
const isOfOrder = ({ kind, certainty }: Statement): boolean =>
  certainty === 'seen' && ORDER_KINDS.includes(kind)

/** Leaves out what a flow has by the times of its packets. */
function withoutTimes(story: TcpFlow['story']): TcpFlow['story'] {
  const { ways } = story
  const untimed = { rate: undefined, queue: undefined }
  return {
    ...story,
    place: undefined,
    rtt: { ab: undefined, ba: undefined },
    ways: { ab: { ...ways.ab, ...untimed }, ba: { ...ways.ba, ...untimed } },
  }
}

const flowsText = (n: number): string => count(n, 'flow')

export class StoryReader {
  readonly #view = new PacketView()
  readonly #room: Room = { slots: 0, contents: 0 }
  readonly #table = new FlowTable<Flow>()
  readonly #others = new Map<string, number>()
  readonly #notes: string[] = []
  readonly #kept: FlowStory[] = []
  #plain: FlowStory[] = []
  #forgotten = 0
  #packets = 0
  /** Packets without a time. */
  #untimed = 0
  #seconds = 0
  #nanoseconds = 0
  #time = 0
  /** The last time of each interface. */
  readonly #times = new Map<number, number>()
  /** Is added to the times of frames: the steps of the clock. */
  #step = 0
  #unseen = 0
  #unseenFlows = 0
  #oneWay = 0
  #twice = 0
  #dropped = 0
  readonly #copies = new Copies()
  /** The numbers of vnet's devices, by their names. */
  readonly #places = new Map<string, number>()
  /** Packets that do not count: copies, joined ones or their parts, packets at the other end. */
  #copied = 0
  #joined = 0
  #otherEnd = 0
  /** Packets of devices that have no number. */
  #beyond = 0

  take(record: CaptureRecord): void {
    this.#packets++
    // A vnet has recorded the frame before.
    if (record.drop !== undefined) return
    this.#dropped += record.dropCount ?? 0
    const view = this.#view
    view.frame = this.#packets
    view.time = this.#timeOf(record)
    const other = view.read(record)
    if (other !== '') {
      this.#countOther(other)
      return
    }
    if (view.report !== '') {
      this.#addReport(view)
      return
    }
    const entry = this.#entryOf(view)
    const { isForward } = this.#table
    entry.isTimed &&= record.hasTime
    if (!this.#isOfEnd(record, entry) || this.#isElsewhere(entry)) return
    this.#followClock(view, entry)
    entry.flow.take(view, isForward)
  }

  /**
   * Returns whether a packet is of the end that the story is of. A capture of vnet has packets at
   * both ends of a wire, further apart in time than copies. Its devices are two interfaces each.
   */
  #isOfEnd({ interfaceName, packetId }: CaptureRecord, entry: Entry<Flow>): boolean {
    if (packetId === undefined || interfaceName === undefined) return true
    if (!this.#places.has(interfaceName) && this.#places.size < DEVICES_MAX) {
      this.#places.set(interfaceName, -1 - this.#places.size)
    }
    const place = this.#places.get(interfaceName)
    if (place === undefined) {
      this.#beyond++
    }
    this.#view.place = place ?? 0
    const end = interfaceName.replace(/\/[^/]*$/, '')
    entry.end ??= end
    if (entry.end === end) return true
    this.#otherEnd++
    return false
  }

  /** Returns whether a packet counts on another interface. */
  #isElsewhere({ flow, key }: Entry<Flow>): boolean {
    const { isForward } = this.#table
    const { joined } = isForward ? flow.ab : flow.ba
    if (!joined.has(this.#view)) {
      const isCopy = this.#copies.isCopy(this.#view, key, isForward)
      if (isCopy) {
        this.#copied++
      }
      if (isCopy || !flow.isElsewhere(this.#view, isForward)) return isCopy
    }
    this.#joined++
    return true
  }

  note(text: string): void {
    if (this.#notes.length < NOTES_MAX) {
      this.#notes.push(text)
    }
  }

  /** Closes all flows. `error` is the reason why the capture ends early. */
  end(error?: string): Story {
    for (let left = this.#table.expire(true); left !== undefined; left = this.#table.expire(true)) {
      this.#close(left)
    }
    if (error !== undefined) {
      this.note(`the capture ends early: ${error}`)
    }
    if (this.#dropped > 0) {
      this.note(`the program that captured lost ${this.#dropped} frames`)
    }
    if (this.#unseen > 0) {
      this.note(
        `the capture lacks ${this.#unseen} bytes that were received, in ${flowsText(this.#unseenFlows)}`,
      )
    }
    if (this.#oneWay > 0) {
      this.note(
        `packets of one direction only, whose losses are hardly seen, in ${flowsText(this.#oneWay)}`,
      )
    }
    if (this.#twice > 0) {
      this.note(
        `most packets twice, as a capture of several interfaces has, in ${flowsText(this.#twice)}`,
      )
    }
    if (this.#untimed > 0) {
      this.note(
        `${count(this.#untimed, 'packet')} without a time (simple packet blocks): only their order is known`,
      )
    }
    this.#noteUncounted()
    const flows = [...this.#kept, ...this.#plain].sort((a, b) => a.begin - b.begin)
    return {
      packets: this.#packets,
      untimed: this.#untimed,
      seconds: this.#seconds,
      lasted: this.#time,
      flows,
      forgotten: this.#forgotten,
      others: this.#others,
      notes: this.#notes,
    }
  }

  #noteUncounted(): void {
    const packets = (n: number) => count(n, 'packet')
    if (this.#copied > 0) {
      this.note(
        `not counted: ${packets(this.#copied)} that another interface had within ${timeText(COPY_TIME)}`,
      )
    }
    if (this.#joined > 0) {
      this.note(
        `not counted: ${packets(this.#joined)} that another interface had in other lengths (GSO, GRO)`,
      )
    }
    if (this.#otherEnd > 0) {
      this.note(`not counted: ${packets(this.#otherEnd)} at the other end of a wire of vnet`)
    }
    if (this.#beyond > 0) {
      this.note(
        `${packets(this.#beyond)} of more than ${DEVICES_MAX} interfaces, whose copies count as well`,
      )
    }
  }

  /** Returns the time of a record in ns from the first one, without steps back. */
  #timeOf({ seconds: s, nanoseconds, hasTime, interfaceIndex }: CaptureRecord): number {
    if (!hasTime) {
      this.#untimed++
      return this.#time
    }
    if (this.#packets === this.#untimed + 1) {
      this.#seconds = s
      this.#nanoseconds = nanoseconds
    }
    const time = (s - this.#seconds) * NSEC_PER_SEC + nanoseconds - this.#nanoseconds + this.#step
    // Interfaces may be in any order, but the packets of each are in the order of time.
    const own = (this.#times.get(interfaceIndex) ?? Number.NEGATIVE_INFINITY) - time
    const back = this.#time - time
    const isStep = back > STEP || own > STEP_OWN
    if (isStep) {
      this.note(`the clock steps back by ${timeText(back)} at frame ${this.#packets}`)
      this.#step += back
    } else if (back <= 0) {
      this.#time = time
    }
    this.#times.set(interfaceIndex, isStep ? this.#time : time)
    return this.#time
  }

  #entryOf(p: PacketView): Entry<Flow> {
    const found = this.#table.find(p)
    const isTcp = p.protocol === ipv4.IPPROTO_TCP
    const isSyn = isTcp && (p.flags & (tcp.TCP_SYN | tcp.TCP_ACK)) === tcp.TCP_SYN
    const { flow } = found ?? {}
    const isNew = flow === undefined || (isSyn && flow instanceof TcpFlow && flow.syn !== p.seq)
    if (!isNew) return found as Entry<Flow>
    if (found !== undefined) {
      this.#close(this.#table.remove(found))
    }
    const old = this.#table.expire()
    if (old !== undefined) {
      this.#close(old)
    }
    const isAnswer = isTcp && (p.flags & tcp.TCP_SYN) !== 0 && !isSyn
    const isOfServer = !isSyn && p.sourcePort < SERVER_PORTS && p.destinationPort >= SERVER_PORTS
    return this.#table.add(
      p,
      isTcp ? new TcpFlow(p, this.#room) : new UdpFlow(p, this.#room),
      !(isAnswer || isOfServer),
    )
  }

  /** Adds an ICMP error to the flow of the packet in it. */
  #addReport({ time, frame, report }: PacketView): void {
    const entry = this.#table.find(this.#view)
    if (entry === undefined) {
      this.#countOther('icmp')
      return
    }
    if (this.#copies.isCopy(this.#view, entry.key, this.#table.isForward)) {
      this.#copied++
      return
    }
    const { statements } = entry.flow
    const way = this.#table.isForward ? 'ab' : 'ba'
    // Each repetition of the packet may cause the same error.
    if (statements.list.some(({ text }) => text === report)) {
      statements.more++
    } else {
      statements.add(['unreachable', way, 'seen'], time, [frame], report)
    }
  }

  #countOther(kind: string): void {
    const key = this.#others.has(kind) || this.#others.size < OTHERS_MAX ? kind : 'other'
    this.#others.set(key, (this.#others.get(key) ?? 0) + 1)
  }

  /** Finds steps of the clock that the timestamps of senders contradict. */
  #followClock(p: PacketView, entry: Entry<Flow>): void {
    const { flow } = entry
    if (!(flow instanceof TcpFlow) || p.stamp < 0) return
    const [half, other] = this.#table.isForward ? [flow.ab, flow.ba] : [flow.ba, flow.ab]
    const step = half.clock.step(p)
    if (step === 0) return
    // A network may hold packets of a distant sender, but only a clock moves both senders.
    const { jump } = entry
    const isSame =
      jump !== undefined &&
      jump.way !== half.way &&
      Math.abs(jump.step - step) < ALIKE * Math.abs(jump.step)
    const isNear = other.rtt.count > 0 && other.rtt.min < NEAR_TRIP
    if (!isSame && !isNear && step < STEP_SURE) {
      entry.jump = { step, way: half.way, frame: p.frame }
      return
    }
    entry.jump = undefined
    const frame = isSame ? jump.frame : p.frame
    this.note(
      `the clock steps ${step > 0 ? 'forward' : 'back'} by ${timeText(Math.abs(step))} at frame ${frame}`,
    )
    this.#step -= step
    this.#time -= step
    for (const [i, time] of this.#times) {
      this.#times.set(i, Math.min(time, this.#time))
    }
    p.time -= step
    half.clock.set(step)
    if (isSame) {
      other.clock.set(step)
    }
  }

  #close({ flow, client, server, isTimed }: Entry<Flow>): void {
    const all = flow instanceof TcpFlow ? statementsOf(flow, this.#time) : flow.end(this.#time)
    if (flow instanceof TcpFlow) {
      this.#countFlow(flow)
    }
    const statements = isTimed ? all : all.filter(isOfOrder)
    const isPlain = statements.length === 0
    const isFull = this.#kept.length + this.#plain.length >= FLOWS_MAX
    if (isFull) {
      this.#forgotten++
      const last = isPlain ? undefined : this.#plain.pop()
      if (last !== undefined) {
        for (const { content } of last.messages) {
          this.#room.contents -= content.length
        }
      } else {
        flow.messages.drop()
        return
      }
    }
    const known = isTimed ? flow.story : withoutTimes(flow.story)
    const story = {
      client,
      server,
      begin: flow.begin,
      last: flow.last,
      isTimed,
      ...known,
      statements,
    }
    ;(isPlain ? this.#plain : this.#kept).push(story)
  }

  #countFlow(flow: TcpFlow): void {
    const { ab, ba } = flow
    flow.close()
    if (ab.isTwice || ba.isTwice) {
      this.#twice++
    }
    if (ab.packets === 0 || ba.packets === 0) {
      this.#oneWay += ab.packets + ba.packets > 3 && (ab.packets === 0 || ab.sent !== 1) ? 1 : 0
    } else if (ab.unseen + ba.unseen > 0) {
      this.#unseen += ab.unseen + ba.unseen
      this.#unseenFlows++
    }
  }
}
