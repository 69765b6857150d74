/**
 * A stand-in for the Internet: a machine, where an ordinary user runs commands, and a server that
 * it reaches by its default route.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { asUser, ended, type Machine, TREE } from '#support/ordinary-user.ts'
import { NOBODY } from '#support/privileges.ts'

const SERVER = fileURLToPath(new URL('./stand-in.mjs', import.meta.url))
export const SERVER_ADDRESS = '192.0.2.80'
export const MACHINE_ADDRESS = '192.0.2.1'

/** The user's DNS server, and a directory in which no vnet of another test is found. */
const setUp = (directory: string, site?: string) => `
  echo nameserver ${SERVER_ADDRESS} > /run/resolv.conf && mount --bind /run/resolv.conf /etc/resolv.conf
  ${site === undefined ? '' : `mount --bind ${join(site, 'ca.pem')} /etc/ssl/certs/ca-certificates.crt`}
  chmod 700 ${directory} && chown ${NOBODY} ${directory}
  export HOME=/ XDG_RUNTIME_DIR=${directory}`

/** The name that the server's certificate has. */
export const NAME = 'example.test'

const NEW_KEY = [
  'req',
  '-x509',
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-256',
  '-nodes',
  '-days',
  '2',
]

/** Makes an authority, ca.pem, and the server's certificate by it, in a directory. */
export function certify(directory: string): void {
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  openssl(...NEW_KEY, '-subj', '/CN=Authority of a test', '-keyout', 'ca.key', '-out', 'ca.pem')
  const names = ['-subj', `/CN=${NAME}`, '-addext', `subjectAltName=DNS:${NAME}`]
  const use = [
    '-addext',
    'basicConstraints=critical,CA:FALSE',
    '-addext',
    'extendedKeyUsage=serverAuth',
  ]
  const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key']
  openssl(...NEW_KEY, ...names, ...use, ...by, '-keyout', 'key.pem', '-out', 'cert.pem')
}

/**
 * `site` is a directory that each test makes empty: then the server has HTTPS and more, and the
 * machine trusts its authority.
 */
export function standInInternet(site?: string) {
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
    for (const { ip } of [machine, server]) {
      ip('link show dev up0')
    }
    machine.ip(
      `route add default via ${SERVER_ADDRESS}`,
      '-6 route add default via 2001:db8:ffff::80',
    )
    machine.exec('sysctl -qw net.ipv4.ping_group_range=0\t2147483647')
    if (site !== undefined) {
      certify(site)
    }
    const { stdout } = server.spawn([
      process.execPath,
      SERVER,
      ...(site === undefined ? [] : [site]),
    ])
    await new Promise(resolve => stdout.once('data', resolve))
  })
  /** The words that run a command of vnet as the user there; to be followed by arguments. */
  const vnet = (command: string, { before = '', ...options }: Machine = {}): string[] => {
    const words = asUser({ ...options, before: `${setUp(directory, site)}\n${before}` })
    return [
      'ip',
      'netns',
      'exec',
      machine.name,
      ...words,
      process.execPath,
      `${TREE}/dist/vnet.js`,
      command,
    ]
  }
  /** Runs `vnet run ARGS` to its end. */
  const run = (...args: readonly string[]) => ended([...vnet('run'), ...args])
  return { machine, server, directory, vnet, run }
}
