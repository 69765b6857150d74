/** Serves the files of a directory by HTTP, and nothing outside of it. */
import { constants, realpathSync, statSync } from 'node:fs'
import { type FileHandle, open, readlink } from 'node:fs/promises'
import http from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { attempt, UsageError } from 'vnet'

/** Names a file without opening it (open(2)); Node does not have it. */
const O_PATH = 0x200000
/** Milliseconds of silence that end a connection, also of a client that reads no reply. */
const SILENCE_MS = 60_000

/** Returns a server for GET and HEAD. Throws a UsageError unless `directory` is one. */
export function fileServer(directory: string): http.Server {
  const isDirectory = attempt(() => statSync(directory))?.isDirectory() === true
  if (!isDirectory) {
    throw new UsageError(`${directory} is not a directory: name one with files to serve`)
  }
  const root = realpathSync(directory)
  const server = http.createServer((request, response) => {
    answer(root, request, response).catch(() => response.destroy())
  })
  return server.setTimeout(SILENCE_MS)
}

async function answer(
  root: string,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const isHead = request.method === 'HEAD'
  if (!isHead && request.method !== 'GET') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end()
    return
  }
  const path = attempt(() => decodeURIComponent(new URL(request.url ?? '', 'http://host').pathname))
  if (path === undefined || path.includes('\0')) {
    response.writeHead(400).end()
    return
  }
  const file = await openInside(root, path.replace(/\/$/, '/index.html'))
  if (file === undefined) {
    response.writeHead(404).end()
    return
  }
  try {
    const { size } = await file.stat()
    response.writeHead(200, { 'content-length': size })
    if (isHead || size === 0) {
      response.end()
      return
    }
    // A file that grows meanwhile ends where it did.
    const bytes = file.createReadStream({ end: size - 1, highWaterMark: 2 ** 18, autoClose: false })
    await pipeline(bytes, response, { end: false })
    // After fewer bytes than were promised, the client would take the next reply for the others.
    if (bytes.bytesRead < size) {
      response.destroy()
    } else {
      response.end()
    }
  } finally {
    await file.close()
  }
}

/**
 * Opens a file. Returns undefined if it is not a regular file inside `root`, by whatever links. It
 * looks first, because opening a device may have an effect.
 */
async function openInside(root: string, path: string): Promise<FileHandle | undefined> {
  const named = await unlessMissing(open(join(root, join('/', path)), O_PATH))
  if (named === undefined) return undefined
  try {
    const self = `/proc/self/fd/${named.fd}`
    // The path of this file, even if a link has been changed since.
    const place = await readlink(self)
    if (!place.startsWith(root.replace(/\/?$/, '/')) || !(await named.stat()).isFile()) {
      return undefined
    }
    return await unlessMissing(open(self, constants.O_RDONLY))
  } finally {
    await named.close()
  }
}

/** The errors of a path that this process cannot read, or that does not exist. */
const MISSING = ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG']

async function unlessMissing(opened: Promise<FileHandle>): Promise<FileHandle | undefined> {
  try {
    return await opened
  } catch (error) {
    if (MISSING.includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}
