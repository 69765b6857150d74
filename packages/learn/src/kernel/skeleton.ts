/** The skeleton of a module in C: parameters, operations and tasks of the TypeScript skeleton. */
import { readFileSync } from 'node:fs'
import { type Driver, IFF_NOARP, kernelName, type NetDevice } from 'vnet/internal/netdev/index'

/** The text, in which `@name@` is a part that is made; src and dist are equally deep. */
const SKELETON = new URL('../../course/kernel/skeleton.c', import.meta.url)

/** Operations with their arguments in C; others have no counterpart in a skeleton. */
const OPERATIONS: Readonly<Record<string, { result: string; args: string; body: string }>> = {
  ndoOpen: { result: 'int', args: 'struct net_device *dev', body: 'netif_tx_start_all_queues(dev);\n\treturn 0;' },
  ndoStop: { result: 'int', args: 'struct net_device *dev', body: 'netif_tx_disable(dev);\n\treturn 0;' },
  ndoStartXmit: {
    result: 'netdev_tx_t',
    args: 'struct sk_buff *skb, struct net_device *dev',
    body: 'return course_drop(skb, dev);',
  },
  ndoTxTimeout: { result: 'void', args: 'struct net_device *dev, unsigned int queue', body: '' },
  ndoSiocdevprivate: {
    result: 'int',
    args: 'struct net_device *dev, struct ifreq *ifr, void __user *data, int cmd',
    body: 'return -EOPNOTSUPP;',
  },
  ndoGetStats64: {
    result: 'void',
    args: 'struct net_device *dev, struct rtnl_link_stats64 *stats',
    body: 'dev_get_tstats64(dev, stats);',
  },
}

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
  const operations = Object.keys(first.netdevOps).filter(name => OPERATIONS[name] !== undefined)
  const todos = [...text.matchAll(/\/\/ (TODO \d+: .+)$/gm)].map(([, todo]) => ` *   ${todo}`)
  const parts: Readonly<Record<string, string | number>> = {
    title,
    name,
    todos: todos.join('\n'),
    parameters: Object.entries(driver.params).map(parameter).join('\n'),
    devices: devices.length,
    functions: operations.map(each => operation(each, name)).join('\n\n'),
    operations: [
      ...operations.map(each => `\t.${kernelName(each)} = ${name}_${kernelName(each).replace(/^ndo_/, '')},`),
      ...(operations.includes('ndoGetStats64') ? [] : ['\t.ndo_get_stats64 = dev_get_tstats64,']),
    ].join('\n'),
    setup: [
      `\tcourse_setup(dev, &${name}_ops);`,
      ...((first.flags & IFF_NOARP) === 0 ? ['\tdev->flags &= ~IFF_NOARP;'] : []),
    ].join('\n'),
    pattern: first.name.replace(/\d+$/, '%d'),
    queues: first.numTxQueues,
    description: JSON.stringify(driver.description),
  }
  return readFileSync(SKELETON, 'utf8').replace(/@(\w+)@/g, (_, part: string) => `${parts[part]}`)
}

function operation(name: string, prefix: string): string {
  const { result, args, body } = OPERATIONS[name] as (typeof OPERATIONS)[string]
  const lines = body === '' ? '' : `\t${body}\n`
  return `static ${result} ${prefix}_${kernelName(name).replace(/^ndo_/, '')}(${args})\n{\n${lines}}`
}

function parameter([name, param]: [string, Driver['params'][string]]): string {
  const { type, default: usual, description, live } = param
  const own = kernelName(name)
  const kind = type === 'string' ? 'charp' : type === 'int' ? 'uint' : 'bool'
  const declared = { bool: 'static bool', uint: 'static unsigned int', charp: 'static char *' }[kind]
  const value = usual === undefined || usual === 0 || usual === false || kind === 'charp' ? '' : ` = ${usual}`
  const space = kind === 'charp' ? '' : ' '
  return `${declared}${space}${own}${value};
module_param(${own}, ${kind}, ${live ? '0644' : '0444'});
MODULE_PARM_DESC(${own}, ${JSON.stringify(description)});
`
}
