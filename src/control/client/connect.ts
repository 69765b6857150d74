/** Connects to a vnet with a trusted user's socket. */

import { ECONNREFUSED, ENOENT, EPERM } from '../../base/errno.ts'
import type { Native } from '../../linux/native.ts'
import { Connection, type ConnectionListener } from '../protocol/connection.ts'

/** Milliseconds until the next attempt to connect to a vnet with a full connection queue. */
export const AGAIN_MS = 2

/** The reason why a connection failed. */
export interface NoConnection {
  /** EAGAIN if the vnet's queue of connections is full. */
  readonly errno: number
  readonly advice?: string
}

/** Connects to the socket at `path` if one of `users` listens there. Does not wait. */
export function connectTo(
  native: Native,
  path: string,
  users: ReadonlySet<number>,
  listener: ConnectionListener,
): Connection | NoConnection {
  const connection = Connection.connect(native, path, listener)
  if (typeof connection === 'number') return { errno: connection === -ENOENT ? ECONNREFUSED : -connection }
  const uid = connection.peer()?.uid
  if (uid !== undefined && users.has(uid)) return connection
  connection.close()
  return { errno: EPERM, advice: `${path} belongs to user ${uid}, who is neither root nor you` }
}
