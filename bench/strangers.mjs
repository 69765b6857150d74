/**
 * The attacks of the part `strangers`: what floods a vnet while its TCP and its round trips are measured. Each is two
 * candidates: one whose flood is aimed at the vnet, and `NAME-idle`, whose flood is the same but aimed at a socket of
 * another program that reads nothing. The frames that are measured go through the same kind of vnet in both.
 *
 * The stranger has a network namespace of its own. `lan` has a third port there, which is the stranger's way to the
 * segment. `cable` has nothing there; for `events` the namespace gets an id, by which the vnet sees its events.
 */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { BUILD, vnetProgram } from './candidates.mjs'
import { run } from './processes.mjs'
import { IDLE, STRANGER } from './topology.mjs'

const CONFIG = fileURLToPath(new URL('strangers.yaml', import.meta.url))
const RUN = '/run/vnet'
/** Addresses of strangers.yaml: the gateway, and a host with a web server. The third is the stranger's own. */
const [GATEWAY, WEB, OWN] = ['198.18.64.1', '198.18.64.2', '198.18.127.254/18']
const LOOPBACK = '127.0.0.1'
/** How many connections ask and read the replies, and how many never read. */
const [ASKING, DEAF] = [4, 90]

/** What stderr of the vnet is: a file, or a pipe that nobody reads. */
const TO_FILE = 'exec "$@" 2> "$0"'
const TO_PIPE = 'mkfifo "$0"; exec "$@" 2<> "$0"'

const cable = { command: (_net, ends) => ['cable', ...ends] }
const lan = {
  command: ({ directory, stranger }, ends) => [
    ...['lan', '--negotiation', '0', '--config', CONFIG, '--leases', `${directory}/leases`],
    ...ends,
    `${stranger}/${STRANGER}`,
  ],
  prepare({ stranger }) {
    run('ip', '-n', stranger, 'addr', 'add', OWN, 'dev', STRANGER)
    run('ip', '-n', stranger, 'link', 'set', STRANGER, 'up')
  },
}

/** `flood` is where the flood goes when it is aimed at the vnet, and `idle` where it goes otherwise (traffic/flood.c). */
const onSegment = (mode, rate) => ({ ...lan, flood: () => [mode, STRANGER, rate], idle: () => [mode, IDLE, rate] })
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
  dhcp: onSegment('dhcp', 5_000),
  log: onSegment('log', 20_000),
  'log-pipe': { ...onSegment('log', 20_000), stderr: TO_PIPE },
  'udp-echo': onSegment('udp-echo', 1_000),
  tcp: toHost('tcp', WEB, 1_000),
  dns: toHost('dns', GATEWAY, 5_000),
  events: {
    ...cable,
    prepare: ({ stranger }, idle) => idle || run('ip', 'netns', 'set', stranger, 'auto'),
    flood: () => ['events', IDLE],
    idle: () => ['events', IDLE],
  },
}

/** Every attack, each followed by what it is compared with. */
export function strangers() {
  return Object.fromEntries(
    Object.entries(ATTACKS).flatMap(([base, attack]) => {
      const like = `${base}-idle`
      return [
        [base, candidate(base, attack, like, false)],
        [like, candidate(base, attack, like, true)],
      ]
    }),
  )
}

function candidate(base, { command, prepare, stderr = TO_FILE, ...attack }, like, idle) {
  return {
    base,
    like,
    ours: true,
    command(net) {
      const ends = net.pairs.flatMap(({ a, b }) => [a, b].map(({ ns, name }) => `${ns}/${name}`))
      return ['sh', '-c', stderr, `${net.directory}/stderr`, ...vnetProgram(command(net, ends))]
    },
    stranger: {
      prepare: net => prepare?.(net, idle),
      /** The command line of another program, which the flood may be aimed at; it runs in either case. */
      bystander: net => [`${BUILD}/flood`, 'idle', idleSocket(net), IDLE],
      flood: (net, child) => [`${BUILD}/flood`, ...attack[idle ? 'idle' : 'flood'](net, child)],
    },
  }
}

const idleSocket = ({ directory }) => `${directory}/idle.sock`

/** Where a vnet takes requests: a Unix socket that has its pid in its name. */
function controlSocket(pid) {
  const name = readdirSync(RUN).find(other => other.startsWith(`${pid}-`) && other.endsWith('.sock'))
  if (name === undefined) throw new Error(`${RUN} has no socket of the vnet with pid ${pid}`)
  return `${RUN}/${name}`
}
