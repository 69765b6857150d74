/*
 * lwIP as a host on a TAP, with echo (7), discard (9) and chargen (19) over TCP and UDP, for
 * `vnet conform`. Received frames are in memory of PBUF_RAM: PBUF_POOL of Debian's liblwip 2.1.3
 * damages the heap at frames of about 1,000 bytes, also in its own tapif.
 *
 *     cc -o lwip lwip.c lwip_control.c $(pkg-config --cflags --libs lwip)    # liblwip-dev
 *     lwip TAP ADDRESS NETMASK ROUTER [CONTROL-PORT]
 */
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <lwip/etharp.h>
#include <lwip/netif.h>
#include <lwip/sockets.h>
#include <lwip/sys.h>
#include <lwip/tcpip.h>
#include <netif/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { ECHO = 7, DISCARD = 9, CHARGEN = 19, BACKLOG = 16, CHUNK = 4096, STACK = 32768, FRAME = 1518 };

void control(int port);

static int tap;

static char line[CHUNK];

/* Serves one connection. */
static void connection(void *argument)
{
	int fd = (int)(long)argument & 0xffff, port = (int)(long)argument >> 16;
	char bytes[CHUNK];
	ssize_t n = 1;

	while (n > 0) {
		if (port == CHARGEN) {
			n = lwip_write(fd, line, sizeof line);
			continue;
		}
		n = lwip_read(fd, bytes, sizeof bytes);
		if (n > 0 && port == ECHO)
			n = lwip_write(fd, bytes, n);
	}
	lwip_close(fd);
}

static void server(void *argument)
{
	int port = (int)(long)argument;
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = lwip_htons(port) };
	int fd = lwip_socket(AF_INET, SOCK_STREAM, 0);

	if (lwip_bind(fd, (struct sockaddr *)&own, sizeof own) != 0 || lwip_listen(fd, BACKLOG) != 0)
		exit(1);
	for (;;) {
		int accepted = lwip_accept(fd, NULL, NULL);

		if (accepted >= 0)
			sys_thread_new("connection", connection, (void *)((long)port << 16 | accepted), STACK, 1);
	}
}

static void datagrams(void *argument)
{
	int port = (int)(long)argument;
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = lwip_htons(port) };
	int fd = lwip_socket(AF_INET, SOCK_DGRAM, 0);
	char bytes[65536];

	if (lwip_bind(fd, (struct sockaddr *)&own, sizeof own) != 0)
		exit(1);
	for (;;) {
		struct sockaddr_in from;
		socklen_t size = sizeof from;
		ssize_t n = lwip_recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size);

		if (n >= 0 && port == ECHO)
			lwip_sendto(fd, bytes, n, 0, (struct sockaddr *)&from, size);
		else if (n >= 0 && port == CHARGEN)
			lwip_sendto(fd, line, 72, 0, (struct sockaddr *)&from, size);
	}
}

static err_t transmit(struct netif *netif, struct pbuf *p)
{
	char frame[FRAME];

	(void)netif;
	if (p->tot_len > sizeof frame || write(tap, frame, pbuf_copy_partial(p, frame, p->tot_len, 0)) < 0)
		return ERR_IF;
	return ERR_OK;
}

static void receive(void *argument)
{
	struct netif *netif = argument;
	char frame[FRAME];
	ssize_t n;

	while ((n = read(tap, frame, sizeof frame)) > 0) {
		struct pbuf *p = pbuf_alloc(PBUF_RAW, n, PBUF_RAM);

		if (p == NULL)
			continue;
		pbuf_take(p, frame, n);
		if (netif->input(p, netif) != ERR_OK)
			pbuf_free(p);
	}
}

static err_t start(struct netif *netif)
{
	static const unsigned char address[] = { 2, 0, 0, 0, 0, 0x4c };

	netif->name[0] = 't';
	netif->name[1] = 'p';
	netif->output = etharp_output;
	netif->linkoutput = transmit;
	netif->mtu = 1500;
	netif->hwaddr_len = sizeof address;
	memcpy(netif->hwaddr, address, sizeof address);
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
	sys_thread_new("receive", receive, netif, STACK, 1);
	return ERR_OK;
}

struct setup {
	ip4_addr_t address, mask, router;
	sys_sem_t done;
};

/* Runs in the thread of the stack. */
static void add_interface(void *argument)
{
	static struct netif netif;
	struct setup *setup = argument;

	if (netif_add(&netif, &setup->address, &setup->mask, &setup->router, NULL, start, tcpip_input) == NULL)
		exit(1);
	netif_set_default(&netif);
	netif_set_link_up(&netif);
	netif_set_up(&netif);
	sys_sem_signal(&setup->done);
}

int main(int argc, char **argv)
{
	struct setup setup;
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	static const int ports[] = { ECHO, DISCARD, CHARGEN };

	if (argc < 5 || !ip4addr_aton(argv[2], &setup.address) || !ip4addr_aton(argv[3], &setup.mask) ||
	    !ip4addr_aton(argv[4], &setup.router)) {
		fprintf(stderr, "usage: lwip TAP ADDRESS NETMASK ROUTER [CONTROL-PORT]\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof line; i++)
		line[i] = ' ' + i % 95;
	tap = open("/dev/net/tun", O_RDWR);
	strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
	if (tap < 0 || ioctl(tap, TUNSETIFF, &request) < 0) {
		perror(argv[1]);
		return 1;
	}
	if (sys_sem_new(&setup.done, 0) != ERR_OK)
		return 1;
	tcpip_init(add_interface, &setup);
	sys_sem_wait(&setup.done);
	for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
		sys_thread_new("server", server, (void *)(long)ports[i], STACK, 1);
		sys_thread_new("datagrams", datagrams, (void *)(long)ports[i], 1 << 18, 1);
	}
	printf("ready\n");
	fflush(stdout);
	if (argc > 5)
		control(atoi(argv[5]));
	for (;;)
		pause();
}
