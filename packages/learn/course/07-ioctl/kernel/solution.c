// SPDX-License-Identifier: MIT OR GPL-2.0
/* 7. ioctl and parameters: a driver that counts frames and drops them. */
#include <linux/sockios.h>
#include <linux/uaccess.h>
#include "course.h"

#define FLAG_RESET 1u

/* The private ioctl: at ifr_data. */
struct counters {
	__u32 size, flags;
	__u64 frames, bytes;
};

static unsigned int limit = 1514;
module_param(limit, uint, 0644);
MODULE_PARM_DESC(limit, "count no longer frames than this");

static bool count = true;
module_param(count, bool, 0644);
MODULE_PARM_DESC(count, "count frames");

static const struct {
	const char *name;
	u8 number;
} protocols[] = { { "all", 0 }, { "icmp", IPPROTO_ICMP }, { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP } };

static u8 only;

static int only_set(const char *text, const struct kernel_param *param)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (sysfs_streq(text, protocols[i].name)) {
			WRITE_ONCE(only, protocols[i].number);
			return 0;
		}
	return -EINVAL;
}

static int only_get(char *text, const struct kernel_param *param)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].number == only)
			return sysfs_emit(text, "%s\n", protocols[i].name);
	return -EINVAL;
}

static const struct kernel_param_ops only_ops = { .set = only_set, .get = only_get };
module_param_cb(only, &only_ops, NULL, 0644);
MODULE_PARM_DESC(only, "count this protocol only");

struct count_priv {
	spinlock_t lock; /* of both counters: ndo_start_xmit and the ioctl run at the same time */
	u64 frames, bytes;
};

static struct net_device *count_dev;

static netdev_tx_t count_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct count_priv *priv = netdev_priv(dev);
	struct iphdr *ip = course_ip(skb);
	u8 wanted = READ_ONCE(only);

	if (ip && skb->len <= READ_ONCE(limit) && READ_ONCE(count) && (wanted == 0 || ip->protocol == wanted)) {
		spin_lock(&priv->lock);
		priv->frames++;
		priv->bytes += skb->len;
		spin_unlock(&priv->lock);
	}
	return course_drop(skb, dev);
}

static int count_ioctl(struct net_device *dev, struct ifreq *ifr, void __user *data, int cmd)
{
	struct count_priv *priv = netdev_priv(dev);
	struct counters counters;

	if (cmd != SIOCDEVPRIVATE)
		return -EOPNOTSUPP;
	if (copy_from_user(&counters, data, sizeof(counters)))
		return -EFAULT;
	if (counters.size != sizeof(counters) || (counters.flags & ~FLAG_RESET))
		return -EINVAL;
	if ((counters.flags & FLAG_RESET) && !capable(CAP_NET_ADMIN))
		return -EPERM;
	spin_lock_bh(&priv->lock);
	counters.frames = priv->frames;
	counters.bytes = priv->bytes;
	if (counters.flags & FLAG_RESET)
		priv->frames = priv->bytes = 0;
	spin_unlock_bh(&priv->lock);
	/* It may sleep, so not under the lock. */
	return copy_to_user(data, &counters, sizeof(counters)) ? -EFAULT : 0;
}

static const struct net_device_ops count_ops = {
	.ndo_start_xmit = count_start_xmit,
	.ndo_siocdevprivate = count_ioctl,
};

static void count_setup(struct net_device *dev)
{
	course_setup(dev, &count_ops);
}

static int __init count_module_init(void)
{
	struct count_priv *priv;
	int err;

	count_dev = alloc_netdev(sizeof(*priv), "count%d", NET_NAME_ENUM, count_setup);
	if (!count_dev)
		return -ENOMEM;
	priv = netdev_priv(count_dev);
	spin_lock_init(&priv->lock);
	err = register_netdev(count_dev);
	if (err)
		free_netdev(count_dev);
	return err;
}

static void __exit count_module_exit(void)
{
	unregister_netdev(count_dev);
	free_netdev(count_dev);
}

module_init(count_module_init);
module_exit(count_module_exit);
MODULE_DESCRIPTION("counts frames and drops them");
MODULE_LICENSE("Dual MIT/GPL");
