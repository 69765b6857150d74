/**
 * What is compared: kernel veth, the C baseline and vnet. A candidate is a command that makes both interfaces, prints a
 * line `ready` and runs until SIGTERM; the bench itself sets addresses and neighbours. `like` names the C baseline with
 * the same features, to which the ratios refer. veth has no command: the kernel does the work.
 */
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Where `make` puts the C programs. */
export const BUILD = `${root}build/bench`

const vnet =
  (kase, options) =>
  ({ a, b }) => [
    process.execPath,
    `${root}dist/vnet.js`,
    kase,
    `${a.ns}/${a.name}`,
    `${b.ns}/${b.name}`,
    '-q',
    ...options,
  ]

const baseline =
  (program, options) =>
  ({ a, b }) => [`${BUILD}/${program}`, `${a.ns}:${a.name}`, `${b.ns}:${b.name}`, ...options]

/** The candidates of each case, by name; `command` takes a Topology and gives a command line. */
export const CANDIDATES = {
  cable: {
    veth: {},
    relay: { like: 'relay', command: baseline('relay', []) },
    'relay-offload': { like: 'relay-offload', command: baseline('relay', ['--offload']) },
    'vnet-no-offload': { like: 'relay', command: vnet('cable', ['--no-offload']) },
    vnet: { like: 'relay-offload', command: vnet('cable', []) },
  },
  snull: {
    veth: {},
    snull: { like: 'snull', command: baseline('snull', []) },
    'snull-offload': { like: 'snull-offload', command: baseline('snull', ['--offload']) },
    'vnet-no-offload': { like: 'snull', command: vnet('snull', ['--no-address', '--no-offload']) },
    vnet: { like: 'snull-offload', command: vnet('snull', ['--no-address']) },
  },
}
