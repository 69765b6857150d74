/** Reads the YAML or JSON of `vnet lan`. Errors have positions: `lan.yaml:12:5: hosts: ...`. */

import { VnetError } from 'vnet'
import { ConfigFile } from 'vnet/kit/config'
import { readTextFile } from 'vnet/kit/linux'
import { plus } from 'vnet/kit/packet'
import { listOf } from '../machines/host-table.ts'
import { dhcpConfig } from '../services/dhcp/config.ts'
import {
  type AddressSpan,
  complete,
  DEFAULT_DOMAIN,
  formatSpan,
  isWithin,
  type LanConfig,
  type LanDefaults,
  toNetwork,
  toSpan,
} from './defaults.ts'
import { type FileHost, type LanFile, lanSchema } from './schema.ts'

const MAX_BYTES = 1 << 20

/** Reads the file at `path`. Throws a UsageError if that fails, a FileError if it is invalid. */
export const loadLanConfig = (path: string, defaults?: LanDefaults): LanConfig =>
  parseLanConfig(readTextFile(path, MAX_BYTES), path, defaults)

/** Completes a configuration that is an object. Throws a UsageError if it is invalid. */
export const toLanConfig = (file: LanFile, defaults?: LanDefaults): LanConfig =>
  parseLanConfig(JSON.stringify(file), undefined, defaults)

/** Parses the text of the file `name`. Throws a FileError; without a name, a UsageError. */
export function parseLanConfig(text: string, name?: string, defaults?: LanDefaults): LanConfig {
  const problems = new ConfigFile(name)
  const file = (problems.read(text, lanSchema) ?? {}) as LanFile
  const config = complete(file, defaults)
  checkTogether(file, config, problems, defaults?.others)
  problems.throwIfAny()
  checkDhcp(config, problems)
  problems.throwIfAny()
  return config
}

/** Reports the DHCP server's objections. Its errors name the place: `dhcp.options.mtu`. */
function checkDhcp({ dhcp }: LanConfig, problems: ConfigFile): void {
  try {
    if (dhcp !== undefined) {
      dhcpConfig(dhcp)
    }
  } catch (error) {
    if (!(error instanceof VnetError)) throw error
    problems.add(error.syscall, error.advice ?? error.message)
  }
}

/** Addresses that the part of the file at `path` takes. */
interface Claim extends AddressSpan {
  readonly path: string
}

/** A name or MAC address. With `count` its %d is replaced by each number from 1 to `count`. */
type Label = Readonly<{ path: string; text: string | undefined; count?: number | undefined }>

/** Checks rules that the schema cannot express: whether the parts of a file agree. */
function checkTogether(
  file: LanFile,
  config: LanConfig,
  problems: ConfigFile,
  others: LanDefaults['others'] = {},
): void {
  const { gateway, hosts, dhcp, ra } = config
  const reservations = dhcp?.reservations ?? []
  const claims = (
    path: string,
    texts: string | readonly string[] | undefined,
    count = 1,
  ): Claim[] =>
    listOf(texts).flatMap((text, i) => {
      const at = problems.entry(path, i)
      const span = toSpan(text)
      if (span === undefined) {
        problems.add(at, `expected FIRST-LAST, the lower address first, got '${text}'`)
      }
      return span === undefined
        ? []
        : [{ path: at, first: span.first, last: plus(span.last, count - 1) }]
    })
  const own = [
    ...claims('gateway.ip', gateway.ip),
    ...claims('gateway.ip6', gateway.ip6),
    ...hosts.flatMap(({ ip, ip6, count }, i) => [
      ...claims(`hosts[${i}].ip`, ip, count),
      ...claims(`hosts[${i}].ip6`, ip6, count),
    ]),
    ...Object.entries(others).flatMap(([name, addresses]) =>
      claims(
        `the address of ${name}`,
        addresses.map(cidr => cidr.replace(/\/.*/, '')),
      ),
    ),
  ]
  const pool = claims('dhcp.pool', dhcp?.ranges)
  const reserved = reservations.flatMap(({ address }, i) =>
    claims(`dhcp.reservations[${i}].address`, address),
  )
  const inside = own.filter(claim => isInside(claim, config, problems))
  const free = pool.filter(claim => isInside(claim, config, problems))
  const kept = reserved.filter(claim => isInside(claim, config, problems))
  // A reservation may be in the pool.
  checkOverlaps([...inside, ...free], problems)
  checkOverlaps([...inside, ...kept], problems)

  checkDistinct('MAC address', problems, [
    { path: 'gateway.mac', text: gateway.mac },
    ...hosts.map(({ mac }, i) => ({ path: `hosts[${i}].mac`, text: mac })),
    ...reservations.map(({ mac }, i) => ({ path: `dhcp.reservations[${i}].mac`, text: mac })),
  ])
  const suffix = `.${config.dns?.domain ?? DEFAULT_DOMAIN}`
  const labels = [
    { path: 'gateway.name', text: gateway.name },
    ...hosts.map(({ name, count }, i) => ({ path: `hosts[${i}].name`, text: name, count })),
    ...reservations.map(({ hostname }, i) => ({
      path: `dhcp.reservations[${i}].hostname`,
      text: hostname,
    })),
  ]
  checkDistinct('name', problems, labels, suffix)
  for (const [i, host] of file.hosts?.entries() ?? []) {
    checkHost(host, `hosts[${i}]`, problems)
  }
  if (file.ra && file.network6 === false) {
    problems.add('ra', 'there is no IPv6: network6 is false')
  }
  if (ra !== undefined) {
    checkRa(ra, problems)
  }
}

/** Reports a claim outside the network of its family. */
function isInside(claim: Claim, { network, network6 }: LanConfig, problems: ConfigFile): boolean {
  const text = claim.first.length === 4 ? network : network6
  if (text === undefined) {
    problems.add(claim.path, `${formatSpan(claim)} is an IPv6 address, but network6 is false`)
  } else {
    const { hosts } = toNetwork(text)!
    if (isWithin(claim, hosts)) return true
    problems.add(
      claim.path,
      `${formatSpan(claim)} is not within ${formatSpan(hosts)}, the host addresses of ${text}`,
    )
  }
  return false
}

/** Reports overlapping claims, at the later one in the file. */
function checkOverlaps(claims: readonly Claim[], problems: ConfigFile): void {
  const offset = ({ path }: Claim) => problems.places.get(path) ?? -1
  let widest: Claim | undefined
  for (const claim of claims.toSorted((one, other) => compare(one.first, other.first))) {
    if (
      widest !== undefined &&
      widest.first.length === claim.first.length &&
      compare(claim.first, widest.last) <= 0
    ) {
      const [earlier, later] = offset(claim) < offset(widest) ? [claim, widest] : [widest, claim]
      const [text, other] = [formatSpan(later), formatSpan(earlier)]
      const verb = text === other ? 'is also' : `overlaps ${other} of`
      problems.add(later.path, `${text} ${verb} ${problems.describe(earlier.path)}`)
    }
    if (widest === undefined || compare(claim.last, widest.last) > 0) {
      widest = claim
    }
  }
}

/** Orders addresses, IPv4 first. */
const compare = (one: Uint8Array, other: Uint8Array): number =>
  one.length - other.length || Buffer.compare(one, other)

/** Reports labels that occur twice. Ignores case, and `suffix` at the end of a name. */
function checkDistinct(
  what: string,
  problems: ConfigFile,
  labels: readonly Label[],
  suffix = '',
): void {
  const held = new Map<string, Label>()
  const many = labels.filter(({ count }) => count !== undefined)
  const keyOf = (text = '') => {
    const key = text.toLowerCase()
    return suffix !== '' && key.endsWith(suffix.toLowerCase()) ? key.slice(0, -suffix.length) : key
  }
  for (const label of labels) {
    const key = keyOf(label.text)
    if (key === '') continue
    const other =
      held.get(key) ?? many.find(({ text, count }) => isNumbered(key, keyOf(text), count))
    if (other === undefined || other === label) {
      held.set(key, label)
    } else {
      problems.add(label.path, `the ${what} ${label.text} is also ${problems.describe(other.path)}`)
    }
  }
}

/** Whether `name` is `pattern` with a number from 1 to `count` in place of %d. */
function isNumbered(name: string, pattern: string, count = 0): boolean {
  const [before = '', after = ''] = pattern.split('%d')
  if (!name.startsWith(before) || !name.endsWith(after)) return false
  const number = name.slice(before.length, name.length - after.length)
  return /^[1-9]\d{0,6}$/.test(number) && Number(number) <= count
}

function checkHost(
  { name, mac, ip = [], ip6 = [], count, ports = [] }: FileHost,
  path: string,
  problems: ConfigFile,
): void {
  if (ip.length + ip6.length === 0) {
    problems.add(path, 'a host needs an address: ip or ip6')
  }
  const hasNumber = name?.includes('%d') && name.split('%').length === 2
  if (count === undefined && name?.includes('%')) {
    problems.add(`${path}.name`, '%d stands for the number of a host, which needs count')
  }
  if (count !== undefined) {
    if (mac !== undefined) {
      problems.add(
        `${path}.mac`,
        'with count, MAC addresses are made from the IP addresses: remove it',
      )
    }
    if (name !== undefined && !hasNumber) {
      problems.add(`${path}.name`, 'with count, a name contains %d once')
    }
    for (const [key, texts] of Object.entries({ ip, ip6 })) {
      if (listOf(texts).length > 1) {
        problems.add(`${path}.${key}`, 'with count, give the first address only')
      }
    }
  }
  const taken = new Set<string>()
  for (const [i, { port, protocol = 'tcp', service }] of ports.entries()) {
    const key = `${protocol} ${port}`
    if (service === 'http' && protocol !== 'tcp') {
      problems.add(`${path}.ports[${i}].service`, 'http needs protocol tcp')
    }
    if (taken.has(key)) {
      problems.add(`${path}.ports[${i}].port`, `${key} already has a service`)
    }
    taken.add(key)
  }
}

function checkRa(
  { advert, maxInterval }: NonNullable<LanConfig['ra']>,
  problems: ConfigFile,
): void {
  const { lifetime, prefixes } = advert
  for (const { preferredLifetime, validLifetime } of prefixes) {
    if (preferredLifetime > validLifetime) {
      problems.add('ra.preferredLifetime', 'it is longer than validLifetime')
    }
  }
  // RFC 4861 sec. 6.2.1
  if (lifetime !== 0 && lifetime < maxInterval) {
    problems.add(
      'ra.lifetime',
      `expected 0 or at least maxInterval, ${maxInterval}; got ${lifetime}`,
    )
  }
}
