/**
 * The candidates. A candidate is a command that makes the interfaces of a Topology, prints a line
 * `ready` and runs until SIGTERM. The benchmark sets addresses and neighbours.
 *
 *   command(topology)  its command line; absent for veth, where the kernel does the work
 *   like               the C baseline with the same features, to which the ratios refer
 *   base               its name for `--candidates`: `vnet` for `vnet/4`, which has four cables
 *   ours               true for vnet: its results decide the exit code of `--compare`
 *   peer               the npm package it needs (peers.mjs); left out if it cannot be installed
 *   asked(topology)    the directory of its control socket
 *   exec(topology)     the command prefix for programs with private ioctls that it handles
 *   attaches           true if it attaches to a kernel veth, made before it starts
 *   bare               true if it makes no interfaces
 *   prepare(topology)  called when it is ready
 *   hosts              ranges of addresses that reply to ARP, as first address and count
 *   metrics            the metrics it has, if not all of its case
 *   askedUs            the delay that its wire was asked for, in microseconds
 *   rate               the rate of its wire in bit/s
 *   leaves(topology)   the directory that it leaves, to be removed
 *   slow               true if a round trip takes seconds: its bytes are not compared
 *   page               the port of its live page, if the step `watched` has a viewer look at it
 *   stranger           the attack that floods it during the measurement (strangers.mjs)
 */
import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { request, socketOf } from './node.mjs'
import { PEERS } from './peers.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The directory of the C programs that `make` builds. */
export const BUILD = `${root}build/bench`

/** The directory of the control sockets of root's vnets. */
export const RUN = '/run/vnet'

/** The program to measure; another build's, if the environment names it. */
const PROGRAM = process.env.VNET_BENCH_PROGRAM ?? `${root}dist/vnet.js`

/**
 * Returns the command line of vnet with these arguments. V8's trace reports the time of each
 * garbage collection.
 */
export const vnetProgram = words => [process.execPath, '--trace-gc', PROGRAM, ...words]
/**
 * Returns the command line that runs a command, and a server of vnet as its child: its CPU time
 * and memory count, and it ends with the command.
 */
export const withServer = (server, words) => {
  const beside = `setpriv --pdeathsig TERM ${vnetProgram(server).join(' ')} > /dev/null & exec "$@"`
  return ['sh', '-c', beside, 'sh', ...words]
}
const program = (command, options) => vnetProgram([command, '-q', ...options])
/** Returns the command line that runs vnet in a namespace, as a user would run it. */
const inside = ({ ns }) => ['nsenter', `--net=/run/netns/${ns}`]
const ends = (net, separator) =>
  net.pairs.flatMap(({ a, b }) => [a, b].map(({ ns, name }) => ns + separator + name))
const baseline = (name, options) => net => [`${BUILD}/${name}`, ...ends(net, ':'), ...options]

/** The C relay with offloads. */
export const relay = baseline('relay', ['--offload'])

const vnetCable = options => net => [...program('cable', options), ...ends(net, '/')]
/** Returns the command line for any number of cables: the driver file cables.mjs. */
const vnetCables = options => net => [
  ...program(`${root}bench/cables.mjs`, options),
  ...ends(net, '/'),
]
const vnetSnull =
  options =>
  ({ a, b }) => [...inside(a), ...program('snull', ['--no-address', ...options]), a.name, b.name]
const vnetLoop =
  options =>
  ({ a }) => [...inside(a), ...program('loop', ['--no-address', '--name', a.name, ...options])]

const OFF = ['--no-offload']
const ON = ['--offload']
const vnet = (command, like) => ({ ours: true, command, like })
const c = (command, like) => ({ command, like })

/**
 * Returns candidates that are vnet with further options, by name: `{ busy: ['--busy-poll', '50us']
 * }`. They are compared with the same C program as vnet.
 */
function variants(asked, command, like, options = []) {
  return Object.entries(asked).map(([name, more]) => [
    name,
    vnet(command([...options, ...more]), like),
  ])
}

export function cable(asked = {}) {
  const peers = PEERS.map(peer => [
    peer.name,
    { like: 'relay', peer, command: net => peer.command(net.pairs[0]) },
  ])
  return Object.fromEntries([
    ['veth', {}],
    ['relay', c(baseline('relay', []), 'relay')],
    ['relay-offload', c(baseline('relay', ON), 'relay-offload')],
    ...peers,
    ['vnet-no-offload', vnet(vnetCable(OFF), 'relay')],
    ['vnet', vnet(vnetCable([]), 'relay-offload')],
    ...variants(asked, vnetCable, 'relay-offload'),
  ])
}

/** The candidates of the figures that README.md quotes; `vnet-gro` merges datagrams. */
export function cableLong() {
  return {
    veth: {},
    'relay-offload': c(baseline('relay', ON), 'relay-offload'),
    vnet: vnet(vnetCable([]), 'relay-offload'),
    'vnet-gro': vnet(vnetCable(['--gro']), 'relay-offload'),
  }
}

export function snullLong() {
  return {
    'snull-offload': c(baseline('snull', ON), 'snull-offload'),
    vnet: vnet(vnetSnull([]), 'snull-offload'),
  }
}

/**
 * A wire without stages on one end of a kernel veth, beside a plain veth and a cable: for all
 * frames (`attach`), the traffic alone (`only`), or other frames (`aside`). `veth-again` shows
 * how much two plain veths differ.
 */
export function attach(asked = {}) {
  const vnetAttach = options => net => [...program('attach', options), `${net.a.ns}/${net.a.name}`]
  const filters = { only: ['--only', 'tcp or udp'], aside: ['--only', 'tcp port 9 or udp port 9'] }
  const ours = [
    ['attach', vnet(vnetAttach([]), 'cable')],
    ...variants({ ...filters, ...asked }, vnetAttach, 'cable'),
  ]
  return Object.fromEntries([
    ['veth', {}],
    ['veth-again', {}],
    ['cable', vnet(vnetCable([]), 'cable')],
    ...ours.map(([name, candidate]) => [name, { ...candidate, attaches: true }]),
  ])
}

/** Returns the command line of a `vnet node` with a socket of its own. */
export function daemon(ns, socket) {
  return ['env', `VNET_NODE_SOCKET=${socket}`, ...inside({ ns }), ...program('node', [])]
}

/**
 * Two attachments of one daemon, without stages and with a delay of 500 us each, and the same
 * kernel veths without it.
 */
export function attachments() {
  const floods = ['bcast', 'gso100'].flatMap(step => [
    `${step}_p50`,
    `${step}_p99`,
    `${step}_flood`,
  ])
  const attached = {
    ...vnet(net => daemon(net.a.ns, socketOf(net))),
    pairs: 2,
    attaches: true,
    bare: true,
  }
  const prepare = wire => net =>
    request(
      socketOf(net),
      'attach',
      net.pairs.map(({ a }) => a.name),
      wire,
    )
  return {
    veth: { pairs: 2, metrics: ['near_p50', 'near_p99', 'flood', ...floods] },
    vnet: { ...attached, prepare: prepare() },
    delayed: { ...attached, prepare: prepare('delay 500us'), metrics: floods },
  }
}

/** Programs that join two TAPs themselves: the library `vnet/tap`, npm packages and C. */
export function tap(asked = {}) {
  const { relay, 'relay-offload': relayOffload, vnet: vnetOffload, ...others } = cable(asked)
  const peers = Object.entries(others).filter(([, { peer }]) => peer !== undefined)
  // V8's trace reports the time of each garbage collection.
  const library = options => net => [
    process.execPath,
    '--trace-gc',
    `${root}bench/tap-relay.mjs`,
    ...options,
    ...ends(net, '/'),
  ]
  return Object.fromEntries([
    ['relay', relay],
    ['relay-offload', relayOffload],
    ...peers,
    ['open-tap-no-offload', vnet(library([]), 'relay')],
    ['open-tap', vnet(library(ON), 'relay-offload')],
    ['open-tap-loop', vnet(library([...ON, '--loop']), 'relay-offload')],
    ['vnet', vnetOffload],
    ...variants(asked, vnetCable, 'relay-offload'),
  ])
}

/** A program that opens and closes interfaces of `vnet/tap` all the time. */
export function open() {
  const command = ({ a, b }) => [...inside(a), process.execPath, `${root}bench/tap-stall.mjs`, b.ns]
  return { vnet: { ours: true, command, bare: true } }
}

export function snull(asked = {}) {
  return Object.fromEntries([
    ['veth', {}],
    ['snull', c(baseline('snull', []), 'snull')],
    ['snull-offload', c(baseline('snull', ON), 'snull-offload')],
    ['vnet-no-offload', vnet(vnetSnull(OFF), 'snull')],
    ['vnet', vnet(vnetSnull([]), 'snull-offload')],
    ...variants(asked, vnetSnull, 'snull-offload'),
  ])
}

export function loop(asked = {}) {
  const one = ['--txqs', '1', '--rxqs', '1']
  return Object.fromEntries([
    ['vnet-1-queue', vnet(vnetLoop(one))],
    ['vnet', vnet(vnetLoop([]))],
    ...variants(asked, vnetLoop),
  ])
}

/**
 * A cable with offloads at one end only. Frames for the other end are segmented; frames from it are
 * merged with --gro.
 */
export function oneEnd(asked = {}) {
  const off = end => net => [`--no-offload=${net[end].name}`]
  const one = (end, more = []) => vnet(net => vnetCable([...off(end)(net), ...more])(net), 'relay')
  return Object.fromEntries([
    ['relay', c(baseline('relay', []), 'relay')],
    ['relay-offload', c(baseline('relay', ON), 'relay-offload')],
    ['vnet-sender-off', one('a')],
    ['vnet-sender-off-gro', one('a', ['--gro'])],
    ['vnet-receiver-off', one('b')],
    ...variants(asked, vnetCable, 'relay-offload'),
  ])
}

/** A cable with a thread that polls for the next frame before it sleeps. */
export function busy(asked = {}) {
  return Object.fromEntries([
    ['relay-offload', c(baseline('relay', ON), 'relay-offload')],
    ['vnet', vnet(vnetCable([]), 'relay-offload')],
    ['vnet-busy', vnet(vnetCable(['--busy-poll', '50us']), 'relay-offload')],
    ...variants(asked, vnetCable, 'relay-offload'),
  ])
}

/**
 * Returns candidates for each of `sizes`, named as `vnet/4`. `build(size)` returns one size's.
 */
function scaled(sizes, build) {
  return Object.fromEntries(
    sizes.flatMap(size =>
      Object.entries(build(size)).map(([base, candidate]) => {
        const like = candidate.like && `${candidate.like}/${size}`
        return [`${base}/${size}`, { ...candidate, base, size, like }]
      }),
    ),
  )
}

/** `size` cables in one process. */
export function cables(asked = {}) {
  return scaled([1, 2, 4, 8], pairs =>
    Object.fromEntries([
      ['veth', { pairs }],
      ['relay-offload', { ...c(baseline('relay', ON), 'relay-offload'), pairs }],
      ['vnet', { ...vnet(vnetCables([]), 'relay-offload'), pairs }],
      ...variants(asked, vnetCables, 'relay-offload').map(([name, candidate]) => [
        name,
        { ...candidate, pairs },
      ]),
    ]),
  )
}

/** One cable with `size` queues. The C program has a thread for each. */
export function queues(asked = {}) {
  return scaled([1, 2, 4], n => {
    const queued = ['--txqs', String(n), '--rxqs', String(n)]
    return Object.fromEntries([
      ['relay-offload', c(baseline('relay', [...ON, '--queues', String(n)]), 'relay-offload')],
      ['vnet', vnet(vnetCable(queued), 'relay-offload')],
      ...variants(asked, vnetCable, 'relay-offload', queued),
    ])
  })
}

/** The peers of programs: for echoes on a Unix socket, and for private ioctls under supervision. */
export function control(more = {}) {
  const exec = () => [process.execPath, `${root}dist/vnet.js`, 'exec', '--']
  const server = {
    ...c(({ a, directory }) => [...inside(a), `${BUILD}/control`, 'serve', directory], 'control'),
    asked: ({ directory }) => directory,
    exec: ({ a }) => [`${BUILD}/control`, 'supervise', a.name],
    bare: true,
  }
  const ours = [['vnet', vnet(vnetSnull([]), 'control')], ...variants(more, vnetSnull, 'control')]
  const asked = () => RUN
  return {
    control: server,
    ...Object.fromEntries(ours.map(([name, candidate]) => [name, { ...candidate, asked, exec }])),
  }
}

/**
 * The addresses between the gateway and the DHCP pool, and those after the pool
 * (packages/lan/docs/lan.md).
 */
const hostsOf = n => [
  ['198.18.0.2', Math.min(n, 98)],
  ['198.18.0.200', Math.max(n - 98, 0)],
]

/**
 * A segment with many hosts, and one with a single host. The difference is the cost of the hosts.
 */
export function lan(asked = {}) {
  return scaled([1, 10_000], n => {
    const options = ['--negotiation', '0', '--network', '198.18.0.0/16', '--hosts', String(n)]
    const vnetLan =
      more =>
      ({ a }) => [...inside(a), ...program('lan', more), a.name]
    const ours = [['vnet', vnet(vnetLan(options))], ...variants(asked, vnetLan, undefined, options)]
    return Object.fromEntries(
      ours.map(([name, candidate]) => [name, { ...candidate, hosts: hostsOf(n) }]),
    )
  })
}

/** Two cables in one process, one of them flooded. All candidates have offloads on. */
export function neighbour(asked = {}) {
  const two = Object.entries({
    veth: {},
    'relay-offload': c(baseline('relay', ON), 'relay-offload'),
    vnet: vnet(vnetCables([]), 'relay-offload'),
    ...Object.fromEntries(variants(asked, vnetCables, 'relay-offload')),
  })
  return Object.fromEntries(two.map(([name, candidate]) => [name, { ...candidate, pairs: 2 }]))
}

/** Bytes of each frame that a capture keeps, and the files of the last seconds. */
const CAPTURED = ['--snaplen', '128', '--ring', '2x64MB', '--capture']

/** A cable without a capture, and one with frames recorded at both ends. */
export function capture(asked = {}) {
  const directory = net => `${tmpdir()}/${net.a.ns}`
  const captured = net => {
    mkdirSync(directory(net), { recursive: true })
    return vnetCable([...CAPTURED, `${directory(net)}/bench.pcapng`])(net)
  }
  return Object.fromEntries([
    ['plain', vnet(vnetCable([]), 'plain')],
    ['captured', { ...vnet(captured, 'plain'), leaves: directory }],
    ...variants(asked, vnetCable, 'plain'),
  ])
}

/** The user id 'nobody'. */
const NOBODY = '65534'
/** Makes a default route, and runs a command as a user with a TUN device and this clone. */
const USER = `
  ip address add 192.0.2.1/24 dev "$1"
  ip route add default via 192.0.2.2
  mount -t tmpfs none /run
  mknod -m 666 /run/tun c 10 200 && mount --bind /run/tun /dev/net/tun
  mkdir /run/tree && mount --bind '${root}' /run/tree
  shift
  cd / && exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups --inh-caps=-all "$@"`

/** Commands of `vnet run` that print `ready`: with the machine's network, and without. */
export function run() {
  const command = ['--quiet', '--', 'sh', '-c', 'echo ready; exec sleep infinity']
  const vnetRun = options => ({
    ...vnet(net => [
      ...[...inside(net.a), 'unshare', '-m', 'sh', '-ec', USER, 'sh', net.a.name],
      ...[process.execPath, '/run/tree/dist/vnet.js', 'run', ...options, ...command],
    ]),
    attaches: true,
  })
  return { vnet: vnetRun([]), 'no-internet': vnetRun(['--no-internet']) }
}

/** The port of the live page, on the loopback interface of this namespace. */
const PAGE = 18_080

/** A cable without a page, one with a page without viewers, and one with a viewer. */
export function web(asked = {}) {
  const withPage = vnet(net => withServer(['web', `${PAGE}`], vnetCable([])(net)), 'plain')
  return Object.fromEntries([
    ['plain', vnet(vnetCable([]), 'plain')],
    ['unwatched', withPage],
    ['watched', { ...withPage, page: PAGE }],
    ...variants(asked, vnetCable, 'plain'),
  ])
}

const MILLISECOND = 1000
const TCP = ['tcp', 'cpu_gb']
const DELAY = ['owd50', 'owd200'].flatMap(step =>
  ['p50', 'p99', 'max', 'loss'].map(part => `${step}_${part}`),
)
const RATE = ['rate_share', 'rate_cpu']
const HELD = ['held_loss']

/**
 * Wires, each with the metrics that it is made for. `plain` is a cable without a wire. The C
 * program carries whatever its kernel hands over: whole frames with offloads, packets without.
 */
export function wire(asked = {}) {
  const words = text => ['--wire', text]
  const ours = (text, like, metrics, more = {}) => ({
    ...vnet(vnetCable(words(text)), like),
    metrics,
    ...more,
  })
  const delayed = (ms, options, name, metrics, more = {}) => ({
    ...c(net => [...baseline('delay', options)(net), String(ms * MILLISECOND)], name),
    metrics,
    ...more,
  })
  const ten = { askedUs: 10 * MILLISECOND }
  const [many, packets, most] = ['100000', '10000', '200000'].map(n => ['--limit', n])
  return Object.fromEntries([
    ['plain', { ...vnet(vnetCable([])), metrics: [...TCP, ...DELAY], askedUs: 0 }],
    ['c-delay', delayed(10, [...ON, ...many], 'c-delay', DELAY, ten)],
    ['delay', ours('delay 10ms limit 100000', 'c-delay', DELAY, ten)],
    ...variants(asked, vnetCable, 'c-delay', words('delay 10ms limit 100000')).map(
      ([name, candidate]) => {
        return [name, { ...candidate, metrics: DELAY, ...ten }]
      },
    ),
    ['c-whole', delayed(1, [...ON, ...packets], 'c-whole', TCP)],
    ['whole', ours('delay 1ms', 'c-whole', TCP)],
    ['c-packets', delayed(1, packets, 'c-packets', TCP)],
    ['packets', ours('delay 1ms limit 10000', 'c-packets', TCP)],
    ['loss', ours('loss 0.01%', undefined, TCP)],
    ['rate100m', ours('rate 100mbit', undefined, RATE, { rate: 100e6 })],
    ['rate1g', ours('rate 1gbit', undefined, RATE, { rate: 1e9 })],
    ['c-held', delayed(1000, [...ON, ...most], 'c-held', HELD, { slow: true })],
    ['held', ours('delay 1s limit 200000', 'c-held', HELD, { slow: true })],
  ])
}
