/** The skeleton of a module in C: parameters, operations and tasks of the TypeScript skeleton. */
import { readFileSync } from 'node:fs'
import { type Driver, IFF_NOARP, kernelName, type NetDevice } from 'vnet/internal/netdev/index'

/**
 * The text, in which `@name@` is a part that is made. Lines from `@if WHAT` to `@end` are for
 * drivers with this operation, or with ARP; `!` is not. src and dist are equally deep.
 */
const SKELETON = new URL('../../course/kernel/skeleton.c', import.meta.url)

/** The exercise from which a skeleton in C is made. */
export interface SkeletonSource {
  /** `3. A ring: frames that stay for a while`. */
  readonly title: string
  readonly driver: Driver
  /** The devices of the driver, as its init makes them. */
  readonly devices: readonly Pick<NetDevice, 'name' | 'netdevOps' | 'flags' | 'numTxQueues'>[]
  readonly text: string
}

/** Returns the text of the C file. It compiles, loads, and fails the checks. */
export function skeletonOf({ title, driver, devices, text }: SkeletonSource): string {
  const [first] = devices
  if (first === undefined) throw new Error(`${driver.name} has no device`)
  const name = kernelName(driver.name)
  const has = Object.keys(first.netdevOps).map(kernelName)
  if ((first.flags & IFF_NOARP) === 0) {
    has.push('arp')
  }
  const todos = [...text.matchAll(/\/\/ (TODO \d+: .+)$/gm)].map(([, todo]) => ` *   ${todo}`)
  const parts: Readonly<Record<string, string | number>> = {
    title,
    name,
    todos: todos.join('\n'),
    parameters: Object.entries(driver.params).map(parameter).join('\n'),
    devices: devices.length,
    pattern: first.name.replace(/\d+$/, '%d'),
    queues: first.numTxQueues,
    description: JSON.stringify(driver.description),
  }
  return readFileSync(SKELETON, 'utf8')
    .replace(/^@if (!?)(\w+)\n(.*?)^@end\n/gms, (_, not, what, lines) =>
      has.includes(what) === (not === '') ? lines : '',
    )
    .replace(/@(\w+)@/g, (_, part: string) => `${parts[part]}`)
}

function parameter([name, param]: [string, Driver['params'][string]]): string {
  const { type, default: usual, description, live } = param
  const own = kernelName(name)
  const number = type === 'int' ? 'uint' : 'bool'
  const kind = type === 'string' ? 'charp' : number
  const declared = { bool: 'static bool', uint: 'static unsigned int', charp: 'static char *' }[
    kind
  ]
  const value =
    usual === undefined || usual === 0 || usual === false || kind === 'charp' ? '' : ` = ${usual}`
  const space = kind === 'charp' ? '' : ' '
  return `${declared}${space}${own}${value};
module_param(${own}, ${kind}, ${live ? '0644' : '0444'});
MODULE_PARM_DESC(${own}, ${JSON.stringify(description)});
`
}
