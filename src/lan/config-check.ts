/**
 * What a configuration's parts have to do with each other, which no schema can say: addresses lie in their network, and nothing
 * is somebody else's. Parts that the schema found wrong are not there, and what depends on them is not looked at.
 */
import { nameOf } from '../header/dns.ts'
import { DEFAULT_NETWORK, DEFAULT_NETWORK6 } from '../segment/network.ts'
import { type Claim, checkAddresses, checkDistinct, type Held } from './config-claims.ts'
import { DEFAULT_DOMAIN, DEFAULT_GATEWAY_NAME } from './config-defaults.ts'
import { defaultPool, formatNumber, type Network, toNetwork, toNumber, toSpan } from './network.ts'
import type { Path, Problems } from './problems.ts'
import type { LanFile } from './schema.ts'

type FileHost = NonNullable<LanFile['hosts']>[number]
type FileDhcp = Exclude<NonNullable<LanFile['dhcp']>, false>

/** Says what is wrong at `path`, where it stands; nothing when something else is wrong there already. */
type Report = (path: Path, message: string) => void

/** Where a path stands in the file; undefined when it is not in it. */
type Offset = (path: Path) => number | undefined

/** Goes through a file that is what its schema says, but for what is in `problems`. */
export function checkTogether(file: LanFile, problems: Problems, offset: Offset): void {
  const report: Report = (path, message) => {
    if (!problems.touch(path)) problems.add(path, offsetAround(path, offset), message)
  }
  const where = (path: Path): string | undefined => {
    const at = offset(path)
    return at === undefined ? undefined : problems.place(at)
  }
  const network = checkNetwork(file.network ?? DEFAULT_NETWORK, ['network'], [8, 30], report)
  const text6 = file.network6 ?? DEFAULT_NETWORK6
  const network6 = text6 === false ? undefined : checkNetwork(text6, ['network6'], [3, 120], report)
  // Without a network everything would seem to be outside.
  if (['network', 'network6', 'gateway'].some(key => problems.touch([key]))) return

  const networks = { 4: network, 6: network6 }
  const dhcp = file.dhcp === false ? {} : (file.dhcp ?? {})
  const dns = file.dns === false ? {} : (file.dns ?? {})
  const claims = [...gatewayClaims(file, networks), ...(file.hosts ?? []).flatMap(hostClaims)]
  const pools = network === undefined || file.dhcp === false ? [] : poolClaims(dhcp, network, report)
  const reserved = (dhcp.reservations ?? []).flatMap(({ address }, i) =>
    claimOf(address, ['dhcp', 'reservations', i, 'address']),
  )
  checkAddresses([...claims, ...pools], networks, report, where)
  checkAddresses([...claims, ...reserved], networks, report, where)
  checkDistinct(macs(file, dhcp), 'this MAC address', report, where)
  checkDistinct(names(file, dns.domain, dhcp), 'this name', report, where)
  file.hosts?.forEach((host, i) => {
    checkHost(host, ['hosts', i], report)
  })
  checkDhcp(dhcp, report)
  checkRa(file, report)
  for (const name of Object.keys(dns.records ?? {}))
    if (nameOf(name) === undefined || name === '.') report(['dns', 'records', name], 'this is not a name')
}

/** Where a path stands, or what it would be in. */
export function offsetAround(path: Path, offset: Offset): number {
  for (let length = path.length; length > 0; length--) {
    const at = offset(path.slice(0, length))
    if (at !== undefined) return at
  }
  return 0
}

function checkNetwork(text: string, path: Path, [min, max]: [number, number], report: Report): Network | undefined {
  const network = toNetwork(text)
  if (network === undefined) report(path, `'${text}' is not a network`)
  else if (network.prefixLen < min || network.prefixLen > max) report(path, `'${text}' is not of /${min} to /${max}`)
  else if (network.hostBits)
    report(
      path,
      `'${text}' is an address in it: write ${formatNumber(network.family, network.first)}/${network.prefixLen}`,
    )
  else return network
  return undefined
}

function claimOf(text: string, path: Path, count = 1): Claim[] {
  const number = toNumber(text)
  if (number === undefined) return []
  return [{ path, family: number.family, first: number.value, last: number.value + BigInt(count - 1) }]
}

function gatewayClaims(
  { gateway = {} }: LanFile,
  networks: { 4: Network | undefined; 6: Network | undefined },
): Claim[] {
  const own = (text: string | undefined, path: Path, network: Network | undefined): Claim[] => {
    if (text !== undefined) return claimOf(text, path)
    return network ? [{ path, family: network.family, first: network.first + 1n, last: network.first + 1n }] : []
  }
  return [...own(gateway.ip, ['gateway', 'ip'], networks[4]), ...own(gateway.ip6, ['gateway', 'ip6'], networks[6])]
}

function hostClaims({ ip, ip6, count }: FileHost, i: number): Claim[] {
  return Object.entries({ ip, ip6 }).flatMap(([key, value]) => {
    const list = typeof value === 'string' ? [value] : (value ?? [])
    return list.flatMap((text, j) => claimOf(text, ['hosts', i, key, ...(value === text ? [] : [j])], count))
  })
}

function poolClaims({ pool }: FileDhcp, network: Network, report: Report): Claim[] {
  const path = ['dhcp', 'pool']
  if (pool === undefined) return [{ path, ...defaultPool(network) }]
  const list = typeof pool === 'string' ? [pool] : pool
  return list.flatMap((text, i) => {
    const at = text === pool ? path : [...path, i]
    const span = toSpan(text)
    if (span === undefined) report(at, `'${text}' is not an address or FIRST-LAST, the lower one first`)
    return span === undefined ? [] : [{ path: at, ...span }]
  })
}

function checkHost({ name, mac, ip = [], ip6 = [], count, ports = [] }: FileHost, path: Path, report: Report): void {
  if (ip.length === 0 && ip6.length === 0) report(path, 'a host needs an address: ip or ip6')
  if (mac !== undefined && Number.parseInt(mac.slice(1, 2), 16) % 2 === 1)
    report([...path, 'mac'], `'${mac}' is the address of a group: no host has it`)
  const numbers = name?.match(/%/g)?.length ?? 0
  if (count === undefined && numbers > 0) report([...path, 'name'], '%d stands for a number of many: it needs count')
  if (count !== undefined) {
    if (mac !== undefined) report([...path, 'mac'], 'hosts with count make theirs of their addresses: leave it out')
    if (name !== undefined && (numbers !== 1 || !name.includes('%d')))
      report([...path, 'name'], 'a name for many has one %d in it, for the number')
    for (const [key, value] of Object.entries({ ip, ip6 }))
      if (typeof value !== 'string' && value.length > 1)
        report([...path, key], 'with count it is one address, the first')
  }
  if (name !== undefined && nameOf(name) === undefined)
    report([...path, 'name'], 'it is not a name: labels of 1 to 63 letters with dots between')
  const seen = new Set<string>()
  ports.forEach(({ port, protocol = 'tcp', service }, i) => {
    if (service === 'http' && protocol !== 'tcp') report([...path, 'ports', i, 'service'], 'http is over tcp')
    if (seen.has(`${protocol} ${port}`)) report([...path, 'ports', i, 'port'], `${protocol} ${port} is there already`)
    seen.add(`${protocol} ${port}`)
  })
}

function checkDhcp(
  { reservations = [], leaseTime = 3600, minLeaseTime = 0, maxLeaseTime = leaseTime }: FileDhcp,
  report: Report,
): void {
  const lease = leaseTime === 'infinite' ? Number.POSITIVE_INFINITY : leaseTime
  const most = maxLeaseTime === 'infinite' ? Number.POSITIVE_INFINITY : maxLeaseTime
  if (lease > most) report(['dhcp', 'maxLeaseTime'], `it is less than leaseTime, ${leaseTime}`)
  if (lease < minLeaseTime) report(['dhcp', 'minLeaseTime'], `it is more than leaseTime, ${leaseTime}`)
  reservations.forEach(({ mac, clientId }, i) => {
    if ((mac === undefined) === (clientId === undefined))
      report(['dhcp', 'reservations', i], 'it is for a mac or a clientId: give one of the two')
  })
}

function checkRa(file: LanFile, report: Report): void {
  const ra = file.ra || {}
  if (file.network6 === false && file.ra) report(['ra'], 'there is no IPv6 (network6 is false)')
  if (ra.prefix !== undefined) checkNetwork(ra.prefix, ['ra', 'prefix'], [3, 126], report)
  const { lifetime = 0, maxInterval = 600, validLifetime = 86400, preferredLifetime = 0 } = ra
  const valid = validLifetime === 'infinite' ? Number.POSITIVE_INFINITY : validLifetime
  const preferred = preferredLifetime === 'infinite' ? Number.POSITIVE_INFINITY : preferredLifetime
  if (preferred > valid) report(['ra', 'preferredLifetime'], `it is more than validLifetime, ${validLifetime}`)
  // RFC 4861 sec. 6.2.1
  if (lifetime !== 0 && lifetime < maxInterval)
    report(['ra', 'lifetime'], `it is less than maxInterval, ${maxInterval}: 0, or that at least`)
}

function macs({ gateway = {}, hosts = [] }: LanFile, { reservations = [] }: FileDhcp): Held[] {
  const held = (mac: string | undefined, path: Path): Held[] =>
    mac ? [{ path, text: mac, key: mac.toLowerCase() }] : []
  return [
    ...held(gateway.mac, ['gateway', 'mac']),
    ...hosts.flatMap(({ mac }, i) => held(mac, ['hosts', i, 'mac'])),
    ...reservations.flatMap(({ mac }, i) => held(mac, ['dhcp', 'reservations', i, 'mac'])),
  ]
}

function names(
  { gateway = {}, hosts = [] }: LanFile,
  domain: string | undefined,
  { reservations = [] }: FileDhcp,
): Held[] {
  const suffix = `.${(domain ?? DEFAULT_DOMAIN).replace(/\.$/, '')}`.toLowerCase()
  const held = (name: string | undefined, path: Path, count?: number): Held[] => {
    if (name === undefined) return []
    const lower = name.toLowerCase()
    const key = lower.endsWith(suffix) ? lower.slice(0, -suffix.length) : lower
    return [{ path, text: name, key, ...(count === undefined ? {} : { count }) }]
  }
  return [
    ...held(gateway.name ?? DEFAULT_GATEWAY_NAME, ['gateway', 'name']),
    ...hosts.flatMap(({ name, count }, i) => held(name, ['hosts', i, 'name'], count)),
    ...reservations.flatMap(({ hostname }, i) => held(hostname, ['dhcp', 'reservations', i, 'hostname'])),
  ]
}
