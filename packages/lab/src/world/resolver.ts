/**
 * DNS lookups by a socket of a host. Their packets cross its links. getaddrinfo(3) would send them
 * from the network of this process.
 */
import { randomInt } from 'node:crypto'
import type dgram from 'node:dgram'
import { domainToASCII } from 'node:url'
import { attempt, formatAddress } from 'vnet'
import { dns } from 'vnet/kit/packet'
import type { HostAddress, NameServer } from '../model/place.ts'

/** RES_TIMEOUT and RES_DFLRETRY of resolv.conf(5). */
const TIMEOUT_MS = 5000
const ATTEMPTS = 2

const TYPES = { 4: dns.T_A, 6: dns.T_AAAA } as const
const LENGTHS = { 4: 4, 6: 16 } as const

/** The numbers of libuv. */
const ERRORS = { ENOTFOUND: -3008, EAI_AGAIN: -3001 } as const

/**
 * Returns the addresses of a name in the first of these families that has any. Closes `socket`,
 * which is bound. Rejects with an error like dns.lookup: ENOTFOUND, or EAI_AGAIN without a reply.
 */
export async function resolve(
  socket: dgram.Socket,
  servers: readonly NameServer[],
  name: string,
  families: readonly (4 | 6)[],
): Promise<readonly HostAddress[]> {
  try {
    const labels = dns.nameOf(domainToASCII(name))
    for (const family of labels === undefined ? [] : families) {
      const question = { name: labels as Uint8Array, type: TYPES[family], class: dns.C_IN }
      const answer = await ask(socket, servers, dns.writeQuery(randomInt(0x10000), question))
      const found = answer?.data.filter(({ length }) => length === LENGTHS[family]) ?? []
      if (found.length > 0) return found.map(bytes => ({ address: formatAddress(bytes), family }))
      if (answer?.rcode === dns.NXDOMAIN) break
      if (answer?.rcode !== dns.NOERROR || answer.isTruncated) throw failure('EAI_AGAIN', name)
    }
    throw failure('ENOTFOUND', name)
  } finally {
    // The host may have closed it.
    attempt(() => socket.close())
  }
}

/**
 * Sends a query, and sends it again to the next server if no reply arrives. Resolves to undefined
 * without a reply, and if the socket fails or is closed.
 */
function ask(
  socket: dgram.Socket,
  servers: readonly NameServer[],
  query: Uint8Array,
): Promise<dns.DnsAnswer | undefined> {
  return new Promise(done => {
    let [attempts, timer]: [number, NodeJS.Timeout | undefined] = [0, undefined]
    const end = (answer?: dns.DnsAnswer) => {
      clearTimeout(timer)
      socket.off('message', onMessage).off('error', onEnd).off('close', onEnd)
      done(answer)
    }
    const onEnd = () => end()
    const onMessage = (message: Uint8Array, { address, port }: dgram.RemoteInfo) => {
      const isServer = servers.some(each => each[0] === address && each[1] === port)
      const answer = isServer ? dns.parseReply(message, query) : undefined
      if (answer !== undefined) {
        end(answer)
      }
    }
    const send = () => {
      if (attempts === ATTEMPTS) return end()
      timer = setTimeout(send, TIMEOUT_MS)
      const [address, port] = servers[attempts++ % servers.length] as NameServer
      socket.send(query, port, address)
    }
    socket.on('message', onMessage).on('error', onEnd).on('close', onEnd)
    send()
  })
}

function failure(code: keyof typeof ERRORS, hostname: string): Error {
  return Object.assign(new Error(`getaddrinfo ${code} ${hostname}`), {
    ...{ errno: ERRORS[code], code, syscall: 'getaddrinfo', hostname },
  })
}
