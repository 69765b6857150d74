/**
 * The socket of `vnet node`. A connection carries one request, to the end of its stream, and the
 * reply: the exit status as a line, then text. Only root, and members of one group, may ask.
 * Requests are JSON, or come from the CNI plugin (native/cni/cni.cc).
 */
import { chownSync, lstatSync } from 'node:fs'
import { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { findInside, type Inside, namesIn, otherEnds } from '../attach/inside.ts'
import { ConfigFile } from '../base/config-file.ts'
import {
  EADDRINUSE,
  EAGAIN,
  ECONNREFUSED,
  EEXIST,
  ENOENT,
  type Log,
  UsageError,
  VnetError,
} from '../base/index.ts'
import { ListeningSocket } from '../control/server/listening-socket.ts'
import { isMember, Rights } from '../control/server/rights.ts'
import { peerOf } from '../control/sockets/connection.ts'
import { removeQuietly } from '../control/sockets/directory.ts'
import {
  AF_UNIX,
  check,
  closing,
  closingOnError,
  isExiting,
  type Native,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  sockaddrUn,
} from '../linux/index.ts'
import type { AttachRequest } from './attach-request.ts'
import type { Attachments } from './attachments.ts'
import { type AgentReply, type AgentRequest, requestSchema } from './client.ts'
import { cni } from './cni.ts'
import { ownerText } from './owner.ts'
import { podNetnsAt } from './pod-netns.ts'
import { lineOf, type Spec } from './spec.ts'

// Maximum size of a request, and of one in JSON, in bytes; a CNI configuration has a few KiB.
const REQUEST_MAX = 4 << 20
const JSON_MAX = 64 << 10

/** The maximum number of connections at the same time; more wait. */
const CONNECTIONS = 64
/** Milliseconds without a byte after which a connection ends. */
const IDLE_MS = 10_000
/** Milliseconds between two looks at a daemon that is ending. */
const AGAIN_MS = 100
const ROOT = 0
const CNI = 'cni\0'

/**
 * Listens at `path` until disposed of; requests wait for start(). Throws a VnetError if a daemon
 * listens there already.
 */
export async function serveRequests(
  native: Native,
  attachments: Attachments,
  { path, group }: { readonly path: string; readonly group: number | undefined },
): Promise<Disposable & { start(): void }> {
  await removeStale(native, path, attachments.log)
  const rights = new Rights(native, [ROOT])
  const sockets = new Set<Socket>()
  const listening = new ListeningSocket(native, path, group === undefined ? 0o600 : 0o660, accept)
  listening.poller.stop()
  if (group !== undefined) {
    chownSync(path, ROOT, group)
  }

  function accept(): void {
    while (sockets.size < CONNECTIONS) {
      const fd = listening.accept()
      if (fd < 0) return
      const refused = closingOnError(native, [fd], () => refusal(fd))
      serve(fd, refused)
    }
    listening.poller.stop()
  }

  /** Returns why the client is refused, or undefined. */
  function refusal(fd: number): string | undefined {
    const peer = peerOf(native, fd)
    const missing =
      peer === undefined ? 'the kernel does not tell who you are' : rights.missing(fd, peer)
    const isOurs =
      peer !== undefined && group !== undefined && isMember(native, fd, peer.gid, group)
    const others = group === undefined ? '' : `; or members of group ${group}`
    return isOurs ? undefined : missing && missing + others
  }

  function serve(fd: number, refused: string | undefined): void {
    check(native.release(fd), 'release')
    const socket = new Socket({ fd, allowHalfOpen: true })
    sockets.add(socket)
    socket.on('close', () => {
      sockets.delete(socket)
      listening.poller.start()
    })
    const end = () => socket.destroy()
    socket.on('error', end).setTimeout(IDLE_MS, end)
    const chunks: Buffer[] = []
    let length = 0
    const reply = ({ status, text }: AgentReply) =>
      socket.setTimeout(IDLE_MS).end(`${status}\n${text}`)
    if (refused !== undefined) {
      reply({ status: 1, text: refused })
    }
    socket.on('data', chunk => {
      length += chunk.length
      if (length > REQUEST_MAX) {
        socket.destroy()
      } else if (refused === undefined) {
        chunks.push(chunk)
      }
    })
    socket.on('end', () => {
      if (refused !== undefined) return
      socket.setTimeout(0)
      void answer(attachments, Buffer.concat(chunks).toString('utf8')).then(reply)
    })
  }

  return {
    start: () => listening.poller.start(),
    [Symbol.dispose]() {
      listening.close()
      for (const socket of sockets) {
        socket.destroy()
      }
    },
  }
}

/**
 * Removes the socket of a daemon that was killed, once the kernel has ended that process. Throws a
 * VnetError if a daemon listens there, or if the file is not a socket of this user.
 */
async function removeStale(native: Native, path: string, log: Log): Promise<void> {
  for (let isLogged = false; ; isLogged = true) {
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined) return
    if (!found.isSocket() || found.uid !== process.geteuid?.()) {
      throw new VnetError(
        EEXIST,
        path,
        'it is not a socket of this user: set VNET_NODE_SOCKET to another path',
      )
    }
    const pid = listenerOf(native, path)
    if (pid === undefined) break
    if (!isExiting(pid)) throw new VnetError(EADDRINUSE, path, 'another vnet node listens there')
    if (!isLogged) {
      log.info(`the former vnet node (process ${pid}) is still ending: waiting for it`)
    }
    await setTimeout(AGAIN_MS)
  }
  removeQuietly(path)
}

/** Returns the process that listens at a path, 0 if it is not known; undefined without one. */
function listenerOf(native: Native, path: string): number | undefined {
  return closing(
    native,
    check(native.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, -1), 'socket(AF_UNIX)'),
    fd => {
      const status = native.connect(fd, sockaddrUn(path) as Uint8Array)
      // The former daemon may end meanwhile.
      if (status === -ECONNREFUSED || status === -ENOENT) return undefined
      // The queue of a listener may be full.
      if (status !== -EAGAIN) {
        check(status, ['connect', path])
      }
      return status < 0 ? 0 : peerOf(native, fd)?.pid
    },
  )
}

/** Never rejects. */
async function answer(attachments: Attachments, request: string): Promise<AgentReply> {
  try {
    if (request.startsWith(CNI)) return await cni(attachments, request.slice(CNI.length))
    if (request.length > JSON_MAX) throw new UsageError('the request is too long')
    const asked = new ConfigFile(undefined).read(request, requestSchema) as AgentRequest | undefined
    if (asked === undefined) throw new UsageError('the request is empty')
    return { status: 0, text: (await handle(attachments, asked)).join('\n') }
  } catch (error) {
    return { status: error instanceof UsageError ? 2 : 1, text: lineOf(error) }
  }
}

/** Attaches outside of a container or process. While that fails, it has a mistake. */
async function attachInside(
  attachments: Attachments,
  inside: Inside,
  spec: Spec,
): Promise<readonly string[]> {
  // An engine may be slow: other requests do not wait for it.
  const found = await findInside(inside)
  const { text, path, container } = found
  const owner = `by hand ${container?.id ?? path}`
  try {
    const isOfAll = inside.interface === undefined || undefined
    const places = otherEnds(attachments.native, found).map(end => {
      return { name: end.name, names: namesIn(found, end.inside), isOfAll }
    })
    const made = await attachAll(attachments, places, { ...spec, farSide: true })
    attachments.mistakes.forget(each => each === owner)
    return made
  } catch (error) {
    const who =
      container === undefined
        ? `process ${inside.pid}`
        : ownerText({ container: container.name, id: container.id })
    attachments.mistakes.add(owner, {
      who,
      why: lineOf(error).replace(`${text}: `, ''),
      netns: podNetnsAt(path),
    })
    throw error
  }
}

/** Attaches to all of the interfaces, or to none. Returns their names. */
function attachAll(
  attachments: Attachments,
  places: readonly Pick<AttachRequest, 'name' | 'inode' | 'names' | 'isOfAll'>[],
  spec: Spec & Pick<AttachRequest, 'farSide' | 'failOpen'>,
): Promise<readonly string[]> {
  return attachments.inTurn(async () => {
    const made: string[] = []
    try {
      for (const place of places) {
        await attachments.attach({ ...spec, ...place })
        made.push(place.name)
      }
    } catch (error) {
      for (const each of made) {
        await attachments.detach(each, places[0]?.inode)
      }
      throw error
    }
    return made
  })
}

/** Returns the interfaces that the request attached to or detached from. */
async function handle(attachments: Attachments, asked: AgentRequest): Promise<readonly string[]> {
  const { do: what, name, inode, container, pid, interface: only, ...spec } = asked
  if (what === 'detach') {
    if (name === undefined) throw new UsageError('detach takes the interface')
    if (await attachments.inTurn(() => attachments.detachForGood(name, inode))) return [name]
    throw new VnetError(ENOENT, `detach ${name}`, 'vnet node has no attachment of this name')
  }
  const isInside = container !== undefined || pid !== undefined
  if (isInside === (name !== undefined)) {
    throw new UsageError('attach takes an interface, a container or a pid')
  }
  if (name === undefined) {
    return attachInside(attachments, { container, pid, interface: only }, spec)
  }
  return attachAll(attachments, [{ name, inode }], spec)
}
