/** `vnet run` in containers of Podman that an ordinary user runs. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { type Netns, OwnNetns, outcome } from '#support/netns.ts'
import { PODMAN_CONF } from '#support/podman-conf.ts'
import { MACHINE_ADDRESS, SERVER_ADDRESS } from '../support/internet.ts'
import { COMMAND, makeRunImage, mountsOf, TREE } from '../support/run-image.ts'

const SERVER = fileURLToPath(new URL('../support/stand-in.mjs', import.meta.url))
const USER = 4001
const own = new OwnNetns()
const directory = fileDirectory()
let netns: Netns
let image: Awaited<ReturnType<typeof makeRunImage>>

/** The user's machine: a user with further ids, its directories, and /dev/net/tun for everybody. */
const MACHINE = `
  mount --make-rshared /; mount -t tmpfs none /run; mkdir -p /run/tree /run/over/upper /run/over/work /run/home /run/user/${USER}
  chown ${USER}:${USER} /run/home /run/user/${USER}
  mount -t overlay -o lowerdir=/etc,upperdir=/run/over/upper,workdir=/run/over/work overlay /etc
  echo tester:x:${USER}:${USER}::/run/home:/bin/sh >> /etc/passwd; echo tester:x:${USER}: >> /etc/group
  for file in subuid subgid; do echo tester:300000:65536 > /etc/$file; done
  rm -f /etc/resolv.conf; echo nameserver ${SERVER_ADDRESS} > /etc/resolv.conf
  mount --bind "$1" /dev/net/tun; mount --bind "$2" /run/tree; shift 2
  cat > /run/containers.conf <<END
${PODMAN_CONF}END
  printf '[storage]\\ndriver = "vfs"\\n' > /run/storage.conf
  export HOME=/run/home XDG_RUNTIME_DIR=/run/user/${USER} PATH=/usr/sbin:/usr/bin:/sbin:/bin
  export CONTAINERS_CONF=/run/containers.conf CONTAINERS_STORAGE_CONF=/run/storage.conf
  cd / && exec setpriv --reuid=${USER} --regid=${USER} --clear-groups --inh-caps=-all sh -ec "$@"`

beforeAll(async () => {
  netns = own.add()
  image = await makeRunImage(directory)
  const server = own.add()
  netns.ip(
    'link set lo up',
    `link add up0 type veth peer name up0 netns ${server.name}`,
    `address add ${MACHINE_ADDRESS}/24 dev up0`,
    'link set up0 up',
  )
  server.ip(`address add ${SERVER_ADDRESS}/24 dev up0`, 'link set up0 up')
  netns.ip(`route add default via ${SERVER_ADDRESS}`)
  netns.exec('sysctl -qw net.ipv4.ping_group_range=0\t2147483647')
  const { stdout } = server.spawn([process.execPath, SERVER])
  await new Promise(resolve => stdout.once('data', resolve))
})
afterAll(() => own.remove())

/** Runs the command in a container. The machine, with Podman's files, ends with it. */
function run(...options: readonly string[]) {
  const script =
    'podman import -q "$1" localhost/image >/dev/null; shift; exec podman run --rm "$@"'
  // nsenter(1), because `ip netns exec` mounts another /sys, without the cgroups.
  const machine = [
    `--net=/run/netns/${netns.name}`,
    'unshare',
    '-m',
    'sh',
    '-ec',
    MACHINE,
    'sh',
    image.tun,
    TREE,
  ]
  const podman = [
    script,
    'sh',
    image.archive,
    ...options,
    ...mountsOf('/run/tree'),
    'localhost/image',
    ...COMMAND,
  ]
  return outcome(spawn('nsenter', [...machine, ...podman], { stdio: 'pipe' }))
}

const DEVICE = ['--device', '/dev/net/tun']
const UNMASKED = [...DEVICE, '--security-opt', 'unmask=ALL']

/** Lets programs ping without CAP_NET_RAW. */
const PING = ['--sysctl', 'net.ipv4.ping_group_range=0 0']

test.each([
  [0, [...UNMASKED, ...PING]],
  [1000, [...UNMASKED, ...PING]],
  [1000, [...UNMASKED, ...PING, '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges']],
  [0, [...UNMASKED, '--network', 'host']],
])('user %i reaches the network past a wire with %j', async (user, options) => {
  const { status, stdout, stderr } = await run('--user', `${user}`, ...options)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatch(new RegExp(`^${user}\n1\n(::ffff:${MACHINE_ADDRESS}\n){2}$`))
})

test.each([
  [0, [], /\/dev\/net\/tun: .*; in a container, start it with --device \/dev\/net\/tun/],
  [1000, [], /\/dev\/net\/tun: .*; in a container, start it with --device \/dev\/net\/tun/],
  [0, DEVICE, /\/proc\/sys is read-only: .*podman run --security-opt unmask=ALL/],
  [1000, DEVICE, /\/proc\/sys is read-only: .*podman run --security-opt unmask=ALL/],
  [
    0,
    [...DEVICE, '--security-opt', 'unmask=/proc/sys'],
    /mount \/proc .*podman run --security-opt unmask=ALL/,
  ],
  [
    0,
    [...UNMASKED, '--cap-drop', 'ALL'],
    /CAP_SETFCAP: docker run --cap-add SETFCAP, or --user 1000/,
  ],
])('user %i gets one line about what is missing with %j', async (user, options, line) => {
  const { status, stdout, stderr } = await run('--user', `${user}`, ...options)
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(line),
  })
  expect(stderr).toMatch(/^vnet: .*\n$/)
})
