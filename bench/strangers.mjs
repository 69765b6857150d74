/**
 * The attacks of the part `strangers`: what floods a vnet while its TCP and its pings are measured.
 * Each is two candidates: `NAME` with a flood aimed at the vnet, and `NAME-idle` with the same
 * flood aimed at a socket of another program that never reads. The rest is alike in both.
 *
 * The stranger has a network namespace of its own. A `lan` has a third port there; `renames`
 * changes its name in a loop. A `cable` has nothing there; for `events` the namespace gets an id,
 * by which the vnet sees its events.
 */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { BUILD, RUN, relay, vnetProgram, withServer } from './candidates.mjs'
import { run } from './processes.mjs'
import { IDLE, STRANGER } from './topology.mjs'

const CONFIG = fileURLToPath(new URL('strangers.yaml', import.meta.url))
/** The addresses of the gateway and the web server of strangers.yaml, and of the stranger. */
const [GATEWAY, WEB, OWN] = ['198.18.64.1', '198.18.64.2', '198.18.127.254/18']
const LOOPBACK = '127.0.0.1'
/** The TCP ports of the vnet's metrics, and of the other program. */
const [METRICS, HTTP] = [9464, 80]
/** The numbers of connections that read the replies, and of connections that never read. */
const [ASKING, DEAF] = [4, 90]

/** Shell scripts that run a vnet with stderr on a file, or on a pipe that is never read. */
const TO_FILE = 'exec "$@" 2> "$0"'
const TO_PIPE = 'mkfifo "$0"; exec "$@" 2<> "$0"'

const cable = { command: (_net, ends) => ['cable', ...ends] }
const lan = {
  stderr: TO_FILE,
  command: ({ directory, stranger }, ends) => [
    'lan',
    '--negotiation',
    '0',
    '--config',
    CONFIG,
    '--leases',
    `${directory}/leases`,
    ...ends,
    `${stranger}/${STRANGER}`,
  ],
  prepare({ stranger }) {
    run('ip', '-n', stranger, 'addr', 'add', OWN, 'dev', STRANGER)
    run('ip', '-n', stranger, 'link', 'set', STRANGER, 'up')
  },
}

/** Arguments of traffic/flood.c: `flood` aims at the vnet, `idle` at the other program. */
const onSegment = (mode, rate) => ({
  ...lan,
  flood: () => [mode, STRANGER, rate],
  idle: () => [mode, IDLE, rate],
})
const requests = (mode, connections) => ({
  ...cable,
  flood: (_net, child) => [mode, controlSocket(child.pid), connections],
  idle: net => [mode, idleSocket(net), connections],
})
const toHost = (mode, address, rate) => ({
  ...lan,
  flood: () => [mode, address, rate],
  idle: () => [mode, LOOPBACK, rate],
})

const ATTACKS = {
  requests: requests('control', ASKING),
  deaf: requests('deaf', DEAF),
  captures: requests('captures', ASKING),
  metrics: {
    ...cable,
    server: ['metrics', METRICS],
    flood: (_net, child) => ['metrics', `/proc/${child.pid}/ns/net`, METRICS, ASKING],
    idle: () => ['metrics', '/proc/self/ns/net', HTTP, ASKING],
  },
  dhcp: onSegment('dhcp', 5_000),
  log: onSegment('log', 20_000),
  'log-pipe': { ...onSegment('log', 20_000), stderr: TO_PIPE },
  'udp-echo': onSegment('udp-echo', 1_000),
  tcp: toHost('tcp', WEB, 1_000),
  dns: toHost('dns', GATEWAY, 5_000),
  'dns-tcp': toHost('dns-tcp', GATEWAY, 8),
  renames: {
    ...lan,
    prepare: ({ stranger }) => run('ip', '-n', stranger, 'link', 'set', STRANGER, 'down'),
    flood: () => ['renames', STRANGER],
    idle: () => ['renames', IDLE],
  },
  events: {
    ...cable,
    prepare({ stranger }, idle) {
      if (!idle) {
        run('ip', 'netns', 'set', stranger, 'auto')
      }
    },
    flood: () => ['events', IDLE],
    idle: () => ['events', IDLE],
  },
}

/** Each attack, followed by the candidate that it is compared with, then attacks on C programs. */
export function strangers() {
  return Object.fromEntries([
    ...Object.entries(ATTACKS).flatMap(([base, attack]) => {
      const like = `${base}-idle`
      return [
        [base, candidate(base, attack, like, false)],
        [like, candidate(base, attack, like, true)],
      ]
    }),
    ['c-requests', inC('requests', 'control', ASKING)],
    ['c-deaf', inC('deaf', 'deaf', DEAF)],
  ])
}

/** The C relay with a C server beside it, on the same CPU, which is flooded. */
function inC(base, mode, connections) {
  const server = ({ directory }) => `${directory}/c.sock`
  return {
    base,
    like: `${base}-idle`,
    command: net => [
      'sh',
      '-c',
      '"$0" dumps "$1" & shift; exec "$@"',
      `${BUILD}/control`,
      server(net),
      ...relay(net),
    ],
    stranger: {
      prepare() {},
      bystander: net => [`${BUILD}/flood`, 'idle', idleSocket(net), IDLE],
      flood: net => [`${BUILD}/flood`, mode, server(net), connections],
    },
  }
}

function candidate(base, { command, server, prepare, stderr, ...attack }, like, idle) {
  return {
    base,
    like,
    ours: true,
    command(net) {
      const ends = net.pairs.flatMap(({ a, b }) => [a, b].map(({ ns, name }) => `${ns}/${name}`))
      const program = vnetProgram(command(net, ends))
      const words = server === undefined ? program : withServer(server, program)
      return stderr === undefined
        ? words
        : ['sh', '-c', stderr, `${net.directory}/stderr`, ...words]
    },
    stranger: {
      prepare: net => prepare?.(net, idle),
      /** The other program, which runs in either case. */
      bystander: net => [`${BUILD}/flood`, 'idle', idleSocket(net), IDLE],
      flood: (net, child) => [`${BUILD}/flood`, ...attack[idle ? 'idle' : 'flood'](net, child)],
    },
  }
}

const idleSocket = ({ directory }) => `${directory}/idle.sock`

/** The Unix socket on which a vnet takes requests; its name starts with the pid. */
function controlSocket(pid) {
  const name = readdirSync(RUN).find(
    other => other.startsWith(`${pid}-`) && other.endsWith('.sock'),
  )
  if (name === undefined) throw new Error(`${RUN} has no socket of the vnet with pid ${pid}`)
  return `${RUN}/${name}`
}
