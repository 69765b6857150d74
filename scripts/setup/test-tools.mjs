/**
 * The programs that the kernel tests measure with, and the library of an example. Installed with apt-get where that is
 * possible; where it is not, one line says which are missing, and set-up goes on: the unit tests need none of them.
 */

import { spawnSync } from 'node:child_process'
import { capture, isInstalled } from './command.mjs'

/** What examples/echo.c is built with, by its name for pkg-config. */
const LIBNL = 'libnl-genl-3.0'

/** Each program, or library, and the Debian package it is in. */
const packages = {
  ip: 'iproute2',
  tc: 'iproute2',
  genl: 'iproute2',
  ping: 'iputils-ping',
  arping: 'iputils-arping',
  ndisc6: 'ndisc6',
  tcpdump: 'tcpdump',
  iperf3: 'iperf3',
  ethtool: 'ethtool',
  traceroute: 'traceroute',
  zsh: 'zsh',
  dhclient: 'isc-dhcp-client',
  udhcpc: 'udhcpc',
  dhcpcd: 'dhcpcd-base',
  nmap: 'nmap',
  dig: 'bind9-dnsutils',
  curl: 'curl',
  'systemd-analyze': 'systemd',
  'genl-ctrl-list': 'libnl-utils',
  'pkg-config': 'pkg-config',
  [LIBNL]: 'libnl-genl-3-dev',
}

// An ordinary user's PATH has no sbin.
const toolPath = () => `${process.env.PATH ?? ''}:/usr/sbin:/sbin`

const isThere = name => (name === LIBNL ? hasLibrary(name) : isInstalled(name, toolPath()))

const hasLibrary = name => spawnSync('pkg-config', ['--exists', name], { stdio: 'ignore' }).status === 0

const missingTools = () => Object.keys(packages).filter(name => !isThere(name))

/** Installs what is missing, if root and apt-get are there, or says what is missing. */
export async function installTestTools() {
  const missing = missingTools()
  if (missing.length === 0) return
  const wanted = [...new Set(missing.map(tool => packages[tool]))]
  const why = process.getuid() === 0 && isInstalled('apt-get') ? await aptInstall(wanted) : ''
  const left = missingTools()
  if (left.length === 0) return
  const advice = `sudo apt-get install ${wanted.join(' ')}`
  process.stderr.write(`vnet: the kernel tests need ${left.join(', ')}: ${advice}${why && ` (tried: ${why})`}\n`)
}

/** Installs packages; a machine fresh from an image has no package lists yet. Gives apt's complaint, or ''. */
async function aptInstall(wanted) {
  const install = ['install', '-y', '--no-install-recommends', ...wanted]
  const complaint = await apt(install)
  if (complaint === '') return ''
  await apt(['update'])
  return apt(install)
}

async function apt(args) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const { code, output } = await capture('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=60', ...args], { env })
  if (code === 0) return ''
  return output.match(/^E: .*$/m)?.[0] ?? `apt-get ${args[0]}: exit ${code}`
}
