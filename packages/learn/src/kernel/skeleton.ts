/** Makes the skeleton of a module in C: the parameters, operations and tasks of a driver's. */
import { readFileSync } from 'node:fs'
import { type Driver, IFF_NOARP, kernelName, type NetDevice } from 'vnet'

/**
 * The template. `@name@` stands for a part that is filled in. The lines from `@if WHAT` to `@end`
 * remain if the driver has the operation WHAT (`ndo_open`), or ARP (`arp`); with `@if !WHAT` if it
 * has not. The path is the same from src and dist, which are equally deep.
 */
const SKELETON = new URL('../../course/kernel/skeleton.c', import.meta.url)

/** The exercise from which a skeleton in C is made. */
export interface SkeletonSource {
  /** The number and title of the exercise: `3. A ring: frames that stay for a while`. */
  readonly title: string
  readonly driver: Driver
  /** The devices of the driver, as its init makes them. */
  readonly devices: readonly Pick<NetDevice, 'name' | 'netdevOps' | 'flags' | 'numTxQueues'>[]
  /**
   * The source of the driver's skeleton. Its comments `// TODO 1: ...` become the tasks, with the
   * lines of the same comment that follow.
   */
  readonly text: string
}

/**
 * Returns the text of the C file. It compiles, loads, and fails the checks. Throws an error if the
 * driver has made no device.
 */
export function skeletonOf({ title, driver, devices, text }: SkeletonSource): string {
  const [first] = devices
  if (first === undefined) throw new Error(`${driver.name} has no device`)
  const name = kernelName(driver.name)
  const has = Object.keys(first.netdevOps).map(kernelName)
  if ((first.flags & IFF_NOARP) === 0) {
    has.push('arp')
  }
  const todos = [...text.matchAll(/\/\/ (TODO \d+: .+(?:\n *\/\/ (?!TODO ).+)*)/g)].map(
    ([, todo = '']) => ` *   ${todo.replaceAll(/\n *\/\/ /g, '\n *     ')}`,
  )
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
  const variable = kernelName(name)
  // Types of module_param().
  const scalar = type === 'int' ? 'uint' : 'bool'
  const kind = type === 'string' ? 'charp' : scalar
  const declared = { bool: 'static bool', uint: 'static unsigned int', charp: 'static char *' }[
    kind
  ]
  // C sets a static variable to 0, false or NULL by itself. A text has no other default here.
  const value =
    usual === undefined || usual === 0 || usual === false || kind === 'charp' ? '' : ` = ${usual}`
  const space = kind === 'charp' ? '' : ' '
  return `${declared}${space}${variable}${value};
module_param(${variable}, ${kind}, ${live ? '0644' : '0444'});
MODULE_PARM_DESC(${variable}, ${JSON.stringify(description)});
`
}
