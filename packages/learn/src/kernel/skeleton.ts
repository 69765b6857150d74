/**
 * The skeleton of a module in C, made from the TypeScript skeleton: parameters, operations and
 * tasks.
 */
import { type Driver, IFF_NOARP, kernelName, type NetDevice } from 'vnet/internal/netdev/index'

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
  const prefix = kernelName(driver.name)
  const operations = Object.keys(first.netdevOps).filter(name => OPERATIONS[name] !== undefined)
  const functions = operations.map(name => operation(name, prefix))
  const todos = [...text.matchAll(/\/\/ (TODO \d+: .+)$/gm)].map(([, todo]) => ` *   ${todo}`)
  return `// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * ${title}: the skeleton of the module, made from the driver's.
 * packages/learn/docs/to-the-kernel.md has the names of both side by side. To do, as in the driver:
 *
${todos.join('\n')}
 */
#include "course.h"

${Object.entries(driver.params).map(parameter).join('\n')}
#define DEVICES ${devices.length}

struct ${prefix}_priv {
	struct net_device *dev;
};

static struct net_device *devices[DEVICES];

${functions.join('\n\n')}

static const struct net_device_ops ${prefix}_ops = {
	.ndo_init = course_init,
	.ndo_uninit = course_uninit,
${operations.map(name => `\t.${kernelName(name)} = ${prefix}_${kernelName(name).replace(/^ndo_/, '')},`).join('\n')}
${operations.includes('ndoGetStats64') ? '' : '\t.ndo_get_stats64 = dev_get_tstats64,\n'}};

static void ${prefix}_setup(struct net_device *dev)
{
	course_setup(dev, &${prefix}_ops);
${(first.flags & IFF_NOARP) === 0 ? '\tdev->flags &= ~IFF_NOARP;\n' : ''}}

static void ${prefix}_free(void)
{
	for (int i = 0; i < DEVICES; i++)
		if (devices[i] && devices[i]->reg_state == NETREG_REGISTERED)
			unregister_netdev(devices[i]); /* closes it, and waits for all who use it */
	for (int i = 0; i < DEVICES; i++)
		if (devices[i])
			free_netdev(devices[i]);
}

static int __init ${prefix}_module_init(void)
{
	int err = 0;

	for (int i = 0; i < DEVICES && !err; i++) {
		struct ${prefix}_priv *priv;

		devices[i] = alloc_netdev_mqs(sizeof(*priv), "${first.name.replace(/\d+$/, '%d')}", NET_NAME_ENUM,
					      ${prefix}_setup, ${first.numTxQueues}, ${first.numTxQueues});
		if (!devices[i]) {
			err = -ENOMEM;
			break;
		}
		priv = netdev_priv(devices[i]);
		priv->dev = devices[i];
	}
	for (int i = 0; i < DEVICES && !err; i++)
		err = register_netdev(devices[i]);
	if (err)
		${prefix}_free();
	return err;
}

static void __exit ${prefix}_module_exit(void)
{
	${prefix}_free();
}

module_init(${prefix}_module_init);
module_exit(${prefix}_module_exit);
MODULE_DESCRIPTION(${JSON.stringify(driver.description)});
MODULE_LICENSE("Dual MIT/GPL");
`
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
