/** Requests to `vnet node`, and how a client sends one. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { attempt, ECONNREFUSED, VnetError } from '../base/errno.ts'
import { anyText, flag, integer, object, oneOf, string, type TypeOf } from '../base/schema.ts'
import { RUN_DIRECTORY } from '../control/sockets/run-directory.ts'

const text = string('a text of at most 4096 characters', { maxLength: 4096 })
const pidOrIndex = integer(1, Number.MAX_SAFE_INTEGER)
export const requestSchema = object(
  {
    do: oneOf('attach', 'detach'),
    name: text,
    inode: pidOrIndex,
    container: text,
    pid: pidOrIndex,
    interface: text,
    wire: anyText,
    wireIn: anyText,
    wireOut: anyText,
    only: anyText,
    seed: text,
    scenario: text,
    farSide: flag,
    failOpen: pidOrIndex,
  },
  'do',
)
type Asked = TypeOf<typeof requestSchema>
export type AgentRequest = {
  readonly [K in keyof Asked]: K extends 'do' ? Asked[K] : Asked[K] | undefined
}

/** The daemon's reply to a request, which the client's program prints and exits with. */
export interface AgentReply {
  /** The exit status for the client's program. */
  readonly status: number
  readonly text: string
}

/** Returns the path of the daemon's socket: VNET_NODE_SOCKET, or /run/vnet/node.sock. */
export const agentSocket = (): string =>
  process.env.VNET_NODE_SOCKET || `${RUN_DIRECTORY}/node.sock`

/** Returns the path of a file of the daemon, beside its socket. */
export function agentFile(
  extension: '.state' | '.mark' | '.unserved',
  socket = agentSocket(),
): string {
  return socket.replace(/(\.sock)?$/, extension)
}

/**
 * Returns the names of the interfaces that the daemon does not attach to again, because it ended
 * twice while a frame of theirs was in work. Only root may read them: for others the list is empty.
 */
export function awayNames(): string[] {
  const kept: unknown = attempt(() => JSON.parse(readFileSync(agentFile('.state'), 'utf8')))
  if (!Array.isArray(kept)) return []
  return kept.filter(each => each?.away === true).map(each => String(each.request?.name))
}

/** Sends a request to the daemon, and returns its reply. Rejects with a VnetError without one. */
export function askAgent(request: AgentRequest, path = agentSocket()): Promise<AgentReply> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    let reply = ''
    socket.setEncoding('utf8').on('data', chunk => {
      reply += chunk
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const advice =
        error.code === 'EACCES'
          ? 'only root and members of its --group may ask'
          : 'start it: vnet node'
      reject(new VnetError(ECONNREFUSED, `vnet node at ${path}`, advice))
    })
    socket.on('end', () => {
      const [status = '', ...lines] = reply.split('\n')
      if (/^\d$/.test(status)) {
        resolve({ status: Number(status), text: lines.join('\n') })
      } else {
        reject(new VnetError(ECONNREFUSED, `vnet node at ${path}`, 'it ended without a reply'))
      }
    })
    socket.on('connect', () => socket.end(JSON.stringify(request)))
  })
}
