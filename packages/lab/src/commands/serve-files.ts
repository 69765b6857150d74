/** Serves the files of a directory by HTTP, and nothing outside of it. */
import { constants, realpathSync, statSync } from 'node:fs'
import { type FileHandle, open, readlink } from 'node:fs/promises'
import http from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { attempt, UsageError } from 'vnet/internal/base/index'

/** Without O_NONBLOCK, a FIFO would hold a thread of the pool. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY

/** Returns a server for GET and HEAD. Throws a UsageError unless `directory` is one. */
export function fileServer(directory: string): http.Server {
  const isDirectory = attempt(() => statSync(directory))?.isDirectory() === true
  if (!isDirectory) throw new UsageError(`${directory} is not a directory: name one with files to serve`)
  const root = realpathSync(directory)
  return http.createServer((request, response) => {
    answer(root, request, response).catch(() => response.destroy())
  })
}

async function answer(root: string, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const isHead = request.method === 'HEAD'
  if (!isHead && request.method !== 'GET') return void response.writeHead(405, { allow: 'GET, HEAD' }).end()
  const path = attempt(() => decodeURIComponent(new URL(request.url ?? '', 'http://host').pathname))
  if (path === undefined || path.includes('\0')) return void response.writeHead(400).end()
  const file = await openInside(root, path.replace(/\/$/, '/index.html'))
  if (file === undefined) return void response.writeHead(404).end()
  try {
    const { size } = await file.stat()
    response.writeHead(200, { 'content-length': size })
    // A file that grows meanwhile ends where it did.
    if (isHead || size === 0) response.end()
    else await pipeline(file.createReadStream({ end: size - 1, highWaterMark: 2 ** 18, autoClose: false }), response)
  } finally {
    await file.close()
  }
}

/** Opens a file. Returns undefined if it is not a regular file inside `root`, by whatever links. */
async function openInside(root: string, path: string): Promise<FileHandle | undefined> {
  const file = await open(join(root, join('/', path)), FLAGS).catch(() => undefined)
  if (file === undefined) return undefined
  // The path of the open file, even if a link has been changed since.
  const place = await readlink(`/proc/self/fd/${file.fd}`).catch(() => '')
  if (place.startsWith(root.replace(/\/?$/, '/')) && (await file.stat()).isFile()) return file
  await file.close()
  return undefined
}
