/** Who claims which address, hardware address or name, and whether somebody else does so too. */
import { formatSpan, isWithin, type Network, type Span, usable } from './network.ts'
import { formatPath, type Path } from './problems.ts'
import { show } from './validate.ts'

/** Addresses that the part of a file at `path` takes. */
export interface Claim extends Span {
  readonly path: Path
}

/** A name or hardware address, alike when their keys are. With `count` the key's %d stands for 1 to that. */
export interface Held {
  readonly path: Path
  readonly text: string
  readonly key: string
  readonly count?: number
}

type Report = (path: Path, message: string) => void
/** `lan.yaml:6:5`; undefined for a default, which is not in the file. */
type Where = (path: Path) => string | undefined

/** Claims lie in their network and do not overlap. One line for each that does, at the one that comes last in `claims`. */
export function checkAddresses(
  claims: readonly Claim[],
  networks: { readonly 4: Network | undefined; readonly 6: Network | undefined },
  report: Report,
  where: Where,
): void {
  const order = new Map(claims.map((claim, i) => [claim, i]))
  // The later one is, but a default is not.
  const isToBlame = (claim: Claim, other: Claim): boolean =>
    where(claim.path) !== undefined && (where(other.path) === undefined || order.get(claim)! > order.get(other)!)
  const inside = claims.filter(claim => isInside(claim, networks[claim.family], report))
  const sorted = inside.toSorted(
    (one, other) => one.family - other.family || (one.first < other.first ? -1 : one.first > other.first ? 1 : 0),
  )
  let widest: Claim | undefined
  for (const claim of sorted) {
    if (widest !== undefined && widest.family === claim.family && claim.first <= widest.last) {
      const [earlier, later] = isToBlame(claim, widest) ? [widest, claim] : [claim, widest]
      const verb = later.first === later.last && earlier.first === earlier.last ? 'is also' : 'overlaps'
      report(
        later.path,
        `${formatSpan(later)} ${verb} ${formatPath(earlier.path)}${spanOf(earlier, verb)} (${where(earlier.path) ?? 'the default'})`,
      )
    }
    if (widest === undefined || widest.family !== claim.family || claim.last > widest.last) widest = claim
  }
}

const spanOf = (claim: Claim, verb: string): string => (verb === 'overlaps' ? `, ${formatSpan(claim)}` : '')

function isInside(claim: Claim, network: Network | undefined, report: Report): boolean {
  if (network === undefined) {
    report(claim.path, `there is no IPv${claim.family} network for ${formatSpan(claim)}`)
    return false
  }
  const { family, first, last } = network
  const all = formatSpan({ family, first, last })
  if (!isWithin(claim, network)) report(claim.path, `${formatSpan(claim)} is outside of the network, ${all}`)
  else if (!isWithin(claim, usable(network)))
    report(claim.path, `${formatSpan(claim)} is more than hosts may have of ${all}`)
  else return true
  return false
}

/** No two keys are the same. `what` is what they share: `this name`. */
export function checkDistinct(held: readonly Held[], what: string, report: Report, where: Where): void {
  const first = new Map<string, Held>()
  const many = held.filter(({ count }) => count !== undefined)
  for (const one of held) {
    const other = first.get(one.key) ?? many.find(range => isOneOf(one, range))
    if (other === undefined) first.set(one.key, one)
    else
      report(
        one.path,
        `${show(one.text)}: ${what} is that of ${formatPath(other.path)} (${where(other.path) ?? 'the default'})`,
      )
  }
}

/** Whether the name is what a range's %d makes of its own. */
function isOneOf({ key, count }: Held, range: Held): boolean {
  if (count !== undefined) return false
  const [before = '', after = ''] = range.key.split('%d')
  if (!key.startsWith(before) || !key.endsWith(after)) return false
  const number = key.slice(before.length, key.length - after.length)
  return /^[1-9]\d{0,6}$/.test(number) && Number(number) <= (range.count ?? 0)
}
