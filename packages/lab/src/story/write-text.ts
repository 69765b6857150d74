/** The text of a test that repeats a story: its scenario, and the call of explore.repeat. */
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'
import { firstOf } from '../explore/lists.ts'
import { type OwnScenario, quote, testText } from '../explore/repeat-text.ts'
import { hiddenLine } from './hidden-line.ts'
import type { FlowStory, Message, Story } from './story.ts'
import { type LabPlan, ownPortOf, type PlannedFlow, type PlannedLink, planOf } from './write-plan.ts'
import { SKELETON } from './write-skeleton.ts'

/** The modules of programs as the file imports them, and whether contents are written. */
export interface WriteOptions {
  readonly client?: string | undefined
  readonly server?: string | undefined
  readonly withContent?: boolean | undefined
}

/** Milliseconds that a run may take longer than its capture, and until a dead flow counts as silent. */
const MORE_MS = 30_000
const SILENT_MS = 5000
/** TCP waits up to twice as long as a link was dead. */
const LONGER = 2
/** Lines of statements in the comment. */
const OTHERS_MAX = 20

/** Returns a file for vitest. */
export function storyTest(story: Story, options: WriteOptions = {}): string {
  const plan = planOf(story, hasPrograms(options))
  const isDone = hasPrograms(options) || plan.flows.every(({ end }) => end === 'done')
  const title = plan.faults.length > 0 && isDone ? undefined : 'repeats the capture'
  const own = { ...scenarioOf(plan, options), title }
  return `${testText(undefined, plan.faults, { timeout: timeoutOf(plan), rtoMin: false, invariant: false }, own)}\n`
}

/** Returns a module for explore. Its skeleton passes if every message arrives. */
export function storyModule(story: Story, options: WriteOptions = {}) {
  const { flows, ...rest } = planOf(story, hasPrograms(options))
  const plan = { ...rest, flows: flows.map(flow => ({ ...flow, end: 'done' as const })) }
  const { imports, text } = scenarioOf(plan, options)
  return { faults: plan.faults, text: [...imports, '', text, ''].join('\n'), timeout: timeoutOf(plan) }
}

const hasPrograms = ({ client, server }: WriteOptions) => client !== undefined || server !== undefined

function timeoutOf({ lasted }: LabPlan): number {
  return Math.ceil((LONGER * lasted) / NSEC_PER_MSEC / 1000) * 1000 + MORE_MS
}

function scenarioOf(plan: LabPlan, options: WriteOptions): OwnScenario {
  const { clients, servers, links, flows, others, left } = plan
  const { client, server } = options
  const isPlayed = client === undefined || server === undefined
  const hosts = [...new Set([...clients, ...servers])].join(', ')
  const hasNat = links.some(link => link.hasNat)
  const programOf = (name: string) => (host: string) => `${host}.run(() => ${name}({ lab, host: ${host}, signal }))`
  const imports = [
    ...(isPlayed ? PLAYED_IMPORTS : []),
    ...(client === undefined ? [] : [`import clientProgram from ${quote(client)}`]),
    ...(server === undefined ? [] : [`import serverProgram from ${quote(server)}`]),
  ]
  const constants = [
    '',
    `const plays = { client: ${client === undefined}, server: ${server === undefined} }`,
    '// Whether clients are told apart by the order of their first packets, in place of their ports.',
    `const inOrder = ${client !== undefined || hasNat}`,
    `const hasNat = ${hasNat}`,
    ...flowLines(flows, options),
  ]
  const lines = [
    ...firstOf(others, count => `${count} more statements`, OTHERS_MAX).map(text => `// Not repeated: ${text}`),
    ...(left > 0 ? [`// Not repeated: ${left} more flows`] : []),
    ...(isPlayed ? constants : []),
    '',
    'export default async function scenario({ lab, signal }) {',
    `  const [${hosts}] = lab.hosts(${hosts.replace(/\w+/g, "'$&'")})`,
    ...links.map(linkText),
    ...(server === undefined ? [] : servers.map(programOf('serverProgram')).map(text => `  await ${text}`)),
    ...(isPlayed ? [`  const play = await prepare({ ${hosts} }, lab)`] : []),
    ...(client === undefined
      ? ['  await play()']
      : [
          ...(isPlayed ? ['  play().catch(() => {})'] : []),
          `  await Promise.all([${clients.map(programOf('clientProgram')).join(', ')}])`,
        ]),
    '}',
    ...(isPlayed ? ['', SKELETON] : []),
  ]
  return { imports, text: lines.join('\n') }
}

const PLAYED_IMPORTS = [
  "import assert from 'node:assert/strict'",
  "import { EventEmitter, once } from 'node:events'",
  "import net from 'node:net'",
]

function linkText({ client, server, hasNat, wire, mtu }: PlannedLink): string {
  const { ab, ba } = wire
  const wireText = ab === ba ? quote(ab) : `{ ab: ${quote(ab)}, ba: ${quote(ba)} }`
  const own = [...(ab === '' && ba === '' ? [] : [`wire: ${wireText}`]), ...(mtu === undefined ? [] : [`mtu: ${mtu}`])]
  if (!hasNat) return `  await lab.cable(${client}, ${server}${own.length === 0 ? '' : `, { ${own.join(', ')} }`})`
  return [
    `  const router = await lab.router('router', { nat: 'symmetric', inside: [${client}], outside: ${server} })`,
    ...(own.length === 0 ? [] : [`  await router.linkTo(${client}).wire(${wireText})`]),
  ].join('\n')
}

/** Returns the flows as data: `['ab', 12, 120, 'GET /xxxxx HTTP/1.1']`. */
function flowLines(flows: readonly PlannedFlow[], options: WriteOptions): string[] {
  const start = Math.min(...flows.map(({ story }) => story.begin))
  return [
    '// Each message has its direction, the pause before it in ms, its bytes, and its first line.',
    'const flows = [',
    ...flows.flatMap(({ story, client, server, end }) => {
      const { protocol, messages, begin, last } = story
      const ownPort = ownPortOf(story)
      const fields = [
        `at: ${msOf(begin - start)}`,
        `client: ${quote(client)}`,
        ...(ownPort === undefined ? [] : [`from: ${ownPort}`]),
        `server: ${quote(server)}`,
        `port: ${story.server.port}`,
        `closes: ${protocol === 'tcp' && story.end === 'fin'}`,
        `end: ${quote(end)}`,
        ...(end === 'silent' ? [`silentAfter: ${msOf(last - begin) + SILENT_MS}`] : []),
      ]
      return [
        `  { protocol: ${quote(protocol)}, ${fields.join(', ')}, messages: [`,
        ...messages.map((_, i) => `    [${messageText(story, i, options)}],`),
        '  ] },',
      ]
    }),
    ']',
  ]
}

function messageText(story: FlowStory, index: number, { withContent = false }: WriteOptions): string {
  const message = story.messages[index] as Message
  const { way, length, content } = message
  const head = withContent ? Buffer.from(content).toString('latin1') : hiddenLine(content)
  const isLost = story.protocol === 'udp' && isLostDatagram(story, message)
  const rest = isLost ? [JSON.stringify(head), 'true'] : head === '' ? [] : [JSON.stringify(head)]
  return [quote(way), msOf(pauseBefore(story, index)), length, ...rest].join(', ')
}

/** Returns whether a fault loses a datagram, so that the other end must not wait for it. */
function isLostDatagram({ messages, statements }: FlowStory, message: Message): boolean {
  const number = messages.filter(({ way }) => way === message.way).indexOf(message) + 1
  return statements.some(({ verb, way, packet, time, lasted = Number.POSITIVE_INFINITY }) => {
    if (verb === 'drop' || verb === 'corrupt') return way === message.way && packet?.n === number
    const isDead = verb === 'silence' || (verb === 'mute' && way === message.way)
    return isDead && message.time >= time && message.time < time + lasted
  })
}

/**
 * Returns how long an end waits before a message, in ns. A reply passes the place of the capture
 * a round trip after the message before it. The time after a fault is not the end's own.
 */
function pauseBefore({ begin, rtt, messages, statements }: FlowStory, index: number): number {
  const [message, before] = [messages[index] as Message, messages[index - 1]]
  const since = before?.time ?? begin
  const faults = statements.flatMap(({ time, verb }) =>
    verb !== undefined && time > since && time < message.time ? [time - since] : [],
  )
  const turn = before === undefined ? rtt.ab : before.way === message.way ? undefined : rtt[before.way]
  return Math.max(0, Math.min(message.time - since - (turn?.median ?? 0), ...faults))
}

const msOf = (ns: number) => Math.round(ns / NSEC_PER_MSEC)
