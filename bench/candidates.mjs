/**
 * What is compared. A candidate is a command that makes the interfaces of a Topology, prints a line `ready` and runs until
 * SIGTERM; the bench itself sets addresses and neighbours.
 *
 *   command(topology)  its command line; absent for veth, where the kernel does the work
 *   like               the C baseline with the same features, to which the ratios refer
 *   base               what `--candidates` calls it: `vnet` for `vnet/4`, which is vnet with four cables or queues
 *   ours               whether it is vnet, for which `--compare` answers
 *   peer               the npm package it needs (peers.mjs); it is left out when it cannot be had
 *   asked(topology)    the directory that has its control socket
 *   exec(topology)     for what is asked and carries no frames: the words that run a program which asks it by private ioctls
 *   bare               it makes no interfaces
 *   hosts              ranges of addresses that answer ARP, each the first and how many
 *   stranger           who floods it while it is measured (strangers.mjs)
 */
import { fileURLToPath } from 'node:url'
import { PEERS } from './peers.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Where `make` puts the C programs. */
export const BUILD = `${root}build/bench`

/** Where the control sockets of root's vnets are. */
export const RUN = '/run/vnet'

/** vnet with these arguments. V8's own trace says of each garbage collection how long it took. */
export const vnetProgram = words => [process.execPath, '--trace-gc', `${root}dist/vnet.js`, ...words]
const program = (command, options) => vnetProgram([command, '-q', ...options])
/** The words that run vnet as a user of that namespace would. */
const inside = ({ ns }) => ['nsenter', `--net=/run/netns/${ns}`]
const ends = (net, separator) => net.pairs.flatMap(({ a, b }) => [a, b].map(({ ns, name }) => ns + separator + name))
const baseline = (name, options) => net => [`${BUILD}/${name}`, ...ends(net, ':'), ...options]

const vnetCable = options => net => [...program('cable', options), ...ends(net, '/')]
/** Several of them, or one in the same way: the driver file cables.mjs. */
const vnetCables = options => net => [...program(`${root}bench/cables.mjs`, options), ...ends(net, '/')]
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

/** vnet with other options than usual, by name: `{ busy: ['--busy-poll', '50us'] }`; compared with C as vnet itself. */
function variants(asked, command, like, options = []) {
  return Object.entries(asked).map(([name, more]) => [name, vnet(command([...options, ...more]), like)])
}

export function cable(asked = {}) {
  const peers = PEERS.map(peer => [peer.name, { like: 'relay', peer, command: net => peer.command(net.pairs[0]) }])
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

/** A cable with offloads at one end only: the frames of the other end are merged if asked (--gro), those for it are cut. */
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

/** A cable whose thread looks for the next frame before it sleeps. */
export function busy(asked = {}) {
  return Object.fromEntries([
    ['relay-offload', c(baseline('relay', ON), 'relay-offload')],
    ['vnet', vnet(vnetCable([]), 'relay-offload')],
    ['vnet-busy', vnet(vnetCable(['--busy-poll', '50us']), 'relay-offload')],
    ...variants(asked, vnetCable, 'relay-offload'),
  ])
}

/** The same candidates once for each of `sizes`, as `vnet/4`. `build(size)` makes those of one size. */
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

/** So many cables in one process. */
export function cables(asked = {}) {
  return scaled([1, 2, 4, 8], pairs =>
    Object.fromEntries([
      ['veth', { pairs }],
      ['relay-offload', { ...c(baseline('relay', ON), 'relay-offload'), pairs }],
      ['vnet', { ...vnet(vnetCables([]), 'relay-offload'), pairs }],
      ...variants(asked, vnetCables, 'relay-offload').map(([name, candidate]) => [name, { ...candidate, pairs }]),
    ]),
  )
}

/** One cable of so many queues; C has a thread for each. */
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

/** What answers programs: their echoes on a Unix socket, and their private ioctls under supervision. */
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

/** Behind the gateway and before the pool for DHCP, and behind that (docs/lan.md). */
const hostsOf = n => [
  ['198.18.0.2', Math.min(n, 98)],
  ['198.18.0.200', Math.max(n - 98, 0)],
]

/** A segment of so many hosts: what one with a single host takes is not theirs. */
export function lan(asked = {}) {
  return scaled([1, 10_000], n => {
    const options = ['--negotiation', '0', '--network', '198.18.0.0/16', '--hosts', String(n)]
    const vnetLan =
      more =>
      ({ a }) => [...inside(a), ...program('lan', more), a.name]
    const ours = [['vnet', vnet(vnetLan(options))], ...variants(asked, vnetLan, undefined, options)]
    return Object.fromEntries(ours.map(([name, candidate]) => [name, { ...candidate, hosts: hostsOf(n) }]))
  })
}

/** Two cables in one process, one of them flooded; with offloads, as everybody has them. */
export function neighbour(asked = {}) {
  const two = Object.entries({
    veth: {},
    'relay-offload': c(baseline('relay', ON), 'relay-offload'),
    vnet: vnet(vnetCables([]), 'relay-offload'),
    ...Object.fromEntries(variants(asked, vnetCables, 'relay-offload')),
  })
  return Object.fromEntries(two.map(([name, candidate]) => [name, { ...candidate, pairs: 2 }]))
}
