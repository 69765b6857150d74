// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * @title@: the skeleton of the module, made from the driver's.
 * packages/learn/docs/to-the-kernel.md has the names of both side by side. To do, as in the driver:
 *
@todos@
 */
#include "course.h"

@parameters@
#define DEVICES @devices@

struct @name@_priv {
	struct net_device *dev;
};

static struct net_device *devices[DEVICES];

@functions@

static const struct net_device_ops @name@_ops = {
	.ndo_init = course_init,
	.ndo_uninit = course_uninit,
@operations@
};

static void @name@_setup(struct net_device *dev)
{
@setup@
}

static void @name@_free(void)
{
	for (int i = 0; i < DEVICES; i++)
		if (devices[i] && devices[i]->reg_state == NETREG_REGISTERED)
			unregister_netdev(devices[i]); /* closes it, and waits for all who use it */
	for (int i = 0; i < DEVICES; i++)
		if (devices[i])
			free_netdev(devices[i]);
}

static int __init @name@_module_init(void)
{
	int err = 0;

	for (int i = 0; i < DEVICES && !err; i++) {
		struct @name@_priv *priv;

		devices[i] = alloc_netdev_mqs(sizeof(*priv), "@pattern@", NET_NAME_ENUM,
					      @name@_setup, @queues@, @queues@);
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
		@name@_free();
	return err;
}

static void __exit @name@_module_exit(void)
{
	@name@_free();
}

module_init(@name@_module_init);
module_exit(@name@_module_exit);
MODULE_DESCRIPTION(@description@);
MODULE_LICENSE("Dual MIT/GPL");
