/** Makes the statements about a connection after its last packet. */
import type { Half } from './half.ts'
import { isLost, type Loss } from './losses.ts'
import { opposite, packetOf, senderOf, state, timeText } from './statement.ts'
import type { Certainty, Statement } from './story.ts'
import { IDLE, NEAR, type TcpFlow } from './tcp-flow.ts'

/** So many losses of the same bytes, without a packet from the other end, are a silence. */
const SILENT = 3
/** Packets wait so long, in ns, and for this share of the longest wait, in a full queue. */
const QUEUE_MIN = 5e6
const FULL = 0.75
const FULL_MIN = 3
/** An ACK that is late by so many round trips was lost, or its segment was. */
const LATE = 1.5
/** A segment of fewer bytes passes every path. */
const SMALL = 500
/** The content type of TLS records with alerts (RFC 8446 sec. 5.1). */
const TLS_ALERT = 21
const TLS_FATAL = 2
/** A reply after less time, in ns, is not slow. */
const SLOW = 1e9
/** A handshake that stops for less time, in ns, before the end of the capture may continue. */
const PATIENCE = 1e9
/** The round trip to an end that is on the machine of the capture, in ns. */
export const NEAR_TRIP = 1e6
/** A timeout grows from copy to copy by this factor at least. */
const BACKOFF = 1.5

/** Returns the statements about a connection in the order of time. The capture ends at `end`. */
export function statementsOf(flow: TcpFlow, end: number): Statement[] {
  const { ab, ba, statements } = flow
  for (const half of [ab, ba]) {
    if (half.closedAt >= 0) {
      flow.openWindow(half, end)
    }
  }
  const all = [
    ...aboutHalf(flow, ab, ba, end),
    ...aboutHalf(flow, ba, ab, end),
    ...aboutStart(flow, end),
    ...aboutReplies(flow),
    ...aboutEnd(flow, end),
  ]
  return [...statements.list, ...all].sort((a, b) => a.time - b.time)
}

function aboutHalf(flow: TcpFlow, half: Half, other: Half, end: number): Statement[] {
  const { way, isTwice } = half
  const losses = half.losses.list
  const about = half.statements.list.filter(({ kind }) => !isTwice || kind !== 'duplicated')
  half.losses.judgeAgain(half.rtt.min)
  // Without the other direction, only growing timeouts show that no ACK arrived.
  const isOneWay = other.packets === 0 && half.sent > 1
  const done = new Set<Loss>()
  for (const first of losses) {
    if (done.has(first)) continue
    const chain = losses.filter(
      loss => loss.start === first.start && !loss.isBefore && isLost(loss) && !done.has(loss),
    )
    const isChain = chain[0] === first && (!isOneWay || isBackoff(chain))
    const silence = isChain ? aboutSilence(flow, half, other, chain, end) : undefined
    done.add(first)
    if (silence !== undefined) {
      about.push(silence)
    } else if (!isOneWay) {
      about.push(...aboutLoss(first, half, other))
    }
    const from = first.first.time
    const until = from + (silence?.lasted ?? -1)
    for (const loss of losses) {
      if (isLost(loss) && loss.first.time >= from && loss.first.time <= until) {
        done.add(loss)
      }
    }
  }
  const waits = ({ isBefore }: Loss) => (isBefore ? other : half).rtt
  const lost = losses.filter(({ verdict }) => verdict === 'lost')
  const full = lost.filter(
    loss => loss.waited > QUEUE_MIN && loss.waited > FULL * (waits(loss).max - waits(loss).min),
  )
  if (full.length < FULL_MIN || full.length * 2 <= lost.length) return about
  const longest = timeText(Math.max(...full.map(({ waited }) => waited)))
  const text = `the queue was full: ${full.length} of ${lost.length} lost segments were lost while others waited ${longest}`
  const frames = full.map(({ again }) => again.frame)
  return [...about, state(['queue-full', way, 'inferred'], full[0].first.time, frames, text)]
}

function isBackoff(chain: readonly Loss[]): boolean {
  const waits = chain.map(({ first, again }) => again.time - first.time)
  return waits.every((wait, i) => i === 0 || wait > BACKOFF * (waits[i - 1] as number))
}

/** Returns the statement about losses in a row; undefined if they are single losses. */
function aboutSilence(
  flow: TcpFlow,
  half: Half,
  other: Half,
  chain: readonly Loss[],
  end: number,
): Statement | undefined {
  const { start, first } = chain[0]
  const { copy, time } = first
  const last = chain.at(-1) as Loss
  const { way, passed } = half
  const isSyn = start === 0 && way === 'ab'
  const isOver = last.verdict === 'lost'
  if (chain.length < SILENT && (isOver || !isSyn)) return undefined
  const isReset = other.resetAt > time
  const ended = isReset ? other.resetAt : end
  const lasted = (isOver ? last.settled : ended) - time
  const packet = packetOf('seq', start, copy)
  const frames = chain.flatMap(loss => [loss.first.frame, loss.again.frame])
  const times = `${chain.length + 1} times`
  if (isSyn) {
    const text = `the SYN was sent ${times}, ${isOver ? `and answered after ${timeText(lasted)}` : 'without an answer'}`
    return state(['syn-repeated', way, 'seen'], time, frames, text, {
      packet,
      verb: 'silence',
      lasted,
    })
  }
  const size = chain[0].end - start
  if (size > passed && size >= SMALL && passed > 0) {
    const text = `segment ${start} of ${size} bytes was sent ${times} in vain, while shorter ones pass: a black hole for large packets`
    return state(['black-hole', way, isOver ? 'inferred' : 'guess'], time, frames, text, {
      packet,
      verb: 'drop',
      lasted,
      size,
    })
  }
  if (last.heard > chain[1].first.time) return undefined
  const pause = flow.pauses.find(({ at }) => at === time)
  if (pause !== undefined && pause.lasted >= IDLE && !isOver) {
    const text = `nothing answered after a pause of ${timeText(pause.lasted)}: a NAT or firewall may have forgotten the connection`
    return state(['forgotten', way, 'guess'], time, frames, text, {
      packet,
      verb: 'rebind',
      lasted,
    })
  }
  const unanswered = isReset ? ', until its RST' : ', to the end'
  const until = isOver ? '' : unanswered
  const seen = isOver ? 'inferred' : 'seen'
  const text = `nothing came from ${senderOf(opposite(way))} for ${timeText(lasted)}${until}: ${nameOf(chain[0], half)} was sent ${times}`
  return state(['silence', way, other.packets === 0 ? 'guess' : seen], time, frames, text, {
    packet,
    verb: 'silence',
    lasted,
  })
}

function aboutLoss(loss: Loss, half: Half, other: Half): Statement[] {
  const { start, first, again, verdict, settled, settledFrame, isBefore, isReported, isUnsure } =
    loss
  if (verdict === 'needless') return [aboutNeedless(loss, half)]
  if (verdict === 'passed') return [aboutPassed(loss, half, other)]
  const { time, frame } = first
  const { way } = half
  const packet = packetOf('seq', start, first.copy)
  const name = nameOf(loss, half)
  const frames = [frame, again.frame, settledFrame]
  if (verdict === 'late') {
    const lasted = settled - time
    const late = `${name} came ${timeText(lasted)} late, after its repetition`
    return [state(['delayed', way, 'seen'], time, frames, late, { packet, verb: 'delay', lasted })]
  }
  const known = isReported ? 'seen' : 'inferred'
  const certainty: Certainty = verdict === 'open' || isUnsure ? 'guess' : known
  const what = isUnsure && !isBefore ? `${name} or its ACK` : name
  const after = isReported ? '' : `, and sent again ${timeText(again.time - time)} later`
  const text = `${what} was lost ${isBefore ? 'before' : 'after'} this capture${after}`
  return [state(['lost', way, certainty], time, frames, text, { packet, verb: 'drop' })]
}

/** Returns the statement about a repetition of bytes that had arrived. */
function aboutNeedless(loss: Loss, half: Half): Statement {
  const { start, first, again, settled, settledFrame, isUnsure, isDuplicate } = loss
  const { time } = first
  const { way } = half
  const frames = [first.frame, again.frame, settledFrame]
  const isOnTime = half.rtt.count > 0 && settled - time < LATE * half.rtt.min
  if (start === 0 && way === 'ab' && !isOnTime) {
    const text = 'the SYN-ACK was lost before this capture: the server had received the first SYN'
    const more = { packet: packetOf('seq', 0), verb: 'drop' } as const
    return state(['lost', opposite(way), 'inferred'], time, frames, text, more)
  }
  const name = nameOf(loss, half)
  const pause = again.time - time
  const text =
    isOnTime || pause < half.rtt.min
      ? `${name} was sent again ${timeText(pause)} later, before its ACK could arrive`
      : `${name} was repeated although it had arrived: its ACK was late or lost`
  const unseen = isUnsure ? 'guess' : 'inferred'
  return state(['repeated', way, isDuplicate ? 'seen' : unseen], time, frames, text)
}

/** Returns the statement about a repetition after its ACK had passed the capture. */
function aboutPassed(loss: Loss, half: Half, other: Half): Statement {
  const { first, again, settled, settledFrame, ack, isDuplicate } = loss
  const { way } = half
  const frames = [first.frame, again.frame, settledFrame]
  const name = nameOf(loss, half)
  const repeated: Certainty = isDuplicate ? 'seen' : 'guess'
  // A lost ACK with data is a lost segment.
  if (ack === 0) {
    return state(
      ['repeated', way, repeated],
      again.time,
      frames,
      `${name} was repeated after its ACK`,
    )
  }
  // Near its sender no ACK was lost after the capture.
  const isNear = other.rtt.min * NEAR < half.rtt.min
  const isLate = again.time - settled > LATE * other.rtt.max
  if (isNear || !loss.isLast || loss.heard > settled || !isLate) {
    const text = `${name} was repeated after its ACK ${ack}`
    return state(['repeated', way, repeated], again.time, frames, text)
  }
  const text = `ACK ${ack} was lost after this capture: ${name} was repeated`
  const more = { packet: packetOf('ack', ack), verb: 'drop' } as const
  return state(['lost', opposite(way), 'inferred'], settled, [again.frame], text, more)
}

function nameOf({ start, end, first: { copy } }: Loss, { way, finAt }: Half): string {
  const isFin = end === finAt && end - start === 1
  const syn = way === 'ab' ? 'the SYN' : 'the SYN-ACK'
  const segment = start > 0 ? `segment ${start}` : syn
  const name = isFin ? 'the FIN' : segment
  return copy === 1 ? name : `copy ${copy} of ${name}`
}

/** Returns the statement about an end that remained open after the FIN of the other end. */
function aboutEnd({ ab, ba, end: how }: TcpFlow, end: number): Statement[] {
  const [closed, open] = Number.isFinite(ab.finAt) ? [ab, ba] : [ba, ab]
  const { finAt, finTime, finFrame, acked, way } = closed
  if (how !== 'open' || acked < finAt || closed.sent > finAt || !(end - open.lastTime >= IDLE)) {
    return []
  }
  const lasted = end - finTime
  const text = `${senderOf(way)} sent a FIN, and ${senderOf(open.way)} none in ${timeText(lasted)}, to the end`
  return [state(['half-open', open.way, 'seen'], finTime, [finFrame], text, { lasted })]
}

/** Returns the statements about replies for which the server took long, if no loss explains it. */
function aboutReplies({ ab, ba, messages, statements }: TcpFlow): Statement[] {
  const turns = messages.turnTimes
  const trip = Number.isFinite(ab.rtt.min) ? ab.rtt.min : 0
  const about: Statement[] = []
  let request = 0
  for (const [i, { way, until }] of turns.entries()) {
    if (way === 'ba') continue
    request++
    const reply = turns[i + 1]
    const lasted = reply === undefined ? 0 : reply.time - until - trip
    if (reply === undefined || lasted < SLOW) continue
    const isWithin = (from: number, to: number) => to >= until && from <= reply.time
    const isLossy = [...ab.losses.list, ...ba.losses.list].some(loss =>
      isWithin(loss.first.time, loss.again.time),
    )
    const isClosed = statements.list.some(({ time, lasted: closed = 0 }) =>
      isWithin(time, time + closed),
    )
    if (isLossy || isClosed) continue
    // Elsewhere, repetitions of the reply may have been lost before the capture.
    const certainty = ab.rtt.count > 0 && trip < NEAR_TRIP ? 'seen' : 'guess'
    const text = `the server took ${timeText(lasted)} to answer request ${request}`
    about.push(state(['slow-reply', 'ba', certainty], until, [], text, { lasted }))
  }
  return about
}

/** Returns the statements about a handshake, of TCP or TLS, that was not completed. */
function aboutStart(
  { ab, ba, syn, synAcks, last, messages, end }: TcpFlow,
  captured: number,
): Statement[] {
  if (syn >= 0 && synAcks > 0 && ba.acked === 0 && ab.rsts + ba.rsts === 0) {
    const certainty = synAcks > 1 ? 'seen' : 'guess'
    return [
      state(['half-open', 'ab', certainty], last, [], 'the client did not complete the handshake'),
    ]
  }
  const isPart = ab.packets === 0 || ba.packets === 0 || ab.unseen + ba.unseen > 0
  if (messages.application !== 'tls' || isPart) return []
  const answer = messages.byte(1)
  const stopped = 'the TLS handshake stops after'
  if (answer === TLS_ALERT && messages.byte(1, 5) === TLS_FATAL) {
    return [state(['tls-stopped', 'ba', 'seen'], last, [], `${stopped} an alert of the server`)]
  }
  if (messages.turns > 2 || (end === 'open' && captured - messages.lastTime < PATIENCE)) return []
  const [way, sent] =
    answer === undefined
      ? (['ba', 'the ClientHello'] as const)
      : (['ab', "the server's answer"] as const)
  return [
    state(
      ['tls-stopped', way, end === 'open' ? 'guess' : 'inferred'],
      last,
      [],
      `${stopped} ${sent}`,
    ),
  ]
}
