/*
 * The only program of the virtual machine of `vnet check --kernel`: its process 1. It loads the
 * learner's module, relays frames between its interfaces and the virtual network cards, which vnet
 * is connected to, and runs the commands that arrive on the second serial port, one a line. Each
 * reply is lines that start with a space, then `ok` or `error TEXT`.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

#define MODULE "/learner.ko"
#define TRACING "/sys/kernel/tracing"
#define PORTS_MAX 8
#define NAMES_MAX 64
#define IOCTL_MAX 4096
/* ETH_P_802_EX1, for local experiments; src/kernel/wire.ts has the same. */
#define ETH_P_WIRE 0x88b5
#define WIRE_MTU "65535"

/* One direction between an interface of the learner and a virtual network card. */
struct direction {
	pthread_t thread;
	int from, to;
	bool is_in; /* toward the learner's interface */
};

struct port {
	char name[IFNAMSIZ];
	int wire, own;
	struct direction in, out;
};

static FILE *control;
static int any; /* a socket for ioctls */
static struct port ports[PORTS_MAX];
static int port_count, wire_count;
static volatile bool ends;

static void reply(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(control, format, args);
	va_end(args);
	fputc('\n', control);
	fflush(control);
}

static void failed(const char *what)
{
	reply("error %s: %s", what, strerror(errno));
}

/* Returns the length, -1 with errno set. The text ends with 0, without its last newline. */
static int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int n;

	if (fd < 0)
		return -1;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return -1;
	if (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = 0;
	return n;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

static int insmod(const char *path, const char *params)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return -1;
	error = syscall(SYS_finit_module, fd, params, 0);
	close(fd);
	return error;
}

static int request(const char *name, unsigned long number, struct ifreq *ifr)
{
	snprintf(ifr->ifr_name, IFNAMSIZ, "%s", name);
	return ioctl(any, number, ifr);
}

static int set_up(const char *name, bool up)
{
	struct ifreq ifr = {};

	if (request(name, SIOCGIFFLAGS, &ifr) < 0)
		return -1;
	ifr.ifr_flags = up ? ifr.ifr_flags | IFF_UP : ifr.ifr_flags & ~IFF_UP;
	return request(name, SIOCSIFFLAGS, &ifr);
}

/*
 * A packet socket. On the learner's interface, each frame follows its offload fields, a struct
 * virtio_net_hdr. On a wire, both follow an Ethernet header, so that the virtual cards, which have
 * no offloads, change neither: no long frame is cut, and no short ones become one.
 */
static int open_socket(const char *name, bool is_wire)
{
	unsigned short protocol = htons(is_wire ? ETH_P_WIRE : ETH_P_ALL);
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = protocol };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int on = 1, size = 16 << 20;
	struct timeval limit = { .tv_usec = 50000 };

	address.sll_ifindex = if_nametoindex(name);
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	if (!is_wire)
		setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A frame that the other side has no room for waits here, as in a queue of the kernel. */
static void *relay(void *argument)
{
	struct direction *direction = argument;
	size_t size = sizeof(struct virtio_net_hdr) + 65536 + 64;
	char *header = malloc(ETH_HLEN + size);
	char *frame = header + ETH_HLEN;
	char *from = direction->is_in ? header : frame;
	char *to = direction->is_in ? frame : header;

	memset(header, 0xff, 2 * ETH_ALEN); /* a broadcast, which each card takes */
	((struct ethhdr *)header)->h_proto = htons(ETH_P_WIRE);
	while (!ends) {
		ssize_t n = recv(direction->from, from, frame + size - from, 0);

		if (n <= 0)
			continue;
		while (send(direction->to, to, from + n - to, 0) < 0 && !ends && (errno == EAGAIN || errno == ENOBUFS))
			if (errno == ENOBUFS)
				usleep(500);
	}
	free(header);
	return NULL;
}

static void start(struct direction *direction, int from, int to, bool is_in)
{
	direction->from = from;
	direction->to = to;
	direction->is_in = is_in;
	pthread_create(&direction->thread, NULL, relay, direction);
}

static int interface_names(char names[][IFNAMSIZ])
{
	DIR *all = opendir("/sys/class/net");
	struct dirent *entry;
	int n = 0;

	while (n < NAMES_MAX && (entry = readdir(all))) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "lo") || !strncmp(entry->d_name, "wire", 4))
			continue;
		snprintf(names[n++], IFNAMSIZ, "%s", entry->d_name);
	}
	closedir(all);
	qsort(names, n, IFNAMSIZ, (int (*)(const void *, const void *))strcmp);
	return n;
}

/* Frames that code of the module frees with a reason, by the tracepoint. */
static void trace_drops(void)
{
	char line[512], name[64], text[160];
	unsigned long size, base;
	FILE *modules = fopen("/proc/modules", "r");

	write_text(TRACING "/events/skb/kfree_skb/enable", "0");
	write_text(TRACING "/trace", "");
	while (modules && fgets(line, sizeof(line), modules)) {
		/* The learner's is the newest, and so the first. */
		if (sscanf(line, "%63s %lu %*s %*s %*s %lx", name, &size, &base) != 3)
			continue;
		snprintf(text, sizeof(text), "location >= 0x%lx && location < 0x%lx", base, base + size);
		write_text(TRACING "/events/skb/kfree_skb/filter", text);
		write_text(TRACING "/events/skb/kfree_skb/enable", "1");
		break;
	}
	if (modules)
		fclose(modules);
}

static void load(const char *params)
{
	static char names[NAMES_MAX][IFNAMSIZ];
	struct ifreq ifr = {};
	int n;

	if (insmod(MODULE, params) < 0)
		return failed("insmod");
	trace_drops();
	n = interface_names(names);
	ends = false;
	for (port_count = 0; port_count < n && port_count < wire_count; port_count++) {
		struct port *port = &ports[port_count];
		char wire[IFNAMSIZ], address[32], path[64], mtu[16];

		snprintf(port->name, IFNAMSIZ, "%s", names[port_count]);
		snprintf(wire, IFNAMSIZ, "wire%d", port_count);
		if (set_up(port->name, true) < 0)
			return failed(port->name);
		port->wire = open_socket(wire, true);
		port->own = open_socket(port->name, false);
		start(&port->in, port->wire, port->own, true);
		start(&port->out, port->own, port->wire, false);
		snprintf(path, sizeof(path), "/sys/class/net/%s/address", port->name);
		read_text(path, address, sizeof(address));
		snprintf(path, sizeof(path), "/sys/class/net/%s/mtu", port->name);
		read_text(path, mtu, sizeof(mtu));
		request(port->name, SIOCGIFFLAGS, &ifr);
		reply(" %s %s %s %d", port->name, address, mtu, (ifr.ifr_flags & IFF_NOARP) != 0);
	}
	reply("ok");
}

static void set_state(char *arguments)
{
	char name[IFNAMSIZ];
	int up;

	if (sscanf(arguments, "%15s %d", name, &up) != 2)
		return reply("error link: NAME 0|1 expected");
	if (set_up(name, up) < 0)
		return failed(name);
	reply("ok");
}

static void print_drops(void)
{
	FILE *trace = fopen(TRACING "/trace", "r");
	char line[512], *reason;

	while (trace && fgets(line, sizeof(line), trace))
		if (line[0] != '#' && (reason = strstr(line, "reason: "))) {
			reason[strcspn(reason, "\n")] = 0;
			reply(" drop %s", reason + 8);
		}
	if (trace)
		fclose(trace);
}

/* The statistics of `ethtool -S`. */
static void print_private(const char *name)
{
	/* Not ETHTOOL_GDRVINFO, which fails for a device without a bus. The count follows the header. */
	struct {
		struct ethtool_sset_info header;
		__u32 count;
	} info = { .header = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_STATS } };
	struct ethtool_gstrings *strings;
	struct ethtool_stats *values;
	struct ifreq ifr = { .ifr_data = (char *)&info };

	if (request(name, SIOCETHTOOL, &ifr) < 0 || info.header.sset_mask == 0)
		return;
	strings = calloc(1, sizeof(*strings) + info.count * ETH_GSTRING_LEN);
	values = calloc(1, sizeof(*values) + info.count * sizeof(__u64));
	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = ETH_SS_STATS;
	values->cmd = ETHTOOL_GSTATS;
	strings->len = values->n_stats = info.count;
	ifr.ifr_data = (char *)strings;
	if (request(name, SIOCETHTOOL, &ifr) == 0) {
		ifr.ifr_data = (char *)values;
		if (request(name, SIOCETHTOOL, &ifr) == 0)
			for (unsigned int i = 0; i < info.count; i++)
				reply(" private %s %.32s %llu", name, (char *)strings->data + i * ETH_GSTRING_LEN,
				      (unsigned long long)values->data[i]);
	}
	free(strings);
	free(values);
}

static void statistics(void)
{
	for (int i = 0; i < port_count; i++) {
		char directory[64], path[320], value[32];
		struct dirent *entry;
		DIR *all;

		snprintf(directory, sizeof(directory), "/sys/class/net/%s/statistics", ports[i].name);
		all = opendir(directory);
		while (all && (entry = readdir(all))) {
			snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
			if (entry->d_name[0] != '.' && read_text(path, value, sizeof(value)) > 0)
				reply(" stat %s %s %s", ports[i].name, entry->d_name, value);
		}
		if (all)
			closedir(all);
		print_private(ports[i].name);
	}
	print_drops();
}

static void unload(const char *name)
{
	for (int i = 0; i < port_count; i++)
		set_up(ports[i].name, false);
	ends = true;
	for (int i = 0; i < port_count; i++) {
		pthread_join(ports[i].in.thread, NULL);
		pthread_join(ports[i].out.thread, NULL);
		close(ports[i].wire);
		close(ports[i].own);
	}
	statistics();
	port_count = 0;
	if (syscall(SYS_delete_module, name, O_NONBLOCK) < 0)
		return failed("rmmod");
	reply("ok");
}

/* MODULE NAME VALUE */
static void set_param(char *arguments)
{
	char module[64], name[64], value[256], path[160];

	if (sscanf(arguments, "%63s %63s %255s", module, name, value) != 3)
		return reply("error param: MODULE NAME VALUE expected");
	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module, name);
	if (write_text(path, value) < 0)
		return failed(name);
	reply("ok");
}

/* NAME NUMBER HEX LENGTH: a private ioctl, with a buffer of LENGTH bytes that starts with HEX. */
static void private_ioctl(char *arguments)
{
	static unsigned char data[IOCTL_MAX];
	char name[IFNAMSIZ], hex[2 * 256 + 1] = "";
	struct ifreq ifr = { .ifr_data = (char *)data };
	unsigned int number, length, byte;

	if (sscanf(arguments, "%15s %u %512s %u", name, &number, hex, &length) != 4 || number > 15 || length > IOCTL_MAX)
		return reply("error ioctl: NAME NUMBER HEX LENGTH expected");
	memset(data, 0, sizeof(data));
	for (int i = 0; hex[2 * i] && sscanf(hex + 2 * i, "%2x", &byte) == 1; i++)
		data[i] = byte;
	if (request(name, SIOCDEVPRIVATE + number, &ifr) < 0)
		return failed("ioctl");
	fprintf(control, " data ");
	for (unsigned int i = 0; i < length; i++)
		fprintf(control, "%02x", data[i]);
	reply("");
	reply("ok");
}

static void run(char *line)
{
	char *space = strchr(line, ' ');
	char *rest = space ? space + 1 : line + strlen(line);

	if (space)
		*space = 0;
	if (!strcmp(line, "load"))
		return load(rest);
	if (!strcmp(line, "link"))
		return set_state(rest);
	if (!strcmp(line, "unload"))
		return unload(rest);
	if (!strcmp(line, "param"))
		return set_param(rest);
	if (!strcmp(line, "ioctl"))
		return private_ioctl(rest);
	if (!strcmp(line, "stats"))
		statistics();
	reply("ok");
}

/* The virtual network cards become wire0, wire1 and so on. */
static void rename_cards(void)
{
	static char names[NAMES_MAX][IFNAMSIZ];
	char path[64];
	int n = interface_names(names);

	for (int i = 0; i < n; i++) {
		struct ifreq ifr = {};

		snprintf(ifr.ifr_newname, IFNAMSIZ, "wire%d", i);
		if (request(names[i], SIOCSIFNAME, &ifr) < 0)
			continue;
		snprintf(names[i], IFNAMSIZ, "wire%d", i);
		snprintf(path, sizeof(path), "/sys/class/net/%s/mtu", names[i]);
		write_text(path, WIRE_MTU);
		if (set_up(names[i], true) == 0)
			wire_count++;
	}
}

int main(void)
{
	char path[32], line[2048];
	struct termios raw;
	int tty;

	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("tracing", TRACING, "tracefs", 0, NULL);
	tty = open("/dev/ttyS1", O_RDWR | O_CLOEXEC | O_NOCTTY);
	tcgetattr(tty, &raw);
	cfmakeraw(&raw);
	tcsetattr(tty, TCSANOW, &raw);
	control = fdopen(tty, "r+");
	any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* Nothing but the checks' frames, also on interfaces that are made later. */
	write_text("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	write_text("/proc/sys/net/core/netdev_max_backlog", "10000");
	/* fq_codel, the default of Debian's kernel, drops frames that wait long and reports no error. */
	write_text("/proc/sys/net/core/default_qdisc", "pfifo_fast");
	for (int i = 0; snprintf(path, sizeof(path), "/%d.ko", i), access(path, R_OK) == 0; i++)
		if (insmod(path, "") < 0 && errno != EEXIST)
			reply(" insmod %s: %s", path, strerror(errno));
	rename_cards();
	reply("ready %d", wire_count);
	while (fgets(line, sizeof(line), control)) {
		line[strcspn(line, "\r\n")] = 0;
		fseek(control, 0, SEEK_CUR);
		run(line);
	}
	return 0;
}
