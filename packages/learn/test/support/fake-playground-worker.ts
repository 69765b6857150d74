/** A worker of the playground without a driver: its cable, wire and frames are made up. */
import type { DeviceRow, FeedMessage, FlightRow, FrameRow } from '../../../web/src/feed-types.ts'
import type { PlaygroundReply, PlaygroundRequest } from '../../src/browser/playground/messages.ts'

const [A, B] = ['1//cable0', '1//cable1'] as const
const REASON = 'wire ab, stage 2 loss 10%'
const drops = { tx: {} as Record<string, number>, rx: {} }

function row(id: string, label: string, peer: string): DeviceRow {
  const common = {
    mtu: 1500,
    carrier: true,
    isUp: true,
    isCut: false,
    txQueues: 1,
    rxQueues: 1,
    onSegment: false,
  }
  const rest = { faults: [], faultTexts: [], flips: false } as const
  return {
    id,
    label,
    name: label,
    peer,
    driver: 'cable',
    mac: '02:00:00:00:00:01',
    ...common,
    ...rest,
  }
}

const post = (reply: PlaygroundReply) => postMessage(reply)
const feed = (message: FeedMessage) => post({ feed: message })
const devices = [row(A, 'cable0', 'cable1'), row(B, 'cable1', 'cable0')]

let perSecond = 0
let isPaused = false
let text = ''
let packet = 0
let sent = 0
let arrived = 0
let due = 0

addEventListener('message', ({ data }: MessageEvent<PlaygroundRequest>) => {
  if (data.do === 'start') {
    start(data.wire ?? '')
  }
  if (data.do === 'flow') {
    perSecond = data.perSecond
  }
  if (data.do === 'pause') {
    isPaused = data.on
  }
  if (data.do === 'send') {
    frames(5)
    post({ told: `${data.what} 198.18.0.2: 5 sent, 4 received` })
  }
  if (data.do === 'capture') {
    post({ reply: data.seq, capture: Uint8Array.of(0x0a, 0x0d, 0x0d, 0x0a) })
  }
  if (data.do !== 'command') return
  const { seq, command } = data
  const given = 'text' in command ? (command.text ?? '') : ''
  // A driver that does not return.
  if (given === 'hang') {
    for (;;) {}
  }
  // One that logs in a loop.
  if (given === 'flood') {
    for (;;) {
      post({ told: 'x' })
    }
  }
  for (let at = 0; given === 'log'; ) {
    if (performance.now() - at < 100) continue
    at = performance.now()
    post({ told: `at ${at}` })
  }
  if (given.startsWith('los ')) {
    const message = `unknown stage los: expected loss\n  ${given}\n  ^^^`
    return post({ reply: seq, result: { ok: false, message } })
  }
  if (command.do === 'wire') {
    text = given
  }
  if (command.do === 'step') {
    feed({ type: 'step', id: A, mode: command.mode === 'off' ? 'off' : 'on', step: undefined })
  }
  post({ reply: seq, result: { ok: true } })
  wire()
})

function start(first: string): void {
  text = first
  feed({
    type: 'hello',
    version: '1',
    mayChange: true,
    presets: [],
    vnets: [{ pid: 1, driver: 'cable', devices }],
  })
  post({ told: 'cable started' })
  for (const id of [A, B]) {
    feed({ type: 'params', id, params: [] })
  }
  setInterval(second, 1000)
  setInterval(quarter, 100)
  second()
}

function second(): void {
  post({ beat: true })
  const counters = (tx: number, rx: number) => ({
    txPackets: tx,
    txBytes: 60 * tx,
    rxPackets: rx,
    rxBytes: 60 * rx,
  })
  const stats = [
    { id: A, held: 0, drops, ...counters(sent, 0) },
    { id: B, held: 0, drops: { tx: {}, rx: {} }, ...counters(0, arrived) },
  ]
  feed({ type: 'stats', time: Date.now(), devices: stats })
  wire()
  for (const id of [A, B]) {
    const parts = [{ kind: 'queue', name: 'tx 0', length: 0, state: 'running' }] as const
    feed({ type: 'parts', time: Date.now(), id, parts })
  }
}

function wire(): void {
  const count = {
    in: sent,
    out: arrived,
    dropped: 0,
    held: 1,
    drops: {},
    duplicated: 0,
    corrupted: 0,
  }
  const stages = text
    .split('|')
    .filter(Boolean)
    .map(stage => ({
      ...{
        stage: stage.trim().split(' ')[0] ?? '',
        path: '',
        direction: 'ab' as const,
        text: stage.trim(),
      },
      ...{ ...count, reordered: 0, marked: 0, holds: true },
    }))
  for (const id of [A, B]) {
    feed({
      type: 'wire',
      time: Date.now(),
      id,
      wire: { time: Date.now(), text: { ab: text, ba: '' }, stages },
    })
  }
}

function quarter(): void {
  if (isPaused) return
  due += perSecond / 10
  const now = Math.floor(due)
  due -= now
  if (now > 0) {
    frames(now)
  }
}

function frames(count: number): void {
  const time = Date.now()
  const flights: FlightRow[] = []
  const rows: FrameRow[] = []
  for (let i = 0; i < count; i++) {
    packet++
    sent++
    const isLost = packet % 10 === 0
    flights.push({ packet, time, direction: 'tx', isFar: false, dropped: undefined })
    if (isLost) {
      drops.tx[REASON] = (drops.tx[REASON] ?? 0) + 1
      const dropped = { text: REASON, stage: { place: 1, text: 'loss 10%' } }
      flights.push({ packet, time: time + 100, direction: 'tx', isFar: false, dropped })
    } else {
      arrived++
      flights.push({ packet, time: time + 400, direction: 'rx', isFar: true, dropped: undefined })
    }
    const contents = {
      length: 60,
      text: '198.18.0.1.9 > 198.18.0.2.9: UDP, length 18',
      headers: [],
      bytes: '00',
    }
    const dropped = isLost ? REASON : undefined
    rows.push({ number: packet, time, id: A, direction: 'tx', queue: 0, dropped, ...contents })
  }
  feed({ type: 'flights', time, id: A, frames: flights })
  feed({ type: 'frames', id: A, frames: rows, skipped: 0 })
}
