/** The text of a test that repeats a story: its scenario, and the call of explore.repeat. */
import { readFileSync } from 'node:fs'
import { METHODS, STATUS_CODES } from 'node:http'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from 'vnet'
import { firstOf } from '../explore/lists.ts'
import { type OwnScenario, quote, testText } from '../explore/repeat-text.ts'
import type { FlowStory, Message, Story } from './story.ts'
import { type LabPlan, ownPortOf, type PlannedLink, planOf, TRACES } from './write-plan.ts'

/** The modules of programs as the file imports them, and whether contents are written. */
export interface WriteOptions {
  readonly client?: string | undefined
  readonly server?: string | undefined
  readonly withContent?: boolean | undefined
  /** The prefix of files with delays over time, such as `retry.`. Without it none are written. */
  readonly traces?: string | undefined
}

/** Src and dist are equally deep. */
const SKELETON = new URL('../../templates/skeleton.js', import.meta.url)

// Milliseconds that a run may take longer than its capture, in all and for each fault.
const MORE_MS = 30_000
const FAULT_MS = 500

/** Milliseconds after which a flow is silent. */
const SILENT_MS = 5000
/** TCP waits up to twice as long as a link was dead. */
const LONGER = 2
/** Lines of statements in the comment. */
const OTHERS_MAX = 20

/** Returns a file for vitest. */
export function storyTest(story: Story, options: WriteOptions = {}): string {
  const isProgram = hasProgram(options)
  const plan = planOf(story, isProgram, options.traces !== undefined)
  const survives =
    plan.faults.length > 0 && (isProgram || plan.flows.every(({ end }) => end === 'done'))
  const own = { ...scenarioOf(plan, options), ...(!survives && { title: 'repeats the capture' }) }
  const given = { timeout: timeoutOf(plan), rtoMin: false, invariant: false } as const
  return `${testText(undefined, plan.faults, given, own)}\n`
}

/** Returns the files of the delays over time that the test reads, by their names after `traces`. */
export const storyTraces = (story: Story, options: WriteOptions): ReadonlyMap<string, string> =>
  planOf(story, hasProgram(options), true).traces

/** Returns a module for explore. It passes if every message of the capture arrives. */
export function storyModule(story: Story, options: WriteOptions = {}) {
  const plan = planOf(story, hasProgram(options), false, 'done')
  const { imports, text } = scenarioOf(plan, options)
  return {
    faults: plan.faults,
    text: [...imports, '', text, ''].join('\n'),
    timeout: timeoutOf(plan),
  }
}

const hasProgram = ({ client, server }: WriteOptions) => (client ?? server) !== undefined
const timeoutOf = ({ lasted, faults }: LabPlan) =>
  Math.ceil((LONGER * lasted) / NSEC_PER_SEC) * 1000 + MORE_MS + FAULT_MS * faults.length

function scenarioOf(plan: LabPlan, options: WriteOptions): OwnScenario {
  const { clients, servers, links, others, left } = plan
  const { client, server } = options
  const hasTraces = options.traces !== undefined && plan.traces.size > 0
  // The functions that play messages, which use the constants below, and their imports.
  const [skeletonImports = '', skeleton] = readFileSync(SKELETON, 'utf8')
    .trimEnd()
    .split(/\n\n(.*)/s)
  const isPlayed = client === undefined || server === undefined
  const hosts = [...new Set([...clients, ...servers])].join(', ')
  const hasNat = links.some(link => link.hasNat)
  const serverOf = (host: string) => links.find(each => each.client === host)?.server ?? ''
  const clientCalls = clients.map(host => {
    return `${host}.run(() => clientProgram({ lab, host: ${host}, signal, server: ${quote(serverOf(host))} }))`
  })
  const serverCalls = servers.map(
    host => `  await ${host}.run(() => serverProgram({ lab, host: ${host}, signal }))`,
  )
  const constants = [
    `const plays = { client: ${client === undefined}, server: ${server === undefined} }`,
    '// Whether clients are known by the order of their first packets, in place of their ports.',
    `const inOrder = ${client !== undefined || hasNat}`,
    `const hasNat = ${hasNat}`,
    ...flowLines(plan, options),
  ]
  const lines = [
    ...firstOf(others, count => `${count} more statements`, OTHERS_MAX).map(
      text => `// Not repeated: ${text}`,
    ),
    ...(left > 0 ? [`// Not repeated: ${left} more flows`] : []),
    ...(hasTraces
      ? [`const traces = fileURLToPath(new URL(${quote(`./${options.traces}`)}, import.meta.url))`]
      : []),
    ...(isPlayed ? constants : []),
    '',
    'export default async function scenario({ lab, signal }) {',
    `  const [${hosts}] = lab.hosts(${hosts.replace(/\w+/g, "'$&'")})`,
    ...links.map(linkText),
    ...(server === undefined ? [] : serverCalls),
    ...(isPlayed ? [`  const played = await prepare({ ${hosts} }, lab)`] : []),
    ...(isPlayed ? [client === undefined ? '  await played()' : '  played().catch(() => {})'] : []),
    ...(client === undefined ? [] : [`  await Promise.all([${clientCalls.join(', ')}])`]),
    '}',
    ...(isPlayed ? ['', skeleton] : []),
  ]
  const imports = [
    ...(hasTraces ? ["import { fileURLToPath } from 'node:url'"] : []),
    ...(isPlayed ? [skeletonImports] : []),
    ...(client === undefined ? [] : [`import clientProgram from ${quote(client)}`]),
    ...(server === undefined ? [] : [`import serverProgram from ${quote(server)}`]),
  ]
  return { imports, text: lines.join('\n') }
}

function linkText({ client, server, hasNat, wire: { ab, ba }, mtu }: PlannedLink): string {
  const textOf = (text: string) => (text.includes(TRACES) ? `\`${text}\`` : quote(text))
  const wire = ab === ba ? textOf(ab) : `{ ab: ${textOf(ab)}, ba: ${textOf(ba)} }`
  const own = [
    ...(ab + ba === '' ? [] : [`wire: ${wire}`]),
    ...(mtu === undefined ? [] : [`mtu: ${mtu}`]),
  ]
  if (!hasNat) {
    return `  await lab.cable(${client}, ${server}${own.length === 0 ? '' : `, { ${own.join(', ')} }`})`
  }
  const router = `await lab.router('router', { nat: 'symmetric', inside: [${client}], outside: ${server} })`
  return ab + ba === '' ? `  ${router}` : `  await (${router}).linkTo(${client}).wire(${wire})`
}

/** Returns the flows as JSON: `["ab",12,120,"GET /xxxxx HTTP/1.1"]`. */
function flowLines({ flows }: LabPlan, { withContent = false }: WriteOptions): string[] {
  const start = Math.min(...flows.map(({ story }) => story.begin))
  const lines = flows.flatMap(({ story, client, server, end }) => {
    const { protocol, messages, begin, last } = story
    const flow = {
      ...{
        protocol,
        at: msOf(begin - start),
        client,
        from: ownPortOf(story),
        server,
        port: story.server.port,
      },
      ...{ closes: protocol === 'tcp' && story.end === 'fin', end },
      ...(end === 'silent' && { silentAfter: msOf(last - begin) + SILENT_MS }),
    }
    const messageLines = messages.map((message, i) => {
      const { way, length, content } = message
      const head = withContent ? Buffer.from(content).toString('latin1') : hiddenLine(content)
      const heads = head === '' ? [] : [head]
      const rest = isLostDatagram(story, message) ? [head, true] : heads
      return `    ${JSON.stringify([way, msOf(pauseBefore(story, i)), length, ...rest])},`
    })
    return [`  { ${JSON.stringify(flow).slice(1, -1)}, "messages": [`, ...messageLines, '  ] },']
  })
  const comment =
    '// Each message has its direction, the pause before it in ms, its bytes, and its first line.'
  return [comment, 'const flows = [', ...lines, ']']
}

/** Returns the first line of a request or reply of HTTP/1 with its texts as `x`; '' for others. */
function hiddenLine(content: Uint8Array): string {
  const [line = ''] = Buffer.from(content).toString('latin1').split('\r\n', 1)
  const [, method = '', path = '', version] = /^([A-Z-]+) (\S+) (HTTP\/1\.[01])$/.exec(line) ?? []
  // A path may have names and tokens in any part. Its separators and lengths remain.
  if (METHODS.includes(method)) return `${method} ${path.replace(/[^/?&=]/g, 'x')} ${version}`
  const [, reply, status = ''] = /^(HTTP\/1\.[01]) (\d{3})( .*)?$/.exec(line) ?? []
  return STATUS_CODES[status] === undefined ? '' : `${reply} ${status}`
}

/** Returns whether a fault loses a datagram, so that the other end must not wait for it. */
function isLostDatagram({ protocol, messages, statements }: FlowStory, message: Message): boolean {
  const number = messages.filter(({ way }) => way === message.way).indexOf(message) + 1
  return statements.some(({ verb, way, packet, time, lasted = Number.POSITIVE_INFINITY }) => {
    if (protocol === 'tcp') return false
    if (verb === 'drop' || verb === 'corrupt') return way === message.way && packet?.n === number
    const isDead = verb === 'silence' || (verb === 'mute' && way === message.way)
    return isDead && message.time >= time && message.time < time + lasted
  })
}

/**
 * Returns how long an end waits before a message, in ns. A reply passes the place of the capture
 * a round trip after the message before it. The time after a fault is not the end's own.
 */
function pauseBefore(
  { protocol, begin, rtt, messages, statements }: FlowStory,
  index: number,
): number {
  const [message, before] = [messages[index] as Message, messages[index - 1]]
  const since = before?.time ?? begin
  // Programs repeat datagrams themselves.
  const between = statements.filter(
    ({ time, verb }) =>
      protocol === 'tcp' && verb !== undefined && time >= since && time < message.time,
  )
  const isReply = before !== undefined && before.way !== message.way
  const ofReply = isReply ? rtt[before.way] : undefined
  const turn = before === undefined ? rtt.ab : ofReply
  return Math.max(
    0,
    Math.min(
      message.time - since - (turn?.median ?? 0),
      ...between.map(({ time }) => time - since),
    ),
  )
}

const msOf = (ns: number) => Math.round(ns / NSEC_PER_MSEC)
