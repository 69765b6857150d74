/**
 * echo: sends a text to the driver over the generic netlink family vnet_nl and prints the reply.
 *
 *   npx tsc -p examples                               not needed for Node 22.18 and newer
 *   sudo vnet exec node build/examples/echo.js TEXT   as a program for a driver in the kernel
 *   node build/examples/echo.js --direct TEXT         talks to the vnet itself, with 'vnet/control'
 */
import process from 'node:process'
import { ControlClient, findVnets } from 'vnet/control'
import { failure, libc } from './libc.ts'

const [AF_NETLINK, SOCK_RAW, NETLINK_GENERIC] = [16, 3, 16]
const [NLM_F_REQUEST, NLM_F_ACK, NLMSG_ERROR] = [1, 4, 2]
const [GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME] = [16, 3, 1, 2]
const [VNET_CMD_ECHO, VNET_ECHO_ATTR_TEXT] = [1, 1]
/** Lengths of struct nlmsghdr, struct genlmsghdr and struct nlattr. */
const [NLMSG_HDRLEN, GENL_HDRLEN, NLA_HDRLEN] = [16, 4, 4]

const align = (length: number) => (length + 3) & ~3

/**
 * A request with one attribute, a string. Numbers are in the byte order of the machine, which is
 * little-endian wherever vnet runs.
 */
function request(family: number, cmd: number, attr: number, text: string): Buffer {
  const payload = Buffer.from(`${text}\0`)
  const message = Buffer.alloc(NLMSG_HDRLEN + GENL_HDRLEN + align(NLA_HDRLEN + payload.length))
  message.writeUInt32LE(message.length, 0)
  message.writeUInt16LE(family, 4)
  message.writeUInt16LE(NLM_F_REQUEST | NLM_F_ACK, 6)
  message.writeUInt32LE(1, 8) // sequence number
  message.set([cmd, 1], NLMSG_HDRLEN)
  message.writeUInt16LE(NLA_HDRLEN + payload.length, NLMSG_HDRLEN + GENL_HDRLEN)
  message.writeUInt16LE(attr, NLMSG_HDRLEN + GENL_HDRLEN + 2)
  message.set(payload, NLMSG_HDRLEN + GENL_HDRLEN + NLA_HDRLEN)
  return message
}

/** Sends a request and returns the attributes of the reply, by type. */
function exchange(fd: number, message: Buffer): Map<number, Buffer> {
  libc('send', fd, message, message.length, 0)
  const reply = new Map<number, Buffer>()
  for (;;) {
    const into = Buffer.alloc(16384)
    const received = libc('recv', fd, into, into.length, 0)
    for (let at = 0; at < received; at += align(into.readUInt32LE(at))) {
      const end = at + into.readUInt32LE(at)
      if (into.readUInt16LE(at + 4) !== NLMSG_ERROR) {
        for (
          let nla = at + NLMSG_HDRLEN + GENL_HDRLEN;
          nla < end;
          nla += align(into.readUInt16LE(nla))
        ) {
          reply.set(
            into.readUInt16LE(nla + 2),
            into.subarray(nla + NLA_HDRLEN, nla + into.readUInt16LE(nla)),
          )
        }
        continue
      }
      const error = into.readInt32LE(at + NLMSG_HDRLEN)
      if (error === 0) return reply
      throw failure(-error)
    }
  }
}

function byNetlink(text: string): string {
  const fd = libc('socket', AF_NETLINK, SOCK_RAW, NETLINK_GENERIC)
  const family = exchange(
    fd,
    request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, 'vnet_nl'),
  )
  const id = family.get(CTRL_ATTR_FAMILY_ID)!.readUInt16LE()
  const reply = exchange(fd, request(id, VNET_CMD_ECHO, VNET_ECHO_ATTR_TEXT, text))
  return reply.get(VNET_ECHO_ATTR_TEXT)!.subarray(0, -1).toString()
}

async function byClient(text: string): Promise<string> {
  const client = ControlClient.open()
  const { devices } = await findVnets(client)
  if (devices.length === 0) throw new Error('no vnet is running')
  return await client.echo(devices[0].vnet, text)
}

const words = process.argv.slice(2)
const direct = words[0] === '--direct'
const text = words[direct ? 1 : 0] ?? 'hello'
try {
  console.log(await (direct ? byClient : byNetlink)(text))
} catch (error) {
  console.error(`echo: vnet_nl: ${(error as Error).message}`)
  process.exitCode = 1
}
