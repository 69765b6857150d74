/*
 * A control port (packages/conform/docs/conform.md) of this machine, with sockets of
 * lwIP.
 */
#define _GNU_SOURCE /* strerrorname_np */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <lwip/sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SOCKETS = 64, LINE = 256 };

static int listener = -1, s = -1; /* s: the socket of the next call */
static int all[SOCKETS], count;   /* the sockets of the case */
static char bytes[65536];         /* of a write or a read */

static int own(int fd)
{
	if (fd >= 0 && count < SOCKETS) {
		all[count++] = fd;
		lwip_fcntl(fd, F_SETFL, O_NONBLOCK);
	}
	return fd;
}

static struct sockaddr_in address_of(const char *address, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, address, &to.sin_addr);
	return to;
}

static int open_and(int call(int, const struct sockaddr *, socklen_t), int *fd, const char *address, int port)
{
	struct sockaddr_in to = address_of(address, port);

	*fd = own(lwip_socket(AF_INET, SOCK_STREAM, 0));
	return call(*fd, (struct sockaddr *)&to, sizeof to);
}

static int start(const char *address, int backlog)
{
	struct sockaddr_in name;
	socklen_t size = sizeof name;

	if (open_and(lwip_bind, &listener, address, 0) < 0 || lwip_listen(listener, backlog) < 0 ||
	    lwip_getsockname(listener, (struct sockaddr *)&name, &size) < 0)
		return -1;
	return ntohs(name.sin_port);
}

static int take(void)
{
	int fd = own(lwip_accept(listener, NULL, NULL));

	if (fd < 0)
		return -1;
	s = fd;
	return 1;
}

static int pending(void)
{
	int error = 0;
	socklen_t size = sizeof error;

	lwip_getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &size);
	errno = error;
	return error == 0 ? 0 : -1;
}

static int ready(void)
{
	struct pollfd one = { .fd = s, .events = POLLOUT };

	return lwip_poll(&one, 1, 0) > 0;
}

static int set(int level, int name, int value)
{
	return lwip_setsockopt(s, level, name, &value, sizeof value);
}

static int reset(int fd)
{
#if LWIP_SO_LINGER
	struct linger none = { .l_onoff = 1 };

	lwip_setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
#endif
	return lwip_close(fd);
}

/* Returns a number, -1 for an error, or -2 if it does not know the request. */
static int answer(FILE *in, const char *verb, const char *a, const char *b, const char *c)
{
	int n = atoi(a);

	if (!strcmp(verb, "connect"))
		return open_and(lwip_connect, &s, a, atoi(b));
	if (!strcmp(verb, "listen"))
		return start(a, atoi(b));
	if (!strcmp(verb, "unlisten"))
		return lwip_close(listener);
	if (!strcmp(verb, "accept"))
		return take();
	if (!strcmp(verb, "ready"))
		return ready();
	if (!strcmp(verb, "error"))
		return pending();
	if (!strcmp(verb, "write"))
		return lwip_send(s, bytes, fread(bytes, 1, n, in), 0);
	if (!strcmp(verb, "read"))
		return lwip_recv(s, bytes, n, 0);
	if (!strcmp(verb, "shutdown"))
		return lwip_shutdown(s, SHUT_WR);
	if (!strcmp(verb, "close"))
		return lwip_close(s);
	if (!strcmp(verb, "reset") && LWIP_SO_LINGER)
		return reset(s);
	if (!strcmp(verb, "nodelay"))
		return set(IPPROTO_TCP, TCP_NODELAY, n);
#if LWIP_TCP_KEEPALIVE
	if (!strcmp(verb, "keepalive"))
		return set(IPPROTO_TCP, TCP_KEEPIDLE, n) | set(IPPROTO_TCP, TCP_KEEPINTVL, atoi(b)) |
		       set(IPPROTO_TCP, TCP_KEEPCNT, atoi(c)) | set(SOL_SOCKET, SO_KEEPALIVE, 1);
#endif
	if (strcmp(verb, "end"))
		return -2;
	for (; count > 0; count--) /* lwIP does not reset a listener */
		(all[count - 1] == listener ? lwip_close : reset)(all[count - 1]);
	return 0;
}

static void serve(FILE *in, FILE *out)
{
	for (char line[LINE]; fgets(line, sizeof line, in); fflush(out)) {
		char verb[16] = "", a[64] = "", b[64] = "", c[64] = "";
		int n;

		sscanf(line, "%15s %63s %63s %63s", verb, a, b, c);
		n = answer(in, verb, a, b, c);
		if (n < 0)
			fprintf(out, "%s\n", n == -2 ? "?" : strerrorname_np(errno));
		else
			fprintf(out, "%d\n", n);
		fwrite(bytes, 1, !strcmp(verb, "read") && n > 0 ? n : 0, out);
	}
}

/* Serves a port of 127.0.0.1, in the thread that calls it. */
void control(int port)
{
	struct sockaddr_in own = address_of("127.0.0.1", port);
	int server = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(server, (struct sockaddr *)&own, sizeof own) < 0 || listen(server, 1) < 0)
		exit(1);
	for (;;) {
		int connection = accept(server, NULL, NULL);

		serve(fdopen(connection, "r"), fdopen(connection, "w"));
		answer(NULL, "end", "", "", "");
		close(connection);
	}
}
