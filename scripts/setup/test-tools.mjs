/**
 * The programs that the kernel tests measure with, and the library of an example. tcpdump also
 * brings libpcap, which compiles packet filters. Missing ones are installed with apt-get where that
 * is possible. Otherwise one line names them. In CI that is a failure; elsewhere set-up continues,
 * and the tests that start the program are skipped. Another program under one of these names is
 * reported, never replaced, but a busybox with shared libraries.
 */

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { capture, isInstalled, SetupError } from './command.mjs'
import { HEADERS_PACKAGE, kernelHeaders } from './kernel-headers.mjs'

/** What examples/echo.c is built with, by its name for pkg-config. */
const LIBNL = 'libnl-genl-3.0'

/** Each program or library, and its Debian package. */
const packages = {
  ip: 'iproute2',
  tc: 'iproute2',
  genl: 'iproute2',
  ping: 'iputils-ping',
  arping: 'iputils-arping',
  ndisc6: 'ndisc6',
  tcpdump: 'tcpdump',
  tshark: 'tshark',
  capinfos: 'wireshark-common',
  editcap: 'wireshark-common',
  iperf3: 'iperf3',
  ethtool: 'ethtool',
  traceroute: 'traceroute',
  zsh: 'zsh',
  newuidmap: 'uidmap',
  dhclient: 'isc-dhcp-client',
  udhcpc: 'udhcpc',
  dhcpcd: 'dhcpcd-base',
  nmap: 'nmap',
  dig: 'bind9-dnsutils',
  curl: 'curl',
  pasta: 'passt',
  'systemd-analyze': 'systemd',
  'genl-ctrl-list': 'libnl-utils',
  'pkg-config': 'pkg-config',
  [LIBNL]: 'libnl-genl-3-dev',
}

/**
 * Also needed by the long tests: the kernel's headers for examples/to-the-kernel, QEMU for a module
 * of the course and a guest, and a browser for the page of `vnet web`.
 */
const HEADERS = 'kernel headers'
const longPackages = {
  modinfo: 'kmod',
  promtool: 'prometheus',
  chromium: 'chromium',
  openssl: 'openssl',
  'pytest-3': 'python3-pytest',
  'qemu-system-x86_64': 'qemu-system-x86',
  mksquashfs: 'squashfs-tools',
  [HEADERS]: HEADERS_PACKAGE,
}

/** The images of the tests have no shared libraries. */
const BUSYBOX = 'static busybox'

/** The programs of folders of test/ with a run of their own. */
const ownPackages = {
  /** The tests chain vnet after the CNI plugins. */
  containers: {
    dockerd: 'docker.io',
    docker: 'docker.io',
    containerd: 'containerd',
    ctr: 'containerd',
    runc: 'runc',
    [BUSYBOX]: 'busybox-static',
    etcd: 'etcd-server',
    podman: 'podman',
    newuidmap: 'uidmap',
    slirp4netns: 'slirp4netns',
    pasta: 'passt',
    ip: 'iproute2',
    '/usr/lib/cni/bridge': 'containernetworking-plugins',
  },
  labs: {
    'pytest-3': 'python3-pytest',
    go: 'golang-go',
    keepalived: 'keepalived',
    etcd: 'etcd-server',
    etcdctl: 'etcd-client',
    turnserver: 'coturn',
    natpmpc: 'natpmpc',
    upnpc: 'miniupnpc',
    miniupnpd: 'miniupnpd-nftables',
    nft: 'nftables',
    curl: 'curl',
    ping: 'iputils-ping',
    'redis-check-rdb': 'redis-tools',
  },
  browsers: {
    chromium: 'chromium',
    'firefox-esr': 'firefox-esr',
    turnserver: 'coturn',
    curl: 'curl',
    ip: 'iproute2',
  },
  explore: {
    'redis-server': 'redis-server',
    'redis-cli': 'redis-tools',
    'nats-server': 'nats-server',
    pg_createcluster: 'postgresql',
    openssl: 'openssl',
    setpriv: 'util-linux',
    mosquitto: 'mosquitto',
    go: 'golang-go',
    '/usr/bin/python3': 'python3',
    mosquitto_sub: 'mosquitto-clients',
    psql: 'postgresql-client',
    mysql: 'default-mysql-client',
    'amqp-publish': 'amqp-tools',
    '/usr/lib/python3/dist-packages/websockets': 'python3-websockets',
    ruby: 'ruby',
    etcd: 'etcd-server',
    rsync: 'rsync',
    wget: 'wget',
    curl: 'curl',
    perl: 'perl',
    ldapsearch: 'ldap-utils',
    '/usr/lib/rabbitmq/bin/rabbitmq-server': 'rabbitmq-server',
  },
  /** Beside the compilers, which scripts/prebuild.mjs installs. */
  install: {
    debootstrap: 'debootstrap',
    'qemu-aarch64-static': 'qemu-user-static',
    ip: 'iproute2',
    chromium: 'chromium',
    dhclient: 'isc-dhcp-client',
    ping: 'iputils-ping',
    pasta: 'passt',
    'qemu-system-x86_64': 'qemu-system-x86',
    mksquashfs: 'squashfs-tools',
  },
  /** The programs that are tried in `vnet run`, and their servers. */
  run: {
    curl: 'curl',
    wget: 'wget',
    aria2c: 'aria2',
    lftp: 'lftp',
    ab: 'apache2-utils',
    openssl: 'openssl',
    git: 'git',
    ssh: 'openssh-client',
    '/usr/sbin/sshd': 'openssh-server',
    rsync: 'rsync',
    '/usr/bin/pip': 'python3-pip',
    'pytest-3': 'python3-pytest',
    'dpkg-deb': 'dpkg',
    go: 'golang-go',
    javac: 'default-jdk-headless',
    perl: 'perl',
    chromium: 'chromium',
    'firefox-esr': 'firefox-esr',
    ffmpeg: 'ffmpeg',
    ping: 'iputils-ping',
    dig: 'bind9-dnsutils',
    traceroute: 'traceroute',
    mtr: 'mtr-tiny',
    nmap: 'nmap',
    nc: 'netcat-openbsd',
    socat: 'socat',
    mosquitto_pub: 'mosquitto-clients',
    mosquitto: 'mosquitto',
    'redis-cli': 'redis-tools',
    'redis-server': 'redis-server',
    pg_createcluster: 'postgresql',
    iperf3: 'iperf3',
    pasta: 'passt',
    setpriv: 'util-linux',
    ip: 'iproute2',
  },
  /** Their servers are packages, too. */
  packages: { ip: 'iproute2' },
  /** The kernels are downloaded by guest-kernel.mjs and guest-arm64.mjs and never installed. */
  guest: {
    'qemu-system-x86_64': 'qemu-system-x86',
    'qemu-system-aarch64': 'qemu-system-arm',
    mksquashfs: 'squashfs-tools',
    setpriv: 'util-linux',
    ip: 'iproute2',
    ping: 'iputils-ping',
    nft: 'nftables',
    curl: 'curl',
    '/usr/bin/python3': 'python3',
    dnsmasq: 'dnsmasq-base',
    udhcpc: 'udhcpc',
    wg: 'wireguard-tools',
    tcpdump: 'tcpdump',
    gtlsclient: 'ngtcp2-client',
    gtlsserver: 'ngtcp2-server',
    openssl: 'openssl',
    'redis-server': 'redis-server',
    'redis-sentinel': 'redis-sentinel',
    'redis-cli': 'redis-tools',
    etcd: 'etcd-server',
    etcdctl: 'etcd-client',
    pg_createcluster: 'postgresql',
  },
  /** The kernel and its headers are downloaded by the tests and never installed. */
  card: {
    'qemu-system-x86_64': 'qemu-system-x86',
    gcc: 'gcc',
    make: 'make',
    ping: 'iputils-ping',
    ip: 'iproute2',
  },
  /** The paths are of libraries. */
  stacks: {
    cc: 'gcc',
    go: 'golang-go',
    rustc: 'rustc',
    'pkg-config': 'pkg-config',
    ip: 'iproute2',
    '/usr/include/lwip': 'liblwip-dev',
    '/usr/share/gocode/src/gvisor.dev': 'golang-gvisor-gvisor-dev',
  },
  /** The kernel itself is downloaded by the tests and never installed. */
  'kernel-module': {
    'qemu-system-x86_64': 'qemu-system-x86',
    gcc: 'gcc',
    make: 'make',
    addr2line: 'binutils',
    ping: 'iputils-ping',
    ip: 'iproute2',
    iperf3: 'iperf3',
  },
}

/** Debian has other programs under these names; the right ones print iputils with `-V`. */
const ofIputils = ['ping', 'arping']

// The PATH of users other than root has no sbin.
const toolPath = () => `${process.env.PATH ?? ''}:/usr/sbin:/sbin`

function isThere(name) {
  if (name === LIBNL) return hasLibrary(name)
  if (name === BUSYBOX) {
    return existsSync('/bin/busybox') && spawnSync('ldd', ['/bin/busybox']).status === 1
  }
  return name === HEADERS ? kernelHeaders() !== undefined : isInstalled(name, toolPath())
}

const hasLibrary = name =>
  spawnSync('pkg-config', ['--exists', name], { stdio: 'ignore' }).status === 0

/** Returns whether another program of that name is installed. */
function isAnother(name) {
  if (!isThere(name)) return false
  const options = { encoding: 'utf8', timeout: 5000, stdio: ['ignore', 'pipe', 'pipe'] }
  const { stdout, stderr } = spawnSync(name, ['-V'], {
    ...options,
    env: { ...process.env, PATH: toolPath() },
  })
  return !`${stdout}${stderr}`.includes('iputils')
}

const wantedTools = long => (long ? { ...packages, ...longPackages } : packages)
const missingOf = wanted => Object.keys(wanted).filter(name => !isThere(name))
const advice = packages => `sudo apt-get install ${[...new Set(packages)].join(' ')}`

/**
 * Returns what is wrong with the programs of the tests, `{ tools, line }` each: the names of
 * programs, and what to do about them. `why` is added for missing ones.
 */
export function toolProblems(long, why = '') {
  const wanted = wantedTools(long)
  const missing = missingOf(wanted)
  const [names, wrong] = [missing.join(', '), ofIputils.filter(isAnother)]
  const install = advice(missing.map(name => wanted[name]))
  return [
    ...(missing.length === 0
      ? []
      : [{ tools: missing, line: `the kernel tests need ${names}: ${install}${why}` }]),
    ...wrong.map(name => ({
      tools: [name],
      line: `the kernel tests need the ${name} of iputils, and this one is another program: ${advice([packages[name]])}`,
    })),
  ]
}

/** Installs missing programs if run by root with apt-get, and reports those still missing. */
export async function installTestTools(long) {
  const missing = missingOf(wantedTools(long)).map(name => wantedTools(long)[name])
  const canInstall = missing.length > 0 && process.getuid() === 0 && isInstalled('apt-get')
  const why = canInstall ? await aptInstall([...new Set(missing)]) : ''
  const lines = toolProblems(long, why && ` (tried: ${why})`).map(({ line }) => line)
  if (lines.length === 0) return
  if (process.env.CI) throw new SetupError(`vnet: ${lines.join('; ')}`)
  for (const line of lines) {
    process.stderr.write(`vnet: ${line}\n`)
  }
}

/** Installs what test/FOLDER needs. Throws a SetupError of one line if it cannot. */
export function installOwnTools(folder) {
  return installPrograms(ownPackages[folder], `the tests of test/${folder} need`)
}

/**
 * Installs missing programs of `wanted`, each with its Debian package, if run by root. Throws a
 * SetupError of one line, which starts with `who`, if it cannot.
 */
export async function installPrograms(wanted, who) {
  const missing = () => missingOf(wanted)
  if (missing().length === 0) return
  const packages = () => [...new Set(missing().map(name => wanted[name]))]
  const canInstall = process.getuid() === 0 && isInstalled('apt-get')
  const tried = canInstall ? await aptInstall(packages()) : ''
  if (missing().length === 0) return
  const why = tried && ` (tried: ${tried})`
  throw new SetupError(`vnet: ${who} ${missing().join(', ')}: ${advice(packages())}${why}`)
}

/**
 * Installs packages, from new lists: with old ones it would be a browser that Playwright no longer
 * drives. Returns the error of apt, or ''.
 */
async function aptInstall(wanted) {
  await apt(['update'])
  return apt(['install', '-y', '--no-install-recommends', ...wanted])
}

async function apt(args) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const { code, output } = await capture(
    'apt-get',
    ['-q', '-o', 'DPkg::Lock::Timeout=60', ...args],
    { env },
  )
  if (code === 0) return ''
  return output.match(/^E: .*$/m)?.[0] ?? `apt-get ${args[0]}: exit ${code}`
}
