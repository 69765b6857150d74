/**
 * Labs of unmodified programs that wait for minutes to hours, each run twice and compared. A script
 * checks what its title says, and exits with another status than 0 if it does not hold.
 */
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { findProgram } from '#src/linux/programs.ts'
import { guestPath } from '../../src/image/index.ts'
import { vnet } from '../support/guest-runs.ts'

const cwd = fileURLToPath(new URL('scenes', import.meta.url))

/** PATH has no servers of PostgreSQL: Debian installs them by version. */
const SERVERS = '/usr/lib/postgresql'
const [version = ''] = existsSync(SERVERS) ? readdirSync(SERVERS) : []
const postgres = `${SERVERS}/${version}/bin/postgres`

/** What each scene needs. All have one image, with all of these programs. */
const SCENES = {
  'curl.sh': ['curl', '/usr/bin/python3'],
  'nat.py': ['/usr/bin/python3'],
  'dhcp.sh': ['dnsmasq', 'udhcpc'],
  'quic.sh': ['gtlsserver', 'gtlsclient', 'openssl'],
  'wireguard.sh': ['wg', 'tcpdump'],
  'redis.sh': ['redis-server', 'redis-sentinel', 'redis-cli'],
  'etcd.py': ['etcd', 'etcdctl', '/usr/bin/python3'],
  'postgres.py': [postgres, 'psql', '/usr/bin/python3'],
} as const satisfies Readonly<Record<string, readonly string[]>>

const isHere = (program: string): boolean => findProgram(program, guestPath()) !== undefined
const given = [...new Set(Object.values(SCENES).flat())]
  .filter(isHere)
  .flatMap(name => ['--program', name])

/** Runs a script in the lab file of its name, or skips it if one of its programs is missing. */
function scene(title: string, script: keyof typeof SCENES): void {
  test.skipIf(!SCENES[script].every(isHere))(title, { timeout: 600_000 }, async () => {
    const file = script.replace(/\..*/, '.yaml')
    const end = await vnet(
      ['lab', file, '--time', 'virtual', '--verify', ...given, '--', `./${script}`],
      { cwd },
    )
    expect(end.status, end.stdout + end.stderr).toBe(0)
  })
}

scene('curl downloads a file over a bad cable twice, an hour apart', 'curl.sh')
scene(
  'a NAT forgets a UDP mapping after 30 s, or 120 s with answers; a neighbour is checked when used',
  'nat.py',
)
scene(
  'a DHCP client renews a lease of an hour after half an hour, and loses it at its end',
  'dhcp.sh',
)
scene('a QUIC connection ends after 15 minutes without traffic', 'quic.sh')
scene('a WireGuard tunnel renews its keys every two minutes for an hour', 'wireguard.sh')
scene('Redis sentinels make a replica the master, and the former master follows it', 'redis.sh')
scene(
  'etcd replaces a leader that is cut off, and the former leader follows 20 minutes later',
  'etcd.py',
)
scene(
  'a PostgreSQL replica that was cut off for an hour gets the rows that it has missed',
  'postgres.py',
)
