/** The requests of a client for captures, each on its own connection, and their streams. */

import { EAGAIN, EBADF, ECANCELED, ECONNREFUSED, EPROTO, ETIMEDOUT, VnetError } from '../../base/errno.ts'
import type { Native } from '../../linux/native.ts'
import {
  encodeAttributes,
  genlmsghdr,
  MessageBuilder,
  messages,
  NetlinkParseError,
  NLM_F_ACK,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  parseAck,
} from '../../netlink/index.ts'
import { Connection, type Detached } from '../protocol/connection.ts'
import { commands, VNET_GENL_ID, VNET_GENL_VERSION } from '../protocol/family.ts'
import { encodeProgram } from '../protocol/filter-program.ts'
import { type CaptureStream, VnetCapture } from './capture-stream.ts'
import { AGAIN_MS, connectTo } from './connect.ts'
import type { CaptureRequest } from './types.ts'

/** The request, for an error. */
const CAPTURE = commands.capture.name

export class CaptureRequests {
  readonly #native: Native
  readonly #timeoutMs: number
  readonly #users: ReadonlySet<number>
  /** Pending requests and running captures. */
  readonly #open = new Set<{ close(): void }>()
  #isOpen = true

  /** `users` are the owners of the sockets that are trusted. */
  constructor(native: Native, timeoutMs: number, users: ReadonlySet<number>) {
    this.#native = native
    this.#timeoutMs = timeoutMs
    this.#users = users
  }

  async start(vnet: string, options: CaptureRequest): Promise<CaptureStream> {
    const request = await requestOf(options)
    if (!this.#isOpen) throw new VnetError(EBADF, [CAPTURE, 'vnet'])
    const detached = await this.#acknowledged(vnet, request)
    const capture = new VnetCapture(this.#native, detached, ended => this.#open.delete(ended))
    this.#open.add(capture)
    return capture
  }

  /** Ends pending requests with ECANCELED, and captures immediately. Idempotent. */
  close(): void {
    this.#isOpen = false
    for (const each of [...this.#open]) each.close()
  }

  /** Sends the request; returns the connection once it is acknowledged. */
  #acknowledged(vnet: string, request: Uint8Array): Promise<Detached> {
    return new Promise((resolve, reject) => {
      let connection: Connection | undefined
      let again: NodeJS.Timeout | undefined
      const seconds = this.#timeoutMs / 1000
      const deadline = setTimeout(() => fail(ETIMEDOUT, `it has not replied for ${seconds} s`), this.#timeoutMs)
      const pending = { close: () => fail(ECANCELED) }
      this.#open.add(pending)
      const end = () => {
        this.#open.delete(pending)
        clearTimeout(deadline)
        clearTimeout(again)
      }
      const fail = (errno: number, advice?: string, object = 'vnet') => {
        end()
        connection?.close()
        reject(new VnetError(errno, [CAPTURE, object], advice))
      }
      const onEnd = (errno: number) => fail(errno === EPROTO ? EPROTO : ECONNREFUSED)
      const onMessage = (bytes: Uint8Array, at: number, length: number) => {
        try {
          const refusal = acknowledgement(bytes, at, length)
          if (refusal === undefined) return
          // The report of a vnet names its object.
          if (refusal.error !== 0) return fail(refusal.error, refusal.message, refusal.message && '')
          end()
          resolve((connection as Connection).detach())
        } catch (error) {
          if (!(error instanceof NetlinkParseError)) throw error
          fail(EPROTO, error.message)
        }
      }
      const connect = () => {
        const connected = connectTo(this.#native, vnet, this.#users, { onMessage, onEnd })
        if (connected instanceof Connection) {
          connection = connected
          // If the vnet has ended, onEnd is called.
          connection.send(request)
        } else if (connected.errno === EAGAIN) again = setTimeout(connect, AGAIN_MS)
        else fail(connected.errno, connected.advice)
      }
      connect()
    })
  }
}

/** Returns the request as a message. The filter is compiled here, with this process's rights. */
async function requestOf({ devices, snaplen, filter, dropsOnly }: CaptureRequest): Promise<Uint8Array> {
  const { cmd, request } = commands.capture
  const values = {
    devices: devices?.map(({ ifindex, name: ifname, netns }) => ({ ifindex, ifname, netns })),
    snaplen,
    filter,
    drops: dropsOnly === true ? true : undefined,
    program: filter === undefined ? undefined : await compiled(filter),
  }
  const builder = new MessageBuilder().message(VNET_GENL_ID, NLM_F_REQUEST | NLM_F_ACK, 1)
  encodeAttributes(builder.payload(genlmsghdr(cmd, VNET_GENL_VERSION)), request, values)
  return builder.bytes
}

async function compiled(filter: string): Promise<Uint8Array> {
  const { compileFilter } = await loadFilters()
  return encodeProgram(compileFilter(filter))
}

/** Loads the code that only filters need. */
export function loadFilters() {
  return import('../../linux/pcap-filter.ts')
}

/** Returns the acknowledgement, or a refusal, also of the connection; undefined for an event. */
function acknowledgement(bytes: Uint8Array, at: number, length: number) {
  const found = [...messages(bytes, at, length)].find(({ type }) => type === NLMSG_ERROR)
  return found && parseAck(bytes, found)
}
