/**
 * A stand-in for the Internet: a machine, where an ordinary user runs commands, and a server that
 * it reaches by its default route.
 */
import { fileURLToPath } from 'node:url'
import { beforeEach } from 'vitest'
import { freshNamespaces } from '../../../../test/support/fresh-namespaces.ts'
import { asUser, ended, type Machine, TREE } from '../../../../test/support/ordinary-user.ts'
import { NOBODY } from '../../../../test/support/privileges.ts'

const SERVER = fileURLToPath(new URL('./stand-in.mjs', import.meta.url))
export const SERVER_ADDRESS = '192.0.2.80'
export const MACHINE_ADDRESS = '192.0.2.1'

/** The user's DNS server, and a directory in which no vnet of another test is found. */
const setUp = (directory: string) => `
  echo nameserver ${SERVER_ADDRESS} > /run/resolv.conf && mount --bind /run/resolv.conf /etc/resolv.conf
  chmod 700 ${directory} && chown ${NOBODY} ${directory}
  export HOME=/ XDG_RUNTIME_DIR=${directory}`

export function standInInternet() {
  const { machine, server, directory } = freshNamespaces('machine', 'server')
  beforeEach(async () => {
    machine.ip(
      'link set lo up',
      `link add up0 type veth peer name up0 netns ${server.name}`,
      `address add ${MACHINE_ADDRESS}/24 dev up0`,
      'address add 2001:db8:ffff::1/64 dev up0 nodad',
      'link set up0 up',
    )
    server.ip(
      'link set lo up',
      `address add ${SERVER_ADDRESS}/24 dev up0`,
      'address add 2001:db8:ffff::80/64 dev up0 nodad',
      'link set up0 up',
    )
    // From Linux 6.8 on, this makes the kernel notice the carrier now, and not up to 1 s later:
    // before, an interface loses neighbour solicitations of IPv6.
    for (const { ip } of [machine, server]) ip('link show dev up0')
    machine.ip(`route add default via ${SERVER_ADDRESS}`, '-6 route add default via 2001:db8:ffff::80')
    machine.exec('sysctl -qw net.ipv4.ping_group_range=0\t2147483647')
    const { stdout } = server.spawn([process.execPath, SERVER])
    await new Promise(resolve => stdout.once('data', resolve))
  })
  /** The words that run a command of vnet as the user there; to be followed by arguments. */
  const vnet = (command: string, { before = '', ...options }: Machine = {}): string[] => {
    const words = asUser({ ...options, before: `${setUp(directory)}\n${before}` })
    return ['ip', 'netns', 'exec', machine.name, ...words, process.execPath, `${TREE}/dist/vnet.js`, command]
  }
  /** Runs `vnet run ARGS` to its end. */
  const run = (...args: readonly string[]) => ended([...vnet('run'), ...args])
  return { machine, server, directory, vnet, run }
}
